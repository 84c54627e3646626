package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// judgedHistories are how many random histories are judged, and firstJudged is the seed of the first: they are others
// than package rootfs tries by itself. None has an opaque mark in a symlink that leads to itself, which umoci refuses.
const (
	judgedHistories = 60
	firstJudged     = 1_000_000
)

// TestRealHistories changes many random bases at random, in one image, and has that image unpacked by programs that know
// nothing of holo-build. What they unpack must be the tree that holo-build writes as a directory.
func TestRealHistories(t *testing.T) {
	w := newWorkshop(t)
	t.Logf("seeds %d to %d", firstJudged, firstJudged+judgedHistories-1)
	histories := map[string]rootfstest.History{}
	for i := range judgedHistories {
		h := rootfstest.NewHistory(uint64(firstJudged+i), rootfstest.HistoryOptions{Foreign: true, Bundled: true})
		histories[fmt.Sprintf("h%d", h.Seed)] = h
	}
	r := w.replay(t, histories)
	want := describeTree(t, r.dir)

	t.Run("umoci", func(t *testing.T) {
		compareHistories(t, histories, want, w.unpackWithUmoci(t, r.flat, r.change))
	})
	t.Run("umoci with layers as they came", func(t *testing.T) {
		want, got := maps.Clone(want), w.unpackWithUmoci(t, append(slices.Clone(r.base), r.change)...)
		// A directory that no layer has an entry for, or that one has whiteouts in, gets the time of unpacking from
		// umoci. What our layer has an entry for must have its time.
		forgetDirectoryTimes(want, r.change.names(t))
		forgetDirectoryTimes(got, r.change.names(t))
		compareHistories(t, histories, want, got)
	})
	t.Run("podman", func(t *testing.T) {
		// Podman takes no layer with two entries of one name, nor one with a hard link to another layer's file: of the
		// random base it gets what it comes to.
		want, got := maps.Clone(want), w.mountWithPodman(t, r.flat, r.change)
		forgetHiddenLinks(got)
		// It takes no entry for the root itself, and makes that 0555 instead.
		delete(want, ".")
		delete(got, ".")
		// It gives only symlinks a time before 1970: what else is older gets the first second of that year.
		for name, line := range want {
			if !strings.HasPrefix(line, "120777 ") {
				want[name] = before1970.ReplaceAllString(line, " 0.000000000")
			}
		}
		compareHistories(t, histories, want, got)
	})
}

// plainLayer is a layer's tar. It implements rootfs.Layer by the Layer in it.
type plainLayer struct{ rootfstest.Layer }

// names returns the names that the layer has an entry for, as paths.
func (l plainLayer) names(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	r := tar.NewReader(bytes.NewReader(l.Layer))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names[path.Clean(h.Name)] = true
	}
}

// replayed is what became of histories, side by side in one tree.
type replayed struct {
	// base are the layers as they were staged, flat the same tree in one layer, and change is the layer packed.
	base         []plainLayer
	flat, change plainLayer
	// dir is the changed tree on the disk.
	dir string
}

// replay stages the bases of histories side by side, and does the edits of each in its own part.
func (w *workshop) replay(t *testing.T, histories map[string]rootfstest.History) replayed {
	t.Helper()
	var r replayed
	var layers []rootfs.Layer
	for _, entries := range baseLayers(histories) {
		l := plainLayer{rootfstest.Tar(t, entries...)}
		r.base, layers = append(r.base, l), append(layers, l)
	}
	dir := w.scratch(t)
	s, err := rootfs.Stage(t.Context(), layers, rootfs.StageOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	tree := rootfs.Tree{Staging: s, Epoch: rootfstest.Epoch}
	var flat, change bytes.Buffer
	if err := tree.WriteTar(t.Context(), &flat); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(histories)) {
		if err := replayBelow(t, s, name, histories[name]); err != nil {
			t.Fatalf("%s: %v\n%v", name, err, histories[name])
		}
	}
	changes, err := s.Changes()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.WriteLayer(t.Context(), &change, changes, rootfs.PackOptions{Epoch: rootfstest.Epoch}); err != nil {
		t.Fatal(err)
	}
	r.dir = filepath.Join(dir, "tree")
	if err := tree.WriteDir(t.Context(), r.dir); err != nil {
		t.Fatal(err)
	}
	r.flat, r.change = plainLayer{flat.Bytes()}, plainLayer{change.Bytes()}
	return r
}

// replayBelow does a history's edits below a directory, and looks at the disk whenever it has to.
func replayBelow(t *testing.T, s *rootfs.Staging, dir string, h rootfstest.History) error {
	by := rootfs.Actor{Kind: "build"}
	root := rootfs.Sub(s.Root(by), dir)
	foreign := false
	for _, e := range h.Edits {
		if foreign && !e.Foreign {
			if err := s.Rescan(t.Context(), by); err != nil {
				return err
			}
		}
		foreign = e.Foreign
		do := func() error { return e.Bundled(root) }
		if foreign {
			do = func() error { return e.Disk(filepath.Join(s.Dir(), dir)) }
		}
		if err := do(); err != nil {
			return fmt.Errorf("doing %v: %w", e, err)
		}
	}
	return s.Rescan(t.Context(), by)
}

// baseLayers puts the bases of histories side by side, each below a directory of its own.
func baseLayers(histories map[string]rootfstest.History) [][]rootfstest.Entry {
	out := [][]rootfstest.Entry{{rootfstest.Dir(".", 0o755)}}
	for _, dir := range slices.Sorted(maps.Keys(histories)) {
		out[0] = append(out[0], rootfstest.Dir(dir, 0o755))
		for i, layer := range histories[dir].Layers {
			if i == len(out) {
				out = append(out, nil)
			}
			for _, e := range layer {
				out[i] = append(out[i], moveBelow(dir, e))
			}
		}
	}
	return out
}

// moveBelow returns an entry as it is below a directory. Nobody here follows symlinks, so their targets may stay.
func moveBelow(dir string, e rootfstest.Entry) rootfstest.Entry {
	isDir := strings.HasSuffix(e.Name, "/")
	e.Name = path.Join(dir, e.Name)
	if isDir {
		e.Name += "/"
	}
	if e.Typeflag == tar.TypeLink {
		e.Linkname = path.Join(dir, e.Linkname)
	}
	return e
}

// newImage returns an image of layers.
func (w *workshop) newImage(t *testing.T, layers ...plainLayer) *oci.Image {
	t.Helper()
	img, err := oci.Scratch{}.Open(t.Context(), "", oci.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dir := w.scratch(t)
	for _, plain := range layers {
		l, err := oci.NewLayer(t.Context(), oci.LayerOptions{Dir: dir}, func(out io.Writer) error {
			_, err := out.Write(plain.Layer)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if img, err = oci.Append(t.Context(), img, oci.AppendOptions{Layer: &l, Created: rootfstest.Epoch, Dir: dir}); err != nil {
			t.Fatal(err)
		}
	}
	return img
}

// unpackWithUmoci describes what umoci unpacks of an image of layers.
func (w *workshop) unpackWithUmoci(t *testing.T, layers ...plainLayer) map[string]string {
	t.Helper()
	need(t, "umoci")
	dir := w.scratch(t)
	layout, bundle := filepath.Join(dir, "layout"), filepath.Join(dir, "bundle")
	ocitest.Write(t, oci.Layout{}, layout+":latest", oci.Result{Image: w.newImage(t, layers...)})
	w.run(t, variation{}, "umoci", "unpack", "--image", layout+":latest", bundle)
	return describeTree(t, filepath.Join(bundle, "rootfs"))
}

// mountWithPodman describes what podman mounts as an image of layers, in a store of its own.
func (w *workshop) mountWithPodman(t *testing.T, layers ...plainLayer) map[string]string {
	t.Helper()
	need(t, "podman", "runc")
	dir := w.scratch(t)
	archive, root, conf := filepath.Join(dir, "image.tar"), filepath.Join(dir, "root"), filepath.Join(dir, "containers.conf")
	const name = "localhost/histories:latest"
	ocitest.Write(t, oci.DockerArchive{}, archive+":"+name, oci.Result{Image: w.newImage(t, layers...)})
	if err := os.WriteFile(conf, []byte(containersConf), 0o644); err != nil {
		t.Fatal(err)
	}
	v := variation{env: []string{"CONTAINERS_CONF=" + conf, "TMPDIR=" + dir}}
	podman := func(args ...string) string {
		return w.run(t, v, "podman", append([]string{"--root", root, "--runroot", filepath.Join(dir, "run")}, args...)...)
	}
	t.Cleanup(func() { unmount(t, filepath.Join(root, "overlay")) })
	podman("load", "-i", archive)
	mounted := strings.TrimSpace(podman("image", "mount", name))
	t.Cleanup(func() { unmount(t, mounted) })
	return describeTree(t, mounted)
}

// emptyXattr matches an attribute without a value. Neither umoci nor podman sets one: archive/tar, by which they read,
// takes an empty PAX record for none, as POSIX has it.
var emptyXattr = regexp.MustCompile(` [a-z]+\.[^ =]+=( |$)`)

// before1970 matches a time in a description, with its nanoseconds.
var before1970 = regexp.MustCompile(` -\d+\.\d{9}`)

// forgetDirectoryTimes takes the times out of what directories are described as, but for those that are named.
func forgetDirectoryTimes(tree map[string]string, but map[string]bool) {
	for name, line := range tree {
		if strings.HasPrefix(line, "4") && !but[name] {
			fields := strings.Fields(line)
			tree[name] = strings.Join(slices.Delete(fields, 2, 3), " ")
		}
	}
}

// linkGroup matches what a hard link is described as.
var linkGroup = regexp.MustCompile(` links \d+ with (\S+)$`)

// forgetHiddenLinks counts hard links anew, by the names that can be seen: overlay answers with the number of the file
// below, of which another layer may have taken a name away.
func forgetHiddenLinks(tree map[string]string) {
	names := map[string]int{}
	for _, line := range tree {
		if m := linkGroup.FindStringSubmatch(line); m != nil {
			names[m[1]]++
		}
	}
	for name, line := range tree {
		m := linkGroup.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		line = strings.TrimSuffix(line, m[0])
		if n := names[m[1]]; n > 1 {
			line += fmt.Sprintf(" links %d with %s", n, m[1])
		}
		tree[name] = line
	}
}

// compareHistories compares what two trees are described as, and tells of the histories whose files differ.
func compareHistories(t *testing.T, histories map[string]rootfstest.History, want, got map[string]string) {
	t.Helper()
	if len(want) < 5*len(histories) {
		t.Errorf("only %d files from %d histories", len(want), len(histories))
	}
	all := maps.Clone(want)
	maps.Copy(all, got)
	broken := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if w, g := emptyXattr.ReplaceAllString(want[name], "$1"), emptyXattr.ReplaceAllString(got[name], "$1"); w != g {
			top, _, _ := strings.Cut(name, "/")
			broken[top] = append(broken[top], fmt.Sprintf("%s:\n  want %s\n  got  %s", name, w, g))
		}
	}
	for i, top := range slices.Sorted(maps.Keys(broken)) {
		if i == 3 {
			t.Errorf("%d more histories differ", len(broken)-i)
			break
		}
		t.Errorf("%s\n%v", strings.Join(broken[top], "\n"), histories[top])
	}
}

// TestForgetNothingElse shows that what the judges are known to do otherwise is all that is not compared.
func TestForgetNothingElse(t *testing.T) {
	tree := map[string]string{
		"alone": "100644 0:0 5.000000000 links 3 with alone",
		"dir":   "40755 0:0 5.000000000 user.k=76",
		"named": "40755 0:0 5.000000000",
		"one":   "100644 0:0 5.000000000 links 3 with one",
		"two":   "100644 0:0 5.000000000 links 3 with one",
	}
	forgetHiddenLinks(tree)
	forgetDirectoryTimes(tree, map[string]bool{"named": true})
	want := map[string]string{
		"alone": "100644 0:0 5.000000000",
		"dir":   "40755 0:0 user.k=76",
		"named": "40755 0:0 5.000000000",
		"one":   "100644 0:0 5.000000000 links 2 with one",
		"two":   "100644 0:0 5.000000000 links 2 with one",
	}
	if d := cmp.Diff(want, tree); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got, want := emptyXattr.ReplaceAllString("x user.k= user.l=77 user.m=", "$1"), "x user.l=77"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := before1970.ReplaceAllString("x -5.000000001 -> -5", " 0.000000000"), "x 0.000000000 -> -5"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
