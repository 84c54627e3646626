package main

import (
	"archive/tar"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

const osRelease = `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
`

// capNetRaw is the extended attribute security.capability with cap_net_raw (bit 13) permitted and effective, in
// revision 2: struct vfs_ns_cap_data in linux/capability.h.
const capNetRaw = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

func hostArch() string { return runtime.GOARCH }

// writeSmall writes the images of testdata/images.
func writeSmall(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	m := minimal()
	l, s, err := m.writeLayout(at("minimal"))
	if err != nil {
		return err
	}
	if err := writeOCIArchive(at("oci.tar"), l); err != nil {
		return err
	}
	if err := writeDockerArchive(at("docker.tar"), "localhost/minimal:latest", l, m, s); err != nil {
		return err
	}
	if err := writeTarball(at("rootfs.tar.gz"), minimalTree()); err != nil {
		return err
	}
	if _, _, err := twoLayers().writeLayout(at("two-layers")); err != nil {
		return err
	}
	return writeIndex(at("index"), []image{tiny("amd64"), tiny("arm64")})
}

// minimal is an image of minimalTree.
func minimal() image {
	return image{
		arch:   "amd64",
		layers: []func(io.Writer) error{layerOf(minimalTree())},
		by:     []string{"mkimages minimal"},
		config: runConfig{Env: []string{defaultPath}, Cmd: []string{"/bin/sh"}},
	}
}

// minimalTree is the least that looks like a Debian root file system to those who provision it. No program in it can run.
func minimalTree() []entry {
	return []entry{
		symlink("bin", "usr/bin"),
		dir("etc", 0o755),
		file("etc/group", 0o644, "root:x:0:\ndaemon:x:1:\nshadow:x:42:\nusers:x:100:\nnogroup:x:65534:\n"),
		file("etc/hostname", 0o644, "localhost\n"),
		file("etc/os-release", 0o644, osRelease),
		file("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"),
		file("etc/shadow", 0o640, "root:*:19844:0:99999:7:::\nnobody:*:19844:0:99999:7:::\n").owned(0, 42),
		dir("etc/ssh", 0o755),
		file("etc/ssh/sshd_config", 0o644, "Port 22\n#PermitRootLogin prohibit-password\nUsePAM yes\n"),
		dir("home", 0o755),
		dir("root", 0o700),
		dir("run", 0o755),
		dir("tmp", 0o1777),
		dir("usr", 0o755),
		dir("usr/bin", 0o755),
		file("usr/bin/true", 0o755, "#!/bin/sh\n"),
		dir("usr/share", 0o755),
		dir("var", 0o755),
		dir("var/lib", 0o755),
		symlink("var/run", "/run"),
		dir("var/tmp", 0o1777),
	}
}

// tiny is an image that tells which platform it is for.
func tiny(arch string) image {
	tree := []entry{dir("etc", 0o755), file("etc/os-release", 0o644, osRelease), file("etc/platform", 0o644, "linux/"+arch+"\n")}
	return image{
		arch: arch, layers: []func(io.Writer) error{layerOf(tree)}, by: []string{"mkimages " + arch},
		config: runConfig{Env: []string{defaultPath}},
	}
}

// twoLayers is an image of everything that a layer can say: see lower and upper.
func twoLayers() image {
	return image{
		arch:   "amd64",
		layers: []func(io.Writer) error{layerOf(lower()), layerOf(upper())},
		by:     []string{"mkimages lower", "mkimages upper"},
		config: runConfig{
			Env: []string{defaultPath, "LANG=C.UTF-8"}, Cmd: []string{"/bin/sh"},
			Labels: map[string]string{"org.opencontainers.image.title": "two-layers"},
		},
		unknown: "kept as it is",
	}
}

// lower is the first layer of twoLayers.
func lower() []entry {
	perl := file("usr/bin/perl", 0o755, "#!/bin/sh\nexit 0\n")
	shared := file("usr/share/doc/a", 0o644, "one text under three names\n")
	long := "usr/share/" + strings.Repeat("long-", 30) + "directory"
	return append(minimalTree(),
		// Devices and FIFOs, which a plain user cannot all make.
		dir("dev", 0o755),
		device("dev/null", tar.TypeChar, 0o666, 1, 3),
		device("dev/vda", tar.TypeBlock, 0o660, 254, 0).owned(0, 6),
		fifo("run/initctl", 0o600),
		// Owners, of them one that octal digits in a tar header cannot hold, and special mode bits.
		dir("home/alice", 0o700).owned(1000, 1000),
		file("home/alice/.profile", 0o600, "umask 027\n").owned(1000, 1000),
		file("home/far", 0o644, "owned by a user of a large ID\n").owned(3_000_000, 3_000_001),
		file("usr/bin/su", 0o4755, "#!/bin/sh\n"),
		file("usr/bin/wall", 0o2755, "#!/bin/sh\n").owned(0, 5),
		file("usr/bin/ping", 0o755, "#!/bin/sh\n").xattr("security.capability", capNetRaw),
		// Two link groups: nobody touches perl's, the upper layer takes a name out of the other.
		perl, hardlink("usr/bin/perl5.36.0", perl),
		dir("usr/share/doc", 0o755),
		shared, hardlink("usr/share/doc/b", shared), hardlink("usr/share/doc/c", shared),
		// Names and times that need PAX records.
		dir(long, 0o755),
		file(long+"/"+strings.Repeat("n", 120), 0o644, "a long name\n"),
		file("usr/share/Gr\u00fc\u00dfe", 0o644, "a name in UTF-8\n"),
		file("etc/ancient.conf", 0o644, "before 1970\n").at(time.Date(1965, 6, 1, 0, 0, 0, 0, time.UTC)),
		file("etc/precise.conf", 0o644, "to the nanosecond\n").at(time.Date(2023, 2, 3, 4, 5, 6, 123456789, time.UTC)),
		// What the upper layer removes, hides or turns into something else.
		file("etc/removed.conf", 0o644, "to be removed\n"),
		dir("srv", 0o755), dir("srv/tree", 0o755), file("srv/tree/leaf", 0o644, "to be removed with its tree\n"),
		dir("var/cache", 0o755), dir("var/cache/opaque", 0o755), file("var/cache/opaque/old", 0o644, "to be hidden\n"),
		dir("opt", 0o755), dir("opt/flip", 0o755), file("opt/flip/child", 0o644, "to be replaced with its directory\n"),
		file("opt/flop", 0o644, "to become a directory\n"),
	)
}

// upper is the second layer of twoLayers. Whiteouts are as in the OCI image-spec, layer.md, "Whiteouts".
func upper() []entry {
	later := stamp.Add(time.Hour)
	return []entry{
		dir("etc", 0o755).at(later),
		file("etc/.wh.removed.conf", 0, ""),
		file("etc/hostname", 0o600, "two-layers\n").at(later),
		dir("opt", 0o755),
		file("opt/flip", 0o644, "was a directory\n"),
		dir("opt/flop", 0o750),
		file("opt/flop/child", 0o640, "below what was a file\n"),
		dir("srv", 0o755),
		file("srv/.wh.tree", 0, ""),
		dir("usr", 0o755), dir("usr/share", 0o755), dir("usr/share/doc", 0o755),
		file("usr/share/doc/b", 0o644, "a file of its own now\n").at(later),
		dir("var", 0o755), dir("var/cache", 0o755), dir("var/cache/opaque", 0o755),
		file("var/cache/opaque/.wh..wh..opq", 0, ""),
		file("var/cache/opaque/new", 0o644, "shown\n"),
	}
}
