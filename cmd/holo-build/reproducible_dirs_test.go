package main

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// otherDir returns a directory whose name is longer than those of the usual ones.
func otherDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), strings.Repeat("a-long-name-", 10), "with a blank")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func linkedDir(t *testing.T) string {
	t.Helper()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(otherDir(t), link); err != nil {
		t.Fatal(err)
	}
	return link
}

func relativeDir(t *testing.T) string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.Rel(here, otherDir(t))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// renamed returns another path of a directory.
func renamed(t *testing.T, dir string) string {
	t.Helper()
	link := filepath.Join(t.TempDir(), "other-inputs")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	return link
}

// aclDir returns a directory that gives whatever is made in it an access control list; acl(5).
func aclDir(t *testing.T) string {
	t.Helper()
	const anybody = 1<<32 - 1
	list := []byte{2, 0, 0, 0} // the version of linux/posix_acl_xattr.h
	for _, e := range []struct {
		tag, may uint16
		id       uint32
	}{{0x01, 7, anybody}, {0x02, 7, 65534}, {0x04, 5, anybody}, {0x10, 7, anybody}, {0x20, 5, anybody}} {
		list = binary.LittleEndian.AppendUint16(list, e.tag)
		list = binary.LittleEndian.AppendUint16(list, e.may)
		list = binary.LittleEndian.AppendUint32(list, e.id)
	}
	dir := t.TempDir()
	if err := unix.Setxattr(dir, "system.posix_acl_default", list, 0); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skipf("%s: no access control lists here: set TMPDIR to a directory of a file system that has them", dir)
	} else if err != nil {
		t.Fatal(err)
	}
	return dir
}

// groupDir returns a directory that hands its group, which is not ours, to whatever is made in it.
func groupDir(t *testing.T) string {
	t.Helper()
	group := 1234
	if os.Geteuid() != 0 {
		list, err := os.Getgroups()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(list, func(g int) bool { return g != os.Getegid() })
		if i < 0 {
			t.Skip("this user is in one group only: run the tests as root, or as a user with two groups")
		}
		group = list[i]
	}
	dir := t.TempDir()
	if err := errors.Join(os.Chown(dir, -1, group), os.Chmod(dir, 0o775|os.ModeSetgid)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// busy has a build work below a directory in which somebody else works too.
func busy(t *testing.T, dir string) circumstances {
	t.Helper()
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	return circumstances{tmp: tmp, neighbour: true}
}

// makeNoise makes and removes files in a directory until the function that it returns has been called: inode numbers
// that are free are taken at any moment.
func makeNoise(t *testing.T, dir string) (end func()) {
	t.Helper()
	var work sync.WaitGroup
	stop := make(chan struct{})
	work.Go(func() {
		const held = 8
		name := func(n int) string { return filepath.Join(dir, "noise"+strconv.Itoa(n%held)) }
		for n := 0; ; n++ {
			select {
			case <-stop:
				for i := range min(n, held) {
					if err := os.Remove(name(n - 1 - i)); err != nil {
						t.Error(err)
					}
				}
				return
			default:
			}
			if n >= held {
				if err := os.Remove(name(n)); err != nil {
					t.Error(err)
				}
			}
			if err := os.WriteFile(name(n), nil, 0o600); err != nil {
				t.Error(err)
			}
		}
	})
	return func() {
		close(stop)
		work.Wait()
	}
}
