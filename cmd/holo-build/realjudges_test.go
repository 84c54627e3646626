package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/ocitest"
)

// judge is a way to have an image unpacked that is not ours. A *disagreement is its verdict, unless there is none.
type judge struct {
	name  string
	judge func(t *testing.T, w *workshop, r replayed) error
}

var judges = []judge{
	{"umoci", func(t *testing.T, w *workshop, r replayed) error {
		got, err := w.unpackWithUmoci(t, r.flat, r.change)
		if err != nil {
			return err
		}
		return compareDescribed(describeTree(t, r.dir), got)
	}},
	{"umoci with layers as they came", func(t *testing.T, w *workshop, r replayed) error {
		got, err := w.unpackWithUmoci(t, append(slices.Clone(r.base), r.change)...)
		if err != nil {
			return err
		}
		// A directory that no layer has an entry for, or that one has whiteouts in, gets the time of unpacking from
		// umoci, and the former the group of its parent, if that is setgid. What our layer has an entry for must be right.
		top, layers := r.change.modes(t), map[string]int64{}
		for _, l := range r.base {
			for name, mode := range l.modes(t) {
				layers[name] |= mode
			}
		}
		want := describeTree(t, r.dir)
		forgetDirectories(want, top, layers)
		forgetDirectories(got, top, layers)
		return compareDescribed(want, got)
	}},
	{"podman", func(t *testing.T, w *workshop, r replayed) error {
		// Podman takes no layer with two entries of one name, nor one with a hard link to another layer's file: of the
		// random base it gets what it comes to.
		got, err := w.mountWithPodman(t, r.flat, r.change)
		if err != nil {
			return err
		}
		want := describeTree(t, r.dir)
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
		return compareDescribed(want, got)
	}},
}

// unpackWithUmoci describes what umoci unpacks of an image of layers.
func (w *workshop) unpackWithUmoci(t *testing.T, layers ...plainLayer) (map[string]string, error) {
	t.Helper()
	dir := w.scratch(t)
	layout, bundle := filepath.Join(dir, "layout"), filepath.Join(dir, "bundle")
	ocitest.Write(t, oci.Layout{}, layout+":latest", oci.Result{Image: w.newImage(t, layers...)})
	if _, err := w.try(t, variation{}, "umoci", "unpack", "--image", layout+":latest", bundle); err != nil {
		return nil, &disagreement{err.Error()}
	}
	return describeTree(t, filepath.Join(bundle, "rootfs")), nil
}

// mountWithPodman describes what podman mounts as an image of layers, in a store of its own.
func (w *workshop) mountWithPodman(t *testing.T, layers ...plainLayer) (map[string]string, error) {
	t.Helper()
	dir := w.scratch(t)
	archive, root, conf := filepath.Join(dir, "image.tar"), filepath.Join(dir, "root"), filepath.Join(dir, "containers.conf")
	const name = "localhost/histories:latest"
	ocitest.Write(t, oci.DockerArchive{}, archive+":"+name, oci.Result{Image: w.newImage(t, layers...)})
	if err := os.WriteFile(conf, []byte(containersConf), 0o644); err != nil {
		t.Fatal(err)
	}
	v := variation{env: []string{"CONTAINERS_CONF=" + conf, "TMPDIR=" + dir}}
	podman := func(args ...string) (string, error) {
		out, err := w.try(t, v, "podman", append([]string{"--root", root, "--runroot", filepath.Join(dir, "run")}, args...)...)
		if err != nil {
			err = &disagreement{err.Error()}
		}
		return strings.TrimSpace(out), err
	}
	t.Cleanup(func() { unmount(t, filepath.Join(root, "overlay")) })
	if _, err := podman("load", "-i", archive); err != nil {
		return nil, err
	}
	mounted, err := podman("image", "mount", name)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { unmount(t, mounted) })
	return describeTree(t, mounted), nil
}
