package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestReal provisions a real Debian image and has the outcome judged by programs that know nothing of holo-build. It
// runs as root only, since the judges need that.
func TestReal(t *testing.T) {
	w := newWorkshop(t)
	resources := writeResources(t, filepath.Join(w.dir, "resources"))
	layout, tree := filepath.Join(w.dir, "out"), filepath.Join(w.dir, "tree")
	digest := w.build(t, variation{}, "oci:"+w.debian(t), "-r", resources, "-o", "oci:"+layout+":latest", "-o", "rootfs:"+tree)

	t.Run("base layers", func(t *testing.T) {
		before, after := readImage(t, w.debian(t), ""), readImage(t, layout, digest)
		if n := len(before.Layers); len(after.Layers) != n+1 || !cmp.Equal(after.Layers[:n], before.Layers) {
			t.Errorf("layers before %v, after %v: want the same and one more", before.Layers, after.Layers)
		}
	})
	t.Run("skopeo", func(t *testing.T) { w.testSkopeo(t, layout, digest) })
	t.Run("umoci", func(t *testing.T) { w.testUmoci(t, layout, tree) })
	t.Run("podman", func(t *testing.T) { w.testPodman(t, layout) })
	t.Run("reproducible", func(t *testing.T) {
		for _, v := range w.variations(t) {
			t.Run(v.name, func(t *testing.T) {
				out := filepath.Join(w.scratch(t), "out")
				if got := w.build(t, v, "oci:"+w.debian(t), "-r", resources, "-o", "oci:"+out+":latest"); got != digest {
					t.Errorf("got %s, want %s as before", got, digest)
				}
			})
		}
	})
}

// TestRealPlainUser provisions the committed images as root and as a plain user, who can make neither the devices nor
// the owners of the tree, and who runs a foreign plugin.
func TestRealPlainUser(t *testing.T) {
	w := newWorkshop(t)
	data := filepath.Join(w.dir, "testdata")
	if err := os.CopyFS(data, os.DirFS(filepath.Join(repository, "testdata"))); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{
		"oci:images/minimal", "oci:images/two-layers", "oci-archive:images/oci.tar", "docker-archive:images/docker.tar",
		"tar:images/rootfs.tar.gz",
	} {
		t.Run(source, func(t *testing.T) {
			transport, rest, _ := strings.Cut(source, ":")
			var digests []string
			for _, v := range []variation{{name: "root"}, {name: "plain", as: plainUser(), umask: "077"}} {
				v.env = []string{"TMPDIR=" + w.scratch(t)}
				digests = append(digests, w.build(t, v, transport+":"+filepath.Join(data, rest),
					"-r", filepath.Join(data, "demo"), "--plugin", "greeting="+filepath.Join(data, "demo-plugins/holo-greeting"),
					"-o", "oci:"+filepath.Join(w.scratch(t), "out")+":latest"))
			}
			if digests[0] != digests[1] {
				t.Errorf("root got %s, a plain user %s", digests[0], digests[1])
			}
		})
	}
}

// testSkopeo copies the image to a docker-archive and back. Skopeo hashes all that it copies.
func (w *workshop) testSkopeo(t *testing.T, layout, digest string) {
	need(t, "skopeo")
	dir := w.scratch(t)
	archive, back := "docker-archive:"+dir+"/image.tar:localhost/real:latest", "oci:"+dir+"/back:latest"
	w.run(t, variation{}, "skopeo", "--insecure-policy", "copy", "oci:"+layout+":latest", archive)
	w.run(t, variation{}, "skopeo", "--insecure-policy", "copy", archive, back)
	want := readImage(t, layout, digest)
	got := readImage(t, dir+"/back", "")
	if !cmp.Equal(got.DiffIDs, want.DiffIDs) || len(got.Layers) != len(got.DiffIDs) {
		t.Errorf("after a copy there and back: %d layers of DiffIDs %v, want %v", len(got.Layers), got.DiffIDs, want.DiffIDs)
	}
}

// testUmoci unpacks the image and compares it with the tree that holo-build wrote, metadata included.
func (w *workshop) testUmoci(t *testing.T, layout, tree string) {
	need(t, "umoci")
	bundle := filepath.Join(w.scratch(t), "bundle")
	w.run(t, variation{}, "umoci", "unpack", "--image", layout+":latest", bundle)
	compareTrees(t, filepath.Join(bundle, "rootfs"), tree)
}

// containersConf makes podman work where root may not raise limits and control groups are hybrid: fixed limits, runc, no
// network and no journal (containers.conf(5)).
const containersConf = `[containers]
default_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]
netns = "none"
[engine]
runtime = "runc"
events_logger = "none"
`

// testPodman loads the image into a store of its own and runs a program of it.
func (w *workshop) testPodman(t *testing.T, layout string) {
	podman := w.podman(t, layout)
	got := w.run(t, podman.v, "podman", podman.args("run", "--rm", "--network=none", podman.image, "cat", "/"+newFile(7))...)
	if want := newContent(7); got != want {
		t.Errorf("cat /%s in a container printed %q, want %q", newFile(7), got, want)
	}
}

// podman is a podman with a store of its own, which has an image.
type podman struct {
	v     variation
	store []string
	image string
}

// args are the arguments of podman for a command.
func (p podman) args(command ...string) []string { return append(slices.Clone(p.store), command...) }

// podman loads the image of a layout, tag latest, into a store of its own.
func (w *workshop) podman(t *testing.T, layout string) podman {
	t.Helper()
	need(t, "podman", "runc", "skopeo")
	dir := w.scratch(t)
	archive, root := filepath.Join(dir, "image.tar"), filepath.Join(dir, "root")
	w.run(t, variation{}, "skopeo", "--insecure-policy", "copy", "oci:"+layout+":latest", "docker-archive:"+archive+":localhost/real:latest")
	conf := filepath.Join(dir, "containers.conf")
	if err := os.WriteFile(conf, []byte(containersConf), 0o644); err != nil {
		t.Fatal(err)
	}
	v := variation{env: []string{"CONTAINERS_CONF=" + conf, "TMPDIR=" + dir}}
	p := podman{v, []string{"--root", root, "--runroot", filepath.Join(dir, "run")}, "localhost/real:latest"}
	t.Cleanup(func() {
		p.settle(t)
		unmount(t, filepath.Join(root, "overlay"))
	})
	w.run(t, v, "podman", p.args("load", "-i", archive)...)
	return p
}

// settle waits until no container is left: one whose client was ended, as ssh(1) ends its proxy, is removed by podman's
// monitor a moment later, while a test already removes the directory.
func (p podman) settle(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for range 100 {
		cmd := exec.CommandContext(ctx, "podman", p.args("ps", "--all", "--quiet")...)
		cmd.Env = append(os.Environ(), p.v.env...)
		if out, err := cmd.Output(); err != nil || len(out) == 0 {
			return // an error: there is nothing to ask
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error("a container is still there")
}

// newFiles is the number of files that the resources add to the image.
const newFiles = 50

func newFile(i int) string    { return fmt.Sprintf("etc/real/part%d/file%02d.conf", i%3, i) }
func newContent(i int) string { return strings.Repeat(fmt.Sprintf("line of file %d\n", i), i+1) }

// writeResources makes a resource tree of new files, a symlink, a replaced file and a holoscript.
func writeResources(t *testing.T, dir string) string {
	t.Helper()
	top := filepath.Join(dir, "files", "50-real")
	for i := range newFiles {
		writeResource(t, filepath.Join(top, newFile(i)), newContent(i), 0o644)
	}
	writeResource(t, filepath.Join(top, "etc/issue"), "Provisioned.\n", 0o644)
	writeResource(t, filepath.Join(top, "etc/host.conf.holoscript"), "#!/bin/sh\nexec tr a-z A-Z\n", 0o755)
	if err := os.Symlink("part0/file00.conf", filepath.Join(top, "etc/real/default.conf")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func writeResource(t *testing.T, name, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// imageSummary is what an image in a layout consists of, as digests.
type imageSummary struct{ Layers, DiffIDs []string }

// readImage reads an image of a layout: the manifest of the given digest, or else the only one.
func readImage(t *testing.T, layout, digest string) imageSummary {
	t.Helper()
	type reference struct{ Digest string }
	var index struct{ Manifests []reference }
	readJSON(t, filepath.Join(layout, "index.json"), &index)
	if digest == "" && len(index.Manifests) == 1 {
		digest = index.Manifests[0].Digest
	}
	if !slices.Contains(index.Manifests, reference{digest}) {
		t.Fatalf("%s: index.json has %v, want manifest %q", layout, index.Manifests, digest)
	}
	blob := func(digest string) string {
		return filepath.Join(layout, "blobs", strings.Replace(digest, ":", "/", 1))
	}
	var manifest struct {
		Config reference
		Layers []reference
	}
	readJSON(t, blob(digest), &manifest)
	var config struct {
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	readJSON(t, blob(manifest.Config.Digest), &config)
	s := imageSummary{DiffIDs: config.RootFS.DiffIDs}
	for _, l := range manifest.Layers {
		s.Layers = append(s.Layers, l.Digest)
	}
	return s
}

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatalf("reading %s: %v", name, err)
	}
}
