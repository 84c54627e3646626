package tmpfiles

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// stage makes a staging root; any user can do that.
func stage(t testing.TB, list ...rootfstest.Entry) rootfs.Root {
	t.Helper()
	list = append([]rootfstest.Entry{rootfstest.Dir("etc", 0o755), rootfstest.File("etc/passwd", 0o644, "root:x:0:0::/:\napp:x:33:33::/:\n"),
		rootfstest.File("etc/group", 0o644, "root:x:0:\nusers:x:100:\n")}, list...)
	dir := t.TempDir()
	base, err := rootfs.ReadBase(t.Context(), []rootfs.Layer{rootfstest.Tar(t, list...)}, dir, rootfs.BaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := rootfs.Stage(base, rootfs.StageOptions{Dir: dir, Start: rootfstest.Epoch})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.Root(rootfs.Actor{})
}

// owned is a file or directory of a user.
func owned(e rootfstest.Entry, uid int) rootfstest.Entry {
	e.Uid = uid
	return e
}

// apply reads lines and does what they say. The error is one of reading, or that something was wrong.
func apply(t testing.TB, root rootfs.Root, do Operation, lines string) (said []string, err error) {
	t.Helper()
	c := New(root)
	bad, fatal, err := c.Read(strings.NewReader(lines), func(n int, err error) { said = append(said, fmt.Sprintf("%d: %v", n, err)) })
	if err != nil {
		return said, err
	}
	if fatal {
		return said, errors.New("fatal")
	}
	ok, err := c.Run(t.Context(), do, func(text string) { said = append(said, text) })
	if err == nil && (bad || !ok) {
		err = errors.New("failed")
	}
	return said, err
}

// tell describes all files that a root has, but those in /etc.
func tell(t testing.TB, root rootfs.Root) string {
	t.Helper()
	var b strings.Builder
	var walk func(name string)
	walk = func(name string) {
		m, err := root.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		if name != "." {
			fmt.Fprintf(&b, "%s %s %04o %d:%d %s", name, m.Type, m.Mode, m.UID, m.GID, m.Target)
			for key, value := range m.Xattrs {
				fmt.Fprintf(&b, " %s=%q", key, value)
			}
		}
		switch m.Type {
		case rootfs.Regular:
			fmt.Fprintf(&b, "%.40q", content(t, root, name))
		case rootfs.Directory:
			list, err := root.ReadDir(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				if name != "." || e.Name != "etc" {
					b.WriteByte('\n')
					walk(path.Join(name, e.Name))
				}
			}
		}
	}
	walk(".")
	return strings.TrimSpace(b.String())
}

func content(t testing.TB, root rootfs.Root, name string) string {
	t.Helper()
	f, err := root.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
