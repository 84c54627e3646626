package rootfs_test

import (
	"archive/tar"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// pythonTar packs the working directory with tarfile, in the format that its argument names.
const pythonTar = `
import sys, tarfile
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=getattr(tarfile, sys.argv[1] + "_FORMAT")) as t:
    t.add(".")
`

// pythonUntar unpacks standard input with tarfile.
const pythonUntar = `
import sys, tarfile
with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as t:
    t.extractall(numeric_owner=True)
`

// run runs a program in a directory, and returns its standard output. It skips the test if there is no such program.
func run(t *testing.T, dir string, stdin []byte, argv ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(argv[0]); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("%v: run make test-deps", err)
	}
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, bytes.NewReader(stdin), &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("running %q: %v\n%s", argv, err, errs.String())
	}
	return out.Bytes()
}

// What a format of tar can say.
const (
	v7 = iota
	gnu
	pax
	exact // as pax, with parts of seconds before 1970, which libarchive reads and writes as after the second
)

// foreignTree is a tree that a format can hold.
func foreignTree(format int) []entry {
	list := []entry{
		dir(".", 0755), dir("d", 01777).Owned(7, 8), file("d/empty", 0, ""), file("d/f", 04755, "content").Owned(1, 2),
		link("d/g", "d/f"), symlink("d/s", "../nowhere"), file("d/last", 0644, strings.Repeat("x", 1025)),
	}
	if format >= gnu {
		deep := strings.Repeat("long-name-", 20)
		list = append(list, dir("e", 0755), file("e/"+deep, 0644, "deep"), symlink("e/s", "../"+deep), link("e/z", "e/"+deep),
			file("e/id", 0644, "").Owned(3_000_000, 4_000_000_000), rootfstest.Char("e/null", 0666, 1, 3),
			entry{Header: tar.Header{Typeflag: tar.TypeFifo, Name: "fifo", Mode: 0600, ModTime: epoch}})
	}
	if format >= pax {
		list = append(list, file("p", 0644, "xattrs").Xattr("user.k", "v\x00w").Xattr("security.capability", rootfstest.Capability).Xattr("trusted.t", "t"),
			file("q", 0644, "times").At(time.Date(1961, 1, 2, 3, 4, 5, 0, time.UTC)), file("r", 0644, "").At(epoch.Add(time.Nanosecond)),
			file("u-\xc3\xbc", 0644, "UTF-8"))
	}
	if format >= exact {
		list = append(list, file("x", 0644, "").At(time.Date(1961, 1, 2, 3, 4, 5, 678, time.UTC)))
	}
	return list
}

// TestTarsOfOthers stages what other programs have packed, in all formats that they know.
func TestTarsOfOthers(t *testing.T) {
	rootfstest.NeedRoot(t)
	gnuTar := func(format string, more ...string) []string {
		return append([]string{"tar", "--create", "--numeric-owner", "--format=" + format, "--file=-"}, append(more, ".")...)
	}
	bsd := func(format string) []string {
		return []string{"bsdtar", "-c", "--numeric-owner", "--xattrs", "--format", format, "-f", "-", "."}
	}
	python := func(format string) []string { return []string{"python3", "-c", pythonTar, format} }
	xattrs := []string{"--xattrs", "--xattrs-include=*"}
	for _, c := range []struct {
		name   string
		argv   []string
		format int
	}{
		{"GNU tar, V7", gnuTar("v7"), v7},
		{"GNU tar, ustar", gnuTar("ustar"), v7},
		{"GNU tar, old GNU", gnuTar("oldgnu"), gnu},
		{"GNU tar, GNU", gnuTar("gnu"), gnu},
		{"GNU tar, PAX", gnuTar("posix", xattrs...), exact},
		{"bsdtar, V7", bsd("v7tar"), v7},
		{"bsdtar, ustar", bsd("ustar"), v7},
		{"bsdtar, GNU", bsd("gnutar"), gnu},
		{"bsdtar, PAX", bsd("pax"), pax},
		{"Python, ustar", python("USTAR"), v7},
		{"Python, GNU", python("GNU"), gnu},
		{"Python, PAX", python("PAX"), gnu},
		{"busybox", []string{"busybox", "tar", "-c", "-f", "-", "."}, v7},
	} {
		t.Run(c.name, func(t *testing.T) {
			from := stage(t, foreignTree(c.format))
			disk := filepath.Join(t.TempDir(), "tree") // with hard links, which a staging root has not
			must(t, rootfs.Tree{Staging: from, Epoch: epoch}.WriteDir(t.Context(), disk))
			s, err := stageLayers(t, layer(run(t, disk, nil, c.argv...)))
			must(t, err)
			if d := cmp.Diff(tree(t, from), tree(t, s)); d != "" {
				t.Errorf("the tree that was packed -, what was staged of it +:\n%s", d)
			}
		})
	}
}

// TestSparseTarsOfOthers stages sparse files as GNU tar stores them. Holes become zeros.
func TestSparseTarsOfOthers(t *testing.T) {
	source := t.TempDir()
	sparse := filepath.Join(source, "f")
	must(t, os.WriteFile(sparse, []byte("head"), 0644))
	must(t, unix.Truncate(sparse, 1<<20))
	f, err := os.OpenFile(sparse, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte("middle"), 600_000)
	must(t, err)
	must(t, f.Close())
	must(t, os.WriteFile(filepath.Join(source, "hole"), nil, 0644))
	must(t, unix.Truncate(filepath.Join(source, "hole"), 300_000))
	for _, format := range [][]string{
		{"--format=oldgnu"}, {"--format=gnu"}, {"--format=posix", "--sparse-version=0.0"}, {"--format=posix", "--sparse-version=0.1"},
		{"--format=posix", "--sparse-version=1.0"},
	} {
		t.Run(strings.Join(format, " "), func(t *testing.T) {
			packed := run(t, source, nil, append(append([]string{"tar"}, format...), "--sparse", "--create", "--file=-", "f", "hole")...)
			if len(packed) > 100_000 {
				t.Errorf("a tar of %d bytes is not sparse", len(packed))
			}
			s, err := stageLayers(t, layer(packed))
			must(t, err)
			for _, name := range []string{"f", "hole"} {
				want, err := os.ReadFile(filepath.Join(source, name))
				must(t, err)
				got, err := os.ReadFile(filepath.Join(s.Dir(), name))
				must(t, err)
				if !bytes.Equal(got, want) {
					t.Errorf("%s has other %d bytes", name, len(got))
				}
			}
		})
	}
}

// TestTarsForOthers has other programs unpack what is packed here, and compares the disks.
func TestTarsForOthers(t *testing.T) {
	rootfstest.NeedRoot(t)
	for _, c := range []struct {
		name   string
		argv   []string
		format int
		// forget are the lines whose times the program gives up.
		forget string
	}{
		{"GNU tar", []string{"tar", "--extract", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--preserve-permissions", "--file=-"}, exact, "none"},
		{"bsdtar", []string{"bsdtar", "-x", "--numeric-owner", "--xattrs", "-p", "-f", "-"}, pax, `5 \d+ 0:0 \./`},
		{"Python", []string{"python3", "-c", pythonUntar}, gnu, `2 `},
		{"busybox", []string{"busybox", "tar", "-x", "-p", "-f", "-"}, v7, `[25] `},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := stage(t, foreignTree(c.format))
			var packed bytes.Buffer
			must(t, (rootfs.Tree{Staging: s, Epoch: epoch}).WriteTar(t.Context(), &packed))
			to := t.TempDir()
			run(t, to, packed.Bytes(), c.argv...)
			forget := regexp.MustCompile(`^(` + c.forget + `.*) @\S+`)
			var lists [2][]string
			for i, list := range [][]string{tree(t, s), snapshot(t, to)} {
				for _, line := range list {
					lists[i] = append(lists[i], forget.ReplaceAllString(line, "$1"))
				}
			}
			if d := cmp.Diff(lists[0], lists[1]); d != "" {
				t.Errorf("the tree -, what was unpacked of it +:\n%s", d)
			}
		})
	}
}
