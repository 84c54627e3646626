package rootfs_test

import (
	"encoding/binary"
	"errors"
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
