package mounts_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holo-build/holo-build/rootfs/internal/erofs"
	"github.com/holo-build/holo-build/rootfs/internal/mounts"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// Directories on a file system whose files EROFS reads itself, and on one where it wants loop devices.
const (
	onDisk   = "/var/tmp"
	inMemory = "/dev/shm"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
}

// workdir makes a directory in another, and at the test's end looks for what was left of mounts and loop devices.
func workdir(t *testing.T, in string) string {
	t.Helper()
	where, err := os.MkdirTemp(in, "mounts-test-")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		var left []string
		for range 400 { // the kernel ends some things a little later
			if left = leftovers(t, where); len(left) == 0 {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if len(left) > 0 {
			t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
		}
		// An overlay leaves directories in its work directory that a plain user may not enter.
		for _, name := range []string{"work/work", "work/work/incompat", "work/work/incompat/volatile"} {
			if err := os.Chmod(filepath.Join(where, name), 0o700); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Error(err)
			}
		}
		if err := os.RemoveAll(where); err != nil {
			t.Error(err)
		}
	})
	return where
}

// leftovers are the mounts and loop devices that have to do with a directory, and the files in it that are open.
func leftovers(t *testing.T, where string) []string {
	t.Helper()
	var left []string
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		if strings.Contains(line, where) || strings.Contains(line, " - erofs /proc/self/fd/") {
			left = append(left, line)
		}
	}
	loops, err := filepath.Glob("/sys/block/loop*/loop/backing_file") // as losetup -a shows them
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range loops {
		if file, err := os.ReadFile(l); err == nil && strings.Contains(string(file), where) {
			left = append(left, l+": "+string(file))
		}
	}
	for _, name := range []string{"image", "device"} {
		if file := filepath.Join(where, name); rootfstest.Held(t, file) {
			left = append(left, "open: "+file)
		}
	}
	return left
}

const content = "content of a file, on another device"

// tree is what the tests mount.
func tree() *erofs.Inode {
	when := time.Unix(1_000_000_000, 5)
	file := func(mode uint32) *erofs.Inode {
		return &erofs.Inode{Mode: mode, Size: int64(len(content)), ModTime: when}
	}
	dir := func(entries ...erofs.Entry) *erofs.Inode {
		return &erofs.Inode{Mode: 0o040755, Entries: entries, ModTime: when}
	}
	return dir(
		erofs.Entry{Name: "file", Inode: file(0o100644)},
		erofs.Entry{Name: "gone", Inode: file(0o100644)},
		erofs.Entry{Name: "setuid", Inode: file(0o104755)},
		erofs.Entry{Name: "null", Inode: &erofs.Inode{Mode: 0o020666, Major: 1, Minor: 3}},
		erofs.Entry{Name: "dir", Inode: dir(erofs.Entry{Name: "below", Inode: file(0o100600)})},
		erofs.Entry{Name: "old", Inode: dir(erofs.Entry{Name: "below", Inode: file(0o100600)})},
	)
}

// storeImage writes the image of the tree and its device into directories.
func storeImage(t testing.TB, imageIn, deviceIn string) (image, device *os.File) {
	t.Helper()
	var b bytes.Buffer
	if _, err := erofs.Write(&b, tree(), erofs.Options{Devices: []int64{1}, Overlay: true}); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, erofs.BlockSize)
	copy(data, content)
	for name, content := range map[string][]byte{filepath.Join(imageIn, "image"): b.Bytes(), filepath.Join(deviceIn, "device"): data} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return opened(t, filepath.Join(imageIn, "image")), opened(t, filepath.Join(deviceIn, "device"))
}

func opened(t testing.TB, name string) *os.File {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// mounted mounts the tree, or skips the test on a kernel that can't.
func mounted(t *testing.T, k mounts.Kernel, where string) *mounts.Mount {
	t.Helper()
	needRoot(t)
	image, device := storeImage(t, where, where)
	m, err := k.ErofsImage(image, []*os.File{device})
	image.Close()
	device.Close()
	skipUnsupported(t, err)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeMount(t, m) })
	return m
}

// skipUnsupported skips the test on a kernel that has not what it needs, but for root in CI whose kernel has it.
func skipUnsupported(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, errors.ErrUnsupported) {
		return
	}
	known, readErr := os.ReadFile("/proc/filesystems")
	if readErr != nil {
		t.Fatal(readErr)
	}
	if os.Getenv("CI") != "true" || !strings.Contains(string(known), "\terofs\n") {
		t.Skip(err)
	}
	t.Fatal(err)
}

func closeMount(t testing.TB, m *mounts.Mount) {
	t.Helper()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// at is the path of a name below an open directory.
func at(f *os.File, name string) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), name)
}

func mustRead(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func mkdirs(t testing.TB, where string, names ...string) {
	t.Helper()
	for _, n := range names {
		if err := os.MkdirAll(filepath.Join(where, n), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
