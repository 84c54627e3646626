package erofs_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holo-build/holo-build/rootfs/internal/erofs"
	"github.com/holo-build/holo-build/rootfs/internal/mounts"
)

// mounted mounts an image until the end of the test, and returns the root's path. Only root on a kernel that has EROFS
// can; in CI such a one must.
func mounted(t testing.TB, image *os.File, devices []*os.File) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting EROFS needs root")
	}
	m, err := mounts.Kernel{}.ErofsImage(image, devices)
	if errors.Is(err, errors.ErrUnsupported) && (os.Getenv("CI") != "true" || !registered(t)) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return fmt.Sprintf("/proc/self/fd/%d", m.File().Fd())
}

func registered(t testing.TB) bool {
	list, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(list), "\terofs\n")
}

func TestKernelRandomTrees(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := randomModel(seed, 30+int(seed)*60)
			image, devices := m.store(t, t.TempDir())
			if n := compare(t, m, mounted(t, image, devices)); n < 30 {
				t.Errorf("only %d names were compared", n)
			}
		})
	}
}

func TestKernelEdges(t *testing.T) {
	acl := "\x02\x00\x00\x00" + "\x01\x00\x07\x00\xff\xff\xff\xff" + "\x02\x00\x06\x00\xe8\x03\x00\x00" +
		"\x04\x00\x05\x00\xff\xff\xff\xff" + "\x10\x00\x07\x00\xff\xff\xff\xff" + "\x20\x00\x05\x00\xff\xff\xff\xff"
	capability := "\x01\x00\x00\x02\x00\x04\x00\x00" + strings.Repeat("\x00", 12)
	many := map[string]string{}
	for i := range 3 {
		many[fmt.Sprintf("user.large%d", i)] = strings.Repeat(string(rune('a'+i)), 65535)
	}
	at := func(s int64, ns int64) *erofs.Inode { return &erofs.Inode{Mode: fileMode, ModTime: time.Unix(s, ns)} }
	with := func(n *erofs.Inode, xattrs map[string]string) *erofs.Inode {
		n.Xattrs = xattrs
		return n
	}
	cases := map[string]func(m *model) *erofs.Inode{
		"empty root": func(*model) *erofs.Inode { return dir() },
		"before 1970": func(*model) *erofs.Inode {
			return dir(entry("a", at(-1, 999999999)), entry("b", at(-1<<31, 1)), entry("c", at(-62135596800, 1)))
		},
		"year 9999": func(*model) *erofs.Inode { return dir(entry("a", at(253402300799, 5))) },
		"every block boundary of a link": func(*model) *erofs.Inode {
			d := dir()
			for _, size := range []int{1, 59, 60, 4031, 4032, 4033, 4094, 4095} {
				d.Entries = append(d.Entries, entry(fmt.Sprint(size), link(strings.Repeat("t", size))))
			}
			return d
		},
		"link with large attribute": func(*model) *erofs.Inode {
			return dir(entry("l", with(link("target"), map[string]string{"trusted.x": strings.Repeat("v", 9000)})))
		},
		"directory of exactly one block": func(*model) *erofs.Inode {
			d := dir() // 12+1 and 12+2 are taken, 4069 are left: 15 of 12+255 and one of 64
			for i := range 15 {
				d.Entries = append(d.Entries, entry(fmt.Sprintf("%02d", i)+strings.Repeat("n", 253), at(1, 1)))
			}
			d.Entries = append(d.Entries, entry(strings.Repeat("z", 52), at(1, 1)))
			return d
		},
		"access control lists": func(m *model) *erofs.Inode {
			return dir(entry("f", with(m.file(0, []byte("x")), map[string]string{"system.posix_acl_access": acl})),
				entry("d", with(dir(), map[string]string{"system.posix_acl_access": acl, "system.posix_acl_default": acl})))
		},
		"capability": func(m *model) *erofs.Inode {
			return dir(entry("f", with(m.file(0, []byte("x")), map[string]string{"security.capability": capability})))
		},
		"large attributes": func(*model) *erofs.Inode {
			return dir(entry("f", with(at(1, 1), many)), entry("d", with(dir(entry("x", at(1, 1))), many)))
		},
		"attribute with empty value": func(*model) *erofs.Inode {
			return with(dir(), map[string]string{"user.empty": "", "user.n" + strings.Repeat("n", 249): "v"})
		},
		"content of whole blocks": func(m *model) *erofs.Inode {
			return dir(entry("a", m.file(0, make([]byte, 4096))), entry("b", m.file(1, make([]byte, 8192))),
				entry("c", m.file(1, []byte(strings.Repeat("abc", 40000)))), entry("empty", m.file(0, nil)))
		},
	}
	for name, build := range cases {
		t.Run(name, func(t *testing.T) {
			m := newModel(2)
			m.root = build(m)
			image, devices := m.store(t, t.TempDir())
			compare(t, m, mounted(t, image, devices))
		})
	}
}

func TestKernelLargeDirectory(t *testing.T) {
	m := newModel(0)
	m.root = dir()
	for i := range 100_000 {
		m.root.Entries = append(m.root.Entries, entry(fmt.Sprintf("%06d", i), link("x")))
	}
	for i := range 300 {
		name := fmt.Sprintf("%03d", i) + strings.Repeat("n", 252)
		m.root.Entries = append(m.root.Entries, entry(name, link("y")))
	}
	image, devices := m.store(t, t.TempDir())
	if n := compare(t, m, mounted(t, image, devices)); n != 100_301 {
		t.Errorf("%d names were compared", n)
	}
}

func TestKernelLargeFile(t *testing.T) {
	const size = 64<<30 - 1
	where := t.TempDir()
	device, err := os.Create(filepath.Join(where, "device"))
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	if err := device.Truncate(erofs.BlockSize + 64<<30); err != nil {
		t.Skip("no sparse files here: ", err)
	}
	marks := []int64{0, 1<<30 - 4, 2 << 30, 17<<30 + 5, size - 8}
	for _, at := range marks {
		if _, err := device.WriteAt([]byte(fmt.Sprintf("%08x", at>>4)), erofs.BlockSize+at); err != nil {
			t.Fatal(err)
		}
	}
	m := newModel(0)
	m.root = dir(entry("large", &erofs.Inode{Mode: fileMode, Size: size, Offset: erofs.BlockSize}))
	m.options.Devices = []int64{1 + 64<<30/erofs.BlockSize}
	image := stored(t, filepath.Join(where, "image"), m.image(t))
	root := mounted(t, image, []*os.File{device})
	compare(t, m, root)
	f, err := os.Open(root + "/large")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, at := range marks {
		got := make([]byte, 8)
		if _, err := f.ReadAt(got, at); err != nil && err != io.EOF || string(got) != fmt.Sprintf("%08x", at>>4) {
			t.Errorf("at %d: %q, %v", at, got, err)
		}
	}
}
