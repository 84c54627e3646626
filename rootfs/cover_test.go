package rootfs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

const label = "system_u:object_r:etc_t:s0\x00"

// labelled are so many files with a label, which no disk is given.
func labelled(count int) []entry {
	list := []entry{dir("l", 0755)}
	for i := range count {
		list = append(list, file(fmt.Sprintf("l/%03d", i), 0644, "x").Xattr("security.selinux", label))
	}
	return list
}

// besideRoot lists the directories of an overlay, which lie beside the staging root.
func besideRoot(t *testing.T, s *rootfs.Staging) (upper []string) {
	t.Helper()
	top := filepath.Join(filepath.Dir(s.Dir()), "upper")
	must(t, filepath.WalkDir(top, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			upper = append(upper, name[len(top)+1:])
		}
		return err
	}))
	return upper
}

// TestCover: what the disk does not say all of is in the upper directory from the beginning, and nothing else is.
func TestCover(t *testing.T) {
	rootfstest.NeedRoot(t)
	layers := [][]entry{
		append(labelled(2), dir("d", 0755).Xattr("security.selinux", label), file("d/f", 04755, "f"), file("cap", 0755, "").Xattr("security.capability", rootfstest.Capability),
			dir("own", 0700).Owned(7, 7), file("own/f", 0600, "mine").Owned(7, 7), symlink("own/l", "f").Owned(0, 8), file("far", 0644, "").Owned(70_000, 0),
			file("late", 0644, "").At(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)), rootfstest.Char("null", 0666, 1, 3), link("own/g", "own/f"),
			file("k", 0644, "").Xattr("user.k", "v").Xattr("user.overlay.whiteout", "y")),
	}
	want := []string{"l/000", "l/001", "late"}
	if rootfstest.InUserNamespace() {
		want = append(want, "far")
		if unix.Chown(t.TempDir(), 7, 7) != nil {
			want = append(want, "own/f", "own/g", "own/l")
		}
	}
	slices.Sort(want)
	for _, way := range []string{"covered copy", "kept covered copy"} {
		s := stageBy(t, way, rootfstest.Tar(t, layers[0]...))
		defer attach(t, s)()
		if got := besideRoot(t, s); !slices.Equal(got, want) {
			t.Errorf("the upper directory has %q, want %q", got, want)
		}
		must(t, s.Rescan(t.Context(), tester))
		must(t, quiet(s))
		at := func(name string) string { return filepath.Join(s.Dir(), name) }
		for _, name := range []string{"l/000", "d/f", "own/f", "far", "late", "k"} {
			must(t, os.Chmod(at(name), 0640))
		}
		must(t, os.Rename(at("l/001"), at("l/000"))) // it has no label any more
		must(t, os.WriteFile(at("d/n"), nil, 0600))
		must(t, s.Rescan(t.Context(), tester))
		changes, err := s.Changes(epoch)
		must(t, err)
		var got []string
		for _, c := range changes {
			got = append(got, fmt.Sprintf("%s %s %o %d %d", c.Kind, c.Path, c.After.Mode, c.After.UID, len(c.After.Xattrs)))
		}
		if want := []string{"add d/n 600 0 0", "modify d/f 640 0 0", "modify far 640 70000 0", "modify k 640 0 1", "delete l/001 0 0 0", "modify l/000 644 0 0",
			"modify late 640 0 0", "modify own/f 640 7 0"}; !slices.Equal(sorted(got), sorted(want)) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func sorted(list []string) []string { slices.Sort(list); return list }

// TestCoverRefused: where an overlay would not help, or not show all, there is none, and the copy is used as it is.
func TestCoverRefused(t *testing.T) {
	rootfstest.NeedRoot(t)
	for name, c := range map[string]struct {
		list []entry
		says string
	}{
		"too many files": {labelled(101), "l/000 and 100 more of 101 files have what the disk has not"},
		"too large": {[]entry{file("large", 0644, strings.Repeat("x", 17<<20)).Xattr("security.selinux", label), file("y", 0644, "y")},
			"large and 0 more of 2 files have what the disk has not"},
		"whiteout": {[]entry{dir("d", 0755), rootfstest.Char("d/w", 0666, 0, 0), file("y", 0644, "y")}, "d/w is a character device 0:0"},
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t, c.list)
			err := s.Cover(t.Context(), nil)
			if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want %q", err, c.says)
			}
			for _, name := range []string{"upper", "work"} {
				if _, err := os.Lstat(filepath.Join(filepath.Dir(s.Dir()), name)); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s is left: %v", name, err)
				}
			}
			want := stage(t, c.list)
			for _, s := range []*rootfs.Staging{s, want} {
				must(t, os.WriteFile(filepath.Join(s.Dir(), "new"), []byte("new"), 0600))
				must(t, s.Rescan(t.Context(), tester))
			}
			if a, b := pack(t, s), pack(t, want); string(a) != string(b) {
				t.Errorf("the layer of a copy -, another +: %v", compare("", rootfstest.List(t, b), rootfstest.List(t, a)))
			}
		})
	}
	// A tenth may have what the disk has not.
	list := labelled(101)
	for i := range 1000 {
		list = append(list, file(fmt.Sprintf("f%d", i), 0644, ""))
	}
	must(t, stage(t, list).Cover(t.Context(), nil))
}
