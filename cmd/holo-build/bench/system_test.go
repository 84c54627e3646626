package main

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

func TestMountPoints(t *testing.T) {
	const info = `22 1 254:0 / / rw - ext4 /dev/vda rw
30 22 0:30 / /tmp/bench1/storage/overlay rw,relatime - ext4 /dev/vda rw
31 22 0:31 / /tmp/bench10 rw - tmpfs bench rw
32 30 0:32 / /tmp/bench1/with\040blank rw shared:1 - overlay overlay rw
33 30 0:32 / /tmp/bench1 rw - overlay overlay rw
`
	got, err := mountPoints(strings.NewReader(info), "/tmp/bench1")
	if d := cmp.Diff([]string{"/tmp/bench1/storage/overlay", "/tmp/bench1/with blank"}, got); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
	if _, err := mountPoints(strings.NewReader("22 1\n"), "/tmp"); err == nil {
		t.Error("a short line, and no complaint")
	}
}

// TestDirectoryOn: what is made is taken away; a file system of another type, or without the room, is refused.
func TestDirectoryOn(t *testing.T) {
	top := t.TempDir()
	var s unix.Statfs_t
	if err := unix.Statfs(top, &s); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		magic  int64
		needed uint64
		ok     bool
	}{{int64(s.Type), 1, true}, {int64(s.Type) + 1, 1, false}, {int64(s.Type), math.MaxUint64, false}} {
		dir, release, err := directoryOn(top, c.magic, c.needed)
		if (err == nil) != c.ok {
			t.Errorf("type %#x, %d bytes: %q, %v", c.magic, c.needed, dir, err)
		}
		if err == nil {
			if err := errors.Join(os.Mkdir(filepath.Join(dir, "more"), 0o755), release()); err != nil {
				t.Error(err)
			}
		}
		if left, err := os.ReadDir(top); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
}

func TestTicks(t *testing.T) {
	before, err := parseTicks([]byte("cpu  100 0 100 700 50 10 10 30 5 5\ncpu0 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	after, err := parseTicks([]byte("cpu  150 0 120 800 50 10 10 60 5 5\n"))
	if err != nil {
		t.Fatal(err)
	}
	if before.all != 1000 || after.all != 1200 || stolen(before, after) != 15 {
		t.Errorf("%v, %v, %v %% stolen", before, after, stolen(before, after))
	}
	if s := stolen(before, before); s != 0 {
		t.Errorf("%v %% of no time", s)
	}
	for _, bad := range []string{"", "cpu 1 2 3", "intr 1 2 3 4 5 6 7 8 9", "cpu 1 2 3 x 5 6 7 8"} {
		if got, err := parseTicks([]byte(bad)); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
	if _, err := readTicks(); err != nil {
		t.Error(err)
	}
}

func TestCPUModel(t *testing.T) {
	for in, want := range map[string]string{
		"processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n": "Some CPU @ 2 GHz",
		"processor\t: 0\nCPU part\t: 0xd0c\n":              "0xd0c",
		"processor\t: 0\n":                                 "",
	} {
		got, err := cpuModel([]byte(in))
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

// TestLoopExt4: where no directory is on an ext4, a file is; nothing is left of it.
func TestLoopExt4(t *testing.T) {
	rootfstest.NeedRoot(t)
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		t.Skip("needs loop devices: run it on a machine, or in a container that has them")
	}
	if _, err := exec.LookPath("mkfs.ext4"); err != nil && os.Getenv("CI") != "true" {
		t.Skipf("%v: run make test-deps", err)
	}
	dir, release, err := loopExt4(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil || s.Type != unix.EXT4_SUPER_MAGIC {
		t.Errorf("type %#x, %v", s.Type, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it has %v, %v", left, err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(dir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("afterwards: %v", err)
	}
}
