package rootfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// viewed is the disk space of the nameless files in a directory that this process has opened.
func viewed(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		name := filepath.Join("/proc/self/fd", fd.Name())
		to, err := os.Readlink(name)
		var st unix.Stat_t
		if err != nil || !strings.HasPrefix(to, dir+"/") || unix.Stat(name, &st) != nil || st.Nlink != 0 || st.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		bytes += st.Blocks * 512
	}
	return bytes
}

// makesHoles says whether the file system of a directory gives space back in the middle of a file.
func makesHoles(t *testing.T, dir string) bool {
	t.Helper()
	f, err := os.CreateTemp(dir, "hole")
	if err == nil {
		defer f.Close()
		err = errors.Join(os.Remove(f.Name()), f.Truncate(1<<20))
	}
	if err == nil {
		err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 1<<20)
	}
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		t.Fatal(err)
	}
	return err == nil
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestViewSpace: what was written to a view and then replaced, removed, moved over or discarded takes no space, once
// nobody reads it any more; and who reads it reads what was there.
func TestViewSpace(t *testing.T) {
	place := t.TempDir()
	base, err := rootfs.ReadBase(t.Context(), []rootfs.Layer{rootfstest.Tar(t, file("f", 0o644, "base"), file("kept", 0o644, "kept"))}, place, rootfs.BaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := rootfs.Stage(base, rootfs.StageOptions{Dir: place, Start: epoch})
	defer s.Close()
	root := s.Root(rootfs.Actor{})
	const size = 1 << 20
	put := func(name string, n int) {
		t.Helper()
		content := strings.Repeat(string(rune('a'+n%26)), size)
		if err := root.Put(name, rootfs.Meta{Type: rootfs.Regular, Mode: 0o644}, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	// expect says how many contents take space, if they can be freed.
	most, before := makesHoles(t, place), viewed(t, place)
	expect := func(after string, contents int64) {
		t.Helper()
		if got := viewed(t, place) - before; most && (got > contents*size+64<<10 || got < contents*size) {
			t.Errorf("%s: %d bytes are in use, which are not %d contents", after, got, contents)
		}
	}

	for n := range 100 {
		put("f", n)
	}
	expect("100 times the same file", 1)
	put("g", 3)
	old, err := root.Open("g")
	fatal(t, err)
	put("g", 4)
	expect("one being read", 3)
	if got, err := io.ReadAll(old); err != nil || !bytes.Equal(got, bytes.Repeat([]byte("d"), size)) {
		t.Errorf("what was opened before: %d bytes, %v", len(got), err)
	}
	if err := errors.Join(old.Close(), old.Close()); err != nil {
		t.Error(err)
	}
	expect("read", 2)
	fatal(t, root.Rename("g", "f"))
	expect("moved over", 1)
	fatal(t, root.Remove("f"))
	expect("removed", 0)
	if _, err := s.Scratch("tmp/cache"); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		put(fmt.Sprintf("tmp/cache/%d", n), n)
	}
	expect("scratch", 3)
	fatal(t, s.Discard("tmp/cache"))
	expect("discarded", 0)
	if err := root.Put("no/such/dir", rootfs.Meta{Type: rootfs.Regular}, strings.NewReader(strings.Repeat("x", size))); err == nil {
		t.Error("a file was put into a directory that does not exist")
	}
	expect("not put", 0)

	// What is in use is what it was.
	put("kept", 25)
	put("f", 24)
	for name, want := range map[string]string{"kept": "z", "f": "y"} {
		f, err := root.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(f); errors.Join(err, f.Close()) != nil || string(got) != strings.Repeat(want, size) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	expect("two files", 2)
}
