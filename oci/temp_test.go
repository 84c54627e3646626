package oci_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/ocitest"
)

// tempName is a name as an unfinished file has it.
func tempName(letter string) string { return ".holo-build-" + strings.Repeat(letter, 26) }

// leave makes what a killed build leaves: a directory with its mark, and more in it that is not to be written.
func leave(t *testing.T, dir, name string) {
	t.Helper()
	layout := filepath.Join(dir, name, "layout/blobs")
	must(t, os.MkdirAll(layout, 0o755), os.WriteFile(filepath.Join(dir, name, ".holo-build-temp"), nil, 0o600),
		os.WriteFile(filepath.Join(layout, "x"), nil, 0o400), os.Chmod(layout, 0o500))
}

// hidden lists what in a directory has a name like that of something unfinished.
func hidden(t *testing.T, dir string) (names []string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, ".holo-build-*"))
	must(t, err)
	for _, p := range left {
		names = append(names, filepath.Base(p))
	}
	return names
}

// sweepIn writes a destination into a directory, which sweeps it.
func sweepIn(t *testing.T, dir string) {
	t.Helper()
	ocitest.Write(t, oci.Archive{}, filepath.Join(dir, "new.tar"), testResult(t))
}

// What a killed build left beside the destination is swept, what another build is still writing is not.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	var live []oci.Destination
	for name, tr := range map[string]oci.Transport{"live.tar": oci.Archive{}, "live": oci.Layout{}, "tree": oci.RootFS{}} {
		d, err := tr.Create(t.Context(), filepath.Join(dir, name), oci.CreateOptions{})
		must(t, err)
		_, err = d.Write(t.Context(), testResult(t))
		must(t, err)
		live = append(live, d)
	}
	writing := hidden(t, dir)
	put(t, dir, tempName("A"), "x")
	leave(t, dir, tempName("B"))
	must(t, os.Mkdir(filepath.Join(dir, tempName("C")), 0o755)) // killed before it was marked
	sweepIn(t, dir)
	if d := cmp.Diff(writing, hidden(t, dir)); d != "" || len(writing) != 3 {
		t.Errorf("unfinished files (-want +got):\n%s", d)
	}
	for _, d := range live {
		must(t, d.Commit(t.Context()))
	}
	ocitest.Open(t, oci.Archive{}, filepath.Join(dir, "live.tar"))
	ocitest.Open(t, oci.Layout{}, filepath.Join(dir, "live"))
	for name, want := range map[string]int{"live": 3, "tree": 1} {
		if list, err := os.ReadDir(filepath.Join(dir, name)); err != nil || len(list) != want {
			t.Errorf("%s has %v (%v): is the mark in it?", name, list, err)
		}
	}
	if left := hidden(t, dir); left != nil {
		t.Errorf("left: %q", left)
	}
}

// What only looks like ours stays, with all that is in it.
func TestSweepKeepsOthers(t *testing.T) {
	dir := t.TempDir()
	ocitest.Write(t, oci.Archive{}, filepath.Join(dir, "new.tar"), testResult(t))
	in := func(name string) string { return filepath.Join(dir, name) }
	outside := t.TempDir()
	put(t, outside, "precious", "x")
	must(t, os.MkdirAll(in(".holo-build-notes/sub"), 0o755), os.MkdirAll(in(tempName("D")+"/sub"), 0o755))
	put(t, dir, ".holo-build-notes/sub/precious", "x")
	put(t, dir, ".holo-build-conf", "x")
	put(t, dir, tempName("D")+"/sub/precious", "x")
	for _, name := range []string{tempName("e"), tempName("1"), tempName("F") + "F", tempName("F")[:37], "x" + tempName("F")} {
		put(t, dir, name, "x")
	}
	for _, name := range []string{".holo-build-WITHMARK", "WITHMARK"} {
		must(t, os.Mkdir(in(name), 0o755))
		put(t, dir, name+"/.holo-build-temp", "")
	}
	must(t, os.Symlink(outside, in(tempName("G"))), os.Symlink("new.tar", in(tempName("H"))))
	fifo(t, in(tempName("I")))
	must(t, os.MkdirAll(in(tempName("J")+"/.holo-build-temp"), 0o755)) // a directory is no mark
	must(t, os.Mkdir(in(tempName("K")), 0o755), os.Symlink("/", in(tempName("K")+"/.holo-build-temp")))
	before := []string{strings.Join(below(t, dir), "\n"), strings.Join(below(t, outside), "\n")}
	sweepIn(t, dir)
	after := []string{strings.Join(below(t, dir), "\n"), strings.Join(below(t, outside), "\n")}
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("(-before +after):\n%s", d)
	}
}

// below lists all paths of a tree.
func below(t *testing.T, dir string) (paths []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
		paths = append(paths, p)
		return err
	}))
	return paths
}

// A tree with a symlink in it loses the link; what is mounted in one is not touched, nor what belongs to another user.
func TestSweepOfRoot(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	put(t, outside, "precious", "x")
	leave(t, dir, tempName("L"))
	must(t, os.Symlink(outside, filepath.Join(dir, tempName("L"), "link")))
	sweepIn(t, dir)
	if left := hidden(t, dir); left != nil {
		t.Errorf("left: %q", left)
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIP: mounting and giving files away needs root; run the tests as root too")
	}
	// Another's: root could lock and remove it.
	leave(t, dir, tempName("M"))
	put(t, dir, tempName("N"), "x")
	must(t, os.Mkdir(filepath.Join(dir, tempName("O")), 0o755))
	theirs := []string{tempName("M"), tempName("N"), tempName("O")}
	for _, name := range theirs {
		must(t, os.Chown(filepath.Join(dir, name), 65534, 65534))
	}
	ocitest.Unchanged(t, dir, func() { must(t, os.RemoveAll(filepath.Join(dir, "new.tar"))); sweepIn(t, dir) })
	if d := cmp.Diff(theirs, hidden(t, dir)); d != "" {
		t.Errorf("what is another's (-want +got):\n%s", d)
	}
	// Mounted below, and over.
	for _, at := range []string{tempName("P") + "/layout/blobs", tempName("Q")} {
		name := filepath.Dir(filepath.Dir(at))
		if name == "." {
			name = at
		}
		leave(t, dir, name)
		leave(t, outside, ".")
		mount := filepath.Join(dir, at)
		if err := unix.Mount(outside, mount, "", unix.MS_BIND, ""); err != nil {
			t.Skipf("SKIP: mounting: %v; run the tests with CAP_SYS_ADMIN", err)
		}
		ocitest.Unchanged(t, outside, func() { sweepIn(t, dir) })
		must(t, unix.Unmount(mount, 0))
		if _, err := os.Lstat(mount); err != nil {
			t.Errorf("what was mounted over is gone: %v", err)
		}
	}
}
