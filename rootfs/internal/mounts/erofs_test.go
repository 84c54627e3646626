package mounts_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs/internal/mounts"
)

// refuse plays a kernel that answers some calls with an error.
func refuse(answers map[string]error) mounts.Kernel {
	return mounts.Kernel{Refuse: func(call, argument string) error {
		for of, err := range answers {
			if strings.HasPrefix(call+" "+argument, of) {
				return err
			}
		}
		return nil
	}}
}

func TestErofsWays(t *testing.T) {
	notFiles := refuse(map[string]error{"fsconfig create /proc/": unix.ENOTBLK})
	cases := []struct {
		name               string
		kernel             mounts.Kernel
		imageIn, devicesIn string
		how                string // what Linux 6.18 does; before 6.12 all are loop devices
	}{
		{"disk", mounts.Kernel{}, onDisk, onDisk, "files"},
		{"image on disk, data in memory", mounts.Kernel{}, onDisk, inMemory, "files"},
		{"memory", mounts.Kernel{}, inMemory, inMemory, "loop devices"},
		{"image in memory, data on disk", mounts.Kernel{}, inMemory, onDisk, "loop devices"},
		{"disk on an older kernel", notFiles, onDisk, onDisk, "loop devices"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			needRoot(t)
			image, device := storeImage(t, workdir(t, c.imageIn), workdir(t, c.devicesIn))
			m, err := c.kernel.ErofsImage(image, []*os.File{device})
			skipUnsupported(t, err)
			if err != nil {
				t.Fatal(err)
			}
			defer closeMount(t, m)
			image.Close()
			device.Close()
			if m.How != c.how && !(c.how == "files" && m.How == "loop devices") {
				t.Errorf("mounted by %s, want %s", m.How, c.how)
			}
			t.Log("mounted by", m.How)
			if got := mustRead(t, at(m.File(), "dir/below")); got != content {
				t.Errorf("content %q", got)
			}
			if err := os.WriteFile(at(m.File(), "file"), nil, 0); !errors.Is(err, unix.EROFS) {
				t.Errorf("writing gives %v", err)
			}
			if _, err := os.Open(at(m.File(), "null")); !errors.Is(err, unix.EACCES) {
				t.Errorf("opening a device gives %v", err)
			}
		})
	}
}

func TestErofsUnsupported(t *testing.T) {
	cases := []struct {
		name    string
		answers map[string]error
		what    string
	}{
		{"no mount API", map[string]error{"fsopen": unix.ENOSYS}, "mount API"},
		{"a filter", map[string]error{"fsopen": unix.EPERM}, "erofs"},
		{"no EROFS", map[string]error{"fsopen erofs": unix.ENODEV}, "erofs"},
		{"no devices", map[string]error{"fsconfig text device": unix.EINVAL}, "erofs"},
		{"no loop devices", map[string]error{"fsconfig create /proc/": unix.ENOTBLK, "loop-control": unix.ENOENT}, "loop devices"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			needRoot(t)
			where := workdir(t, onDisk)
			image, device := storeImage(t, where, where)
			_, err := refuse(c.answers).ErofsImage(image, []*os.File{device})
			image.Close()
			device.Close()
			unsupported, ok := errors.AsType[*mounts.UnsupportedError](err)
			if !ok || unsupported.What != c.what || !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("error %v, want that %s is not supported", err, c.what)
			}
		})
	}
}

func TestErofsBad(t *testing.T) {
	cases := map[string]struct {
		spoil   func(t *testing.T, image *os.File)
		devices int
		says    string
	}{
		"a device short":  {func(*testing.T, *os.File) {}, 0, "1 devices, not 0"},
		"no superblock":   {func(t *testing.T, f *os.File) { write(t, f, 1024, "no superblock") }, 1, "no EROFS image"},
		"wrong checksum":  {func(t *testing.T, f *os.File) { write(t, f, 1500, "x") }, 1, "erofs"},
		"not whole":       {func(t *testing.T, f *os.File) { truncate(t, f, 5000) }, 1, "no file of whole blocks"},
		"nothing":         {func(t *testing.T, f *os.File) { truncate(t, f, 0) }, 1, "no EROFS image"},
		"root is missing": {func(t *testing.T, f *os.File) { truncate(t, f, 4096) }, 1, "erofs"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			needRoot(t)
			where := workdir(t, onDisk)
			image, device := storeImage(t, where, where)
			c.spoil(t, image)
			m, err := mounts.Kernel{}.ErofsImage(image, []*os.File{device}[:c.devices])
			image.Close()
			device.Close()
			if err == nil {
				closeMount(t, m)
				t.Fatal("it was mounted")
			}
			skipUnsupported(t, err)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v does not say %q", err, c.says)
			}
		})
	}
}

func write(t *testing.T, f *os.File, at int64, what string) {
	t.Helper()
	w, err := os.OpenFile(filepath.Clean(f.Name()), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.WriteAt([]byte(what), at); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, f *os.File, size int64) {
	t.Helper()
	if err := os.Truncate(f.Name(), size); err != nil {
		t.Fatal(err)
	}
}

// TestErofsTogether takes loop devices from several sides at once.
func TestErofsTogether(t *testing.T) {
	needRoot(t)
	where := workdir(t, inMemory)
	image, device := storeImage(t, where, where)
	defer device.Close()
	defer image.Close()
	first, err := mounts.Kernel{}.ErofsImage(image, []*os.File{device})
	skipUnsupported(t, err)
	if err != nil {
		t.Fatal(err)
	}
	closeMount(t, first)
	made := make(chan error)
	const sides, rounds = 6, 5
	for range sides {
		go func() {
			var all error
			for range rounds {
				m, err := mounts.Kernel{}.ErofsImage(image, []*os.File{device})
				if err == nil {
					_, readErr := os.ReadFile(at(m.File(), "file"))
					err = errors.Join(readErr, m.Close())
				}
				all = errors.Join(all, err)
			}
			made <- all
		}()
	}
	for range sides {
		if err := <-made; err != nil {
			t.Error(err)
		}
	}
}
