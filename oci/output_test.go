package oci_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/ocitest"
)

func fifo(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

var fileTransports = map[string]oci.Transport{"oci-archive": oci.Archive{}, "docker-archive": oci.DockerArchive{}, "tar": oci.Tarball{}}

func testResult(t *testing.T) oci.Result {
	t.Helper()
	return oci.Result{Image: ocitest.Small(t, ocitest.Options{}), Tree: ocitest.Tree{"a/b": "c"}}
}

func TestCreateFails(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "file", "x")
	if err := os.MkdirAll(filepath.Join(dir, "full/x"), 0o755); err != nil {
		t.Fatal(err)
	}
	fifo(t, filepath.Join(dir, "fifo"))
	if err := os.Symlink("nowhere", filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	tests := map[string][]string{
		"oci-archive": {"full", "missing/x", "file/x", "fifo", "dangling"}, "docker-archive": {"full", "missing/x", "file/x", "fifo"},
		"tar": {"full", "missing/x", "file/x", "fifo"}, "oci": {"full", "file", "missing/x", "file/x", "fifo", "dangling"},
		"rootfs": {"full", "file", "fifo", "missing/x", "file/x", "dangling"},
	}
	transports := map[string]oci.Transport{"oci": oci.Layout{}, "rootfs": oci.RootFS{}}
	for n, tr := range fileTransports {
		transports[n] = tr
	}
	ocitest.Unchanged(t, dir+"/full", func() {
		for n, names := range tests {
			for _, name := range names {
				_, err := transports[n].Create(t.Context(), filepath.Join(dir, name), oci.CreateOptions{Dir: dir})
				if err == nil || !strings.Contains(err.Error(), n+":"+filepath.Join(dir, name)) {
					t.Errorf("%s:%s: error %v does not name the destination", n, name, err)
				}
			}
		}
	})
	if _, err := (oci.Scratch{}).Create(t.Context(), "", oci.CreateOptions{}); !errors.Is(err, oci.ErrReference) {
		t.Errorf("scratch: %v", err)
	}
}

func TestStdinAndStdout(t *testing.T) {
	r := testResult(t)
	for name, tr := range fileTransports {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			dir := t.TempDir()
			d, err := tr.Create(t.Context(), "-", oci.CreateOptions{Dir: dir, Stdout: &out})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Write(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if out.Len() > 0 {
				t.Error("something was written before Commit")
			}
			if err := d.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "file")
			ocitest.Write(t, tr, file, r)
			want, err := os.ReadFile(file)
			if err != nil || !bytes.Equal(want, out.Bytes()) {
				t.Errorf("standard output has other %d bytes than the file (%v)", out.Len(), err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("%d scratch files stayed (%v)", len(left), err)
			}
			img, err := tr.Open(t.Context(), "-", oci.OpenOptions{Dir: dir, Stdin: &out})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				for _, l := range img.Layers {
					if err := ocitest.ReadLayer(t.Context(), l); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

// The same result gives the same bytes, and what was at the place before is gone.
func TestFilesAreDeterministic(t *testing.T) {
	r := testResult(t)
	for name, tr := range fileTransports {
		a, b := filepath.Join(t.TempDir(), "x.gz"), filepath.Join(t.TempDir(), "x.gz")
		put(t, filepath.Dir(b), "x.gz", strings.Repeat("old", 1<<20))
		da, db := ocitest.Write(t, tr, a, r), ocitest.Write(t, tr, b, r)
		ba, err := os.ReadFile(a)
		if err != nil {
			t.Fatal(err)
		}
		bb, err := os.ReadFile(b)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ba, bb) || da != db {
			t.Errorf("%s: two files for one result", name)
		}
		if want := fmt.Sprintf("sha256:%x", sha256.Sum256(ba)); name == "tar" && da != want {
			t.Errorf("%s: digest %s, want the file's, %s", name, da, want)
		}
	}
}

func TestRootFS(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "new")
	tree := ocitest.Tree{"etc/x": "1", "y": "2"}
	ocitest.Unchanged(t, parent, func() {
		d, err := oci.RootFS{}.Create(t.Context(), dir, oci.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Write(t.Context(), oci.Result{Tree: tree}); err != nil {
			t.Fatal(err)
		}
		if err := d.Abort(); err != nil {
			t.Fatal(err)
		}
	})
	digest := ocitest.Write(t, oci.RootFS{}, dir, oci.Result{Tree: tree})
	var b bytes.Buffer
	if err := tree.WriteTar(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("sha256:%x", sha256.Sum256(b.Bytes())); digest != want {
		t.Errorf("digest %s, want the DiffID %s", digest, want)
	}
	names, err := filepath.Glob(filepath.Join(parent, "*"))
	if diff := cmp.Diff([]string{dir}, names); diff != "" || err != nil {
		t.Errorf("(-want +got):\n%s %v", diff, err)
	}
	if err := ocitest.ReadLayer(t.Context(), ocitest.Open(t, oci.RootFS{}, dir).Layers[0]); err != nil {
		t.Error(err)
	}
	// What comes to stand there between Create and Commit is not replaced.
	other := filepath.Join(parent, "other")
	d, err := oci.RootFS{}.Create(t.Context(), other, oci.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write(t.Context(), oci.Result{Tree: tree}); err != nil {
		t.Fatal(err)
	}
	put(t, parent, "other", "x")
	if err := d.Commit(t.Context()); !errors.Is(err, os.ErrExist) {
		t.Errorf("Commit over a file: %v", err)
	}
	if err := d.Abort(); err != nil {
		t.Error(err)
	}
}

// /dev/full stands for a disk without room.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("SKIP: %v; mount devtmpfs or make the device node 1:7", err)
	}
	defer full.Close()
	for name, tr := range fileTransports {
		d, err := tr.Create(t.Context(), "-", oci.CreateOptions{Dir: t.TempDir(), Stdout: io.Writer(full)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Write(t.Context(), testResult(t)); err != nil {
			t.Fatal(err)
		}
		if err := d.Commit(t.Context()); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v, want ENOSPC", name, err)
		}
	}
}
