package rootfs_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// acl is an access control list as the kernel stores it (linux/posix_acl_xattr.h): the owner rw, user 7 the given
// permissions, the group and the mask r, others nothing.
func acl(user7 uint16) string {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range []struct {
		tag, perm uint16
		id        uint32
	}{{0x01, 6, ^uint32(0)}, {0x02, user7, 7}, {0x04, 4, ^uint32(0)}, {0x10, 4, ^uint32(0)}, {0x20, 0, ^uint32(0)}} {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return string(b)
}

// TestACLs: access control lists are extended attributes like others, and one that a directory has for what is made in
// it makes no difference to what the layers have there.
func TestACLs(t *testing.T) {
	const access, inherited = "system.posix_acl_access", "system.posix_acl_default"
	s := stage(t, []entry{
		dir("d", 0750).Xattr(inherited, acl(7)), file("d/f", 0640, "plain"), file("g", 0640, "g").Xattr(access, acl(4)),
	})
	name := s.Dir() + "/g"
	value := make([]byte, 100)
	n, err := unix.Lgetxattr(name, access, value)
	if errors.Is(err, unix.ENOTSUP) {
		t.Skip("the file system of TMPDIR has no access control lists: set TMPDIR to one that has")
	}
	must(t, err)
	if got := string(value[:n]); got != acl(4) {
		t.Errorf("on the disk %q, want %q", got, acl(4))
	}
	if _, err := unix.Lgetxattr(s.Dir()+"/d/f", access, value); !errors.Is(err, unix.ENODATA) {
		t.Errorf("d/f has inherited something: %v", err)
	}
	must(t, s.Rescan(t.Context(), tester))
	must(t, quiet(s))

	must(t, unix.Lsetxattr(name, access, []byte(acl(6)), 0))
	must(t, s.Rescan(t.Context(), tester))
	changes, err := s.Changes(epoch)
	must(t, err)
	var got []string
	for _, c := range changes {
		got = append(got, c.Path+" "+c.Before.Xattrs[access]+" "+c.After.Xattrs[access])
	}
	if d := cmp.Diff([]string{"g " + acl(4) + " " + acl(6)}, got); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
}

// TestTextualACL: star, GNU tar and bsdtar write access control lists as text, with names of users, which is not read.
func TestTextualACL(t *testing.T) {
	w, err := rootfs.NewWorkDir(t.TempDir())
	must(t, err)
	defer func() { must(t, w.Close()) }()
	written := func(name string) entry {
		e := file(name, 0640, "")
		e.PAXRecords = map[string]string{"SCHILY.acl.access": "user::rw-\nuser:joe:r--\ngroup::r--\nmask::r--\nother::---\n"}
		return e
	}
	var notices []string
	s, err := rootfstest.Stage(t.Context(), []rootfs.Layer{rootfstest.Tar(t, written("a"), written("b")), rootfstest.Tar(t, written("c"))},
		rootfs.StageOptions{Dir: w.Path}, rootfs.BaseOptions{Notice: func(text string) { notices = append(notices, text) }})
	must(t, err)
	defer s.Close()
	want := []string{"layer 1, entry \"a\": its access control list is text, which is left out, there and in what follows"}
	if d := cmp.Diff(want, notices); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
	if list := strings.Join(tree(t, s), "\n"); strings.Contains(list, "acl") {
		t.Errorf("got %s", list)
	}
}

// TestHandedDown: what we make in a directory that hands something down has what it was made with, where the disk can have
// it, and else nothing of the directory's.
func TestHandedDown(t *testing.T) {
	rootfstest.NeedRoot(t)
	for _, way := range directoryWays() {
		s := stageBy(t, way, rootfstest.Tar(t, dir("d", 02770).Owned(0, 7).Xattr("system.posix_acl_default", acl(7))))
		detach := attach(t, s)
		must(t, os.Chmod(s.Dir()+"/d", 0770|os.ModeSetgid)) // with one ID it got none
		r := s.Root(tester)
		for _, owner := range []uint32{0, 2_000_000_000} {
			name := func(base string) string { return fmt.Sprintf("d/%s%d", base, owner) }
			must(t, r.Put(name("file"), rootfs.Meta{Mode: 0640, UID: owner}, strings.NewReader("x")))
			must(t, r.Put(name("fifo"), rootfs.Meta{Type: rootfs.FIFO, Mode: 0640, UID: owner}, nil))
			must(t, r.Put(name("link"), rootfs.Meta{Type: rootfs.Symlink, Target: "x", UID: owner}, nil))
			must(t, r.Mkdir(name("dir"), rootfs.Meta{Mode: 0750, UID: owner}))
		}
		list, err := os.ReadDir(s.Dir() + "/d")
		must(t, err)
		for _, e := range list {
			name := s.Dir() + "/d/" + e.Name()
			var st unix.Stat_t
			must(t, unix.Lstat(name, &st))
			value := make([]byte, 100)
			n, _ := unix.Lgetxattr(name, "system.posix_acl_access", value)
			d, _ := unix.Lgetxattr(name, "system.posix_acl_default", value)
			if st.Gid != 0 || st.Mode&unix.S_ISGID != 0 || n > 0 || d > 0 {
				t.Errorf("%s: %s has group %d, mode %o and lists of %d and %d bytes", way, e.Name(), st.Gid, st.Mode, n, d)
			}
		}
		if len(list) != 8 {
			t.Errorf("%s: %v", way, list)
		}
		detach()
	}
}
