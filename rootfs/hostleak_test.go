package rootfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestParentsLeaveNoTrace: what a directory for temporary files hands down, access control lists, a group, setgid, comes
// neither into a staging root nor into a directory that is written.
func TestParentsLeaveNoTrace(t *testing.T) {
	parent := t.TempDir()
	must(t, os.Chmod(parent, 0777|os.ModeSetgid))
	if os.Geteuid() == 0 {
		must(t, os.Chown(parent, -1, 1234))
	}
	err := unix.Setxattr(parent, "system.posix_acl_default", []byte(acl(6)), 0)
	if err != nil && !errors.Is(err, unix.ENOTSUP) {
		t.Fatal(err)
	}
	w, err := rootfs.NewWorkDir(parent)
	must(t, err)
	defer func() { must(t, w.Close()) }()
	layers := []rootfs.Layer{rootfstest.Tar(t, dir("d", 0755), file("d/f", 0640, "f"))}
	s, err := rootfstest.Stage(t.Context(), layers, rootfs.StageOptions{Dir: w.Path}, rootfs.BaseOptions{})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	must(t, os.Mkdir(filepath.Join(s.Dir(), "d/new"), 0750))
	must(t, os.WriteFile(filepath.Join(s.Dir(), "d/new/f"), nil, 0600))
	must(t, s.Rescan(t.Context(), tester))
	want := []string{"5 0755 0:0 d/", `0 0640 0:0 d/f "f"`, "5 0750 0:0 d/new/", `0 0600 0:0 d/new/f ""`}
	if d := cmp.Diff(want, brief(tree(t, s))); d != "" {
		t.Errorf("staged: want -, got +:\n%s", d)
	}
	if os.Geteuid() != 0 {
		return // owners can't be given
	}
	to := filepath.Join(parent, "written")
	must(t, rootfs.Tree{Staging: s, Epoch: epoch}.WriteDir(t.Context(), to))
	if d := cmp.Diff(want, brief(snapshot(t, to))); d != "" {
		t.Errorf("written: want -, got +:\n%s", d)
	}
}

// TestHostAttributes: what the host's security policy and file system say of a file is no change of it.
func TestHostAttributes(t *testing.T) {
	s := stage(t, []entry{dir("d", 0755), file("d/f", 0644, "f").Xattr("security.selinux", "label of the base")})
	set := false
	for _, name := range []string{"security.selinux", "security.ima", "security.SMACK64", "security.other"} {
		err := unix.Setxattr(filepath.Join(s.Dir(), "d/f"), name, []byte("of the host"), 0)
		set = set || err == nil
	}
	if os.Geteuid() == 0 && !set {
		t.Skip("the file system of TMPDIR has no attribute of these: set TMPDIR to one that has")
	}
	must(t, s.Rescan(t.Context(), tester))
	must(t, quiet(s))
	must(t, os.Chmod(filepath.Join(s.Dir(), "d/f"), 0600))
	must(t, s.Rescan(t.Context(), tester))
	want := []string{"5 0755 0:0 d/", `0 0600 0:0 d/f "f" security.selinux=` + "6c6162656c206f66207468652062617365"}
	if d := cmp.Diff(want, brief(tree(t, s))); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
}

// TestMadeAgain: a file that takes the place of another is not taken for it, even if it gets its number: ext4 gives those
// of removed files at once.
func TestMadeAgain(t *testing.T) {
	s := stage(t, []entry{file("f", 0644, "old").Xattr("security.selinux", "label").Xattr("security.capability", rootfstest.Capability).Owned(5, 6)})
	name := filepath.Join(s.Dir(), "f")
	was, err := os.Stat(name)
	must(t, err)
	for range 50 {
		must(t, os.Remove(name))
		must(t, os.WriteFile(name, []byte("new"), 0644))
		if is, err := os.Stat(name); err == nil && os.SameFile(was, is) {
			break // all that there is to try on a file system that gives no number twice
		}
	}
	must(t, s.Rescan(t.Context(), tester))
	if d := cmp.Diff([]string{`0 0644 0:0 f "new"`}, brief(tree(t, s))); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
}

// TestWriteDropsCapability: writing to a file takes its capabilities away, also those that the disk was never given.
func TestWriteDropsCapability(t *testing.T) {
	s := stage(t, []entry{file("f", 0644, "old").Xattr("security.capability", rootfstest.Capability)})
	f, err := os.OpenFile(filepath.Join(s.Dir(), "f"), os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString("new")
	must(t, err)
	must(t, f.Close())
	must(t, s.Rescan(t.Context(), tester))
	if d := cmp.Diff([]string{`0 0644 0:0 f "new"`}, brief(tree(t, s))); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
}

// TestTimesAfterTheEpoch: a time that no layer keeps says nothing, however the clock stands to it.
func TestTimesAfterTheEpoch(t *testing.T) {
	s := stage(t, []entry{dir("d", 0755), file("d/f", 0644, "f"), file("d/g", 0644, "g")})
	later := epoch.AddDate(1, 0, 0)
	for _, name := range []string{"d", "d/f"} {
		must(t, os.Chtimes(filepath.Join(s.Dir(), name), later, later))
	}
	must(t, s.Rescan(t.Context(), tester))
	must(t, quiet(s))
	must(t, os.Chtimes(filepath.Join(s.Dir(), "d/g"), epoch.AddDate(-1, 0, 0), epoch.AddDate(-1, 0, 0)))
	must(t, s.Rescan(t.Context(), tester))
	if err := quiet(s); err == nil || !strings.Contains(err.Error(), "d/g") || strings.Contains(err.Error(), "d/f") {
		t.Errorf("got %v", err)
	}
}

// boundedLayer is a layer that was small as it was stored.
type boundedLayer struct {
	layer
	bound int64
}

func (l boundedLayer) Bound() int64 { return l.bound }

// TestBoundOfALayer: neither holes nor further names let a layer take more of the disk than it may hold.
func TestBoundOfALayer(t *testing.T) {
	content := strings.Repeat("x", 4000)
	links := []entry{file("f", 0644, content)}
	for _, name := range []string{"a", "b", "c"} {
		links = append(links, link(name, "f"))
	}
	for _, l := range []layer{rootfstest.Tar(t, links...), rootfstest.RawTar(rootfstest.SparseRaw("f", 20_000))} {
		for _, c := range []struct {
			bound int64
			is    error
		}{{15_000, rootfs.ErrLimit}, {40_000, nil}} {
			if _, err := stageLayers(t, boundedLayer{l, c.bound}); !errors.Is(err, c.is) {
				t.Errorf("bound %d: %v", c.bound, err)
			}
		}
	}
}

// TestBoundOfAllLayers: many layers may not hold together what one may not.
func TestBoundOfAllLayers(t *testing.T) {
	l := rootfstest.Tar(t, file("f", 0644, strings.Repeat("x", 4000)))
	for n, is := range map[int]error{2: nil, 20: rootfs.ErrLimit} {
		layers := slices.Repeat([]rootfs.Layer{l}, n)
		s, err := rootfstest.Stage(t.Context(), layers, rootfs.StageOptions{Dir: t.TempDir()}, rootfs.BaseOptions{Limits: rootfs.Limits{LayerBytes: 30_000}})
		if !errors.Is(err, is) {
			t.Errorf("%d layers: %v", n, err)
		}
		if err == nil {
			must(t, s.Close())
		}
	}
}

// TestUntarrable: an attribute whose name no tar can say is an error that names file, attribute and who made it.
func TestUntarrable(t *testing.T) {
	s := stage(t, base())
	name := filepath.Join(s.Dir(), "etc/new")
	must(t, os.WriteFile(name, nil, 0644))
	if err := unix.Setxattr(name, "user.a=b", []byte("v"), 0); err != nil {
		t.Skipf("the file system of TMPDIR has no such attributes: %v: set TMPDIR to one that has", err)
	}
	must(t, s.Rescan(t.Context(), tester))
	_, err := s.Changes(epoch)
	if want := `etc/new, made by tester: unacceptable name: a tar can't say the name of the extended attribute "user.a=b"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := tarOf(t, s.Dir()); !errors.Is(err, rootfs.ErrName) {
		t.Errorf("a directory: %v", err)
	}
}

func tarOf(t *testing.T, dir string) ([]byte, error) {
	var b strings.Builder
	err := rootfs.TarDir(t.Context(), dir, &b, rootfs.TarDirOptions{})
	return []byte(b.String()), err
}

// brief cuts the times and the root out of a list.
func brief(lines []string) (out []string) {
	at := regexp.MustCompile(` @\S+`)
	for _, l := range lines[1:] {
		out = append(out, at.ReplaceAllString(l, ""))
	}
	return out
}
