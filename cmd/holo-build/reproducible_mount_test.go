package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// shuffled mounts a view of a directory for the time of the test, in which the entries of each directory come in
// another order whenever it is read.
func shuffled(t *testing.T, dir string) string {
	t.Helper()
	need(t, "disorderfs")
	if _, err := os.Stat("/dev/fuse"); err != nil {
		lacking(t, "no FUSE here: "+err.Error()+": run the tests on a machine, or in a container with /dev/fuse")
	}
	view := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "disorderfs", "-q", "--shuffle-dirents=yes", dir, view).CombinedOutput(); err != nil {
		lacking(t, "mounting disorderfs: "+err.Error()+"\n"+string(out)+"\nrun the tests on a machine, or in a container with CAP_SYS_ADMIN")
	}
	t.Cleanup(func() { release(t, view) })
	return view
}

// TestReproducibleShuffles shows that the directories which TestReproducible shuffles are.
func TestReproducibleShuffles(t *testing.T) {
	rootfstest.NeedRoot(t)
	view := shuffled(t, filepath.Join(reproducibleInputs(t), "tree/etc"))
	orders := map[string]bool{}
	for range 10 {
		f, err := os.Open(view)
		if err != nil {
			t.Fatal(err)
		}
		names, err := f.Readdirnames(-1)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		orders[strings.Join(names, " ")] = true
	}
	if len(orders) < 2 {
		t.Errorf("ten times the same order: %v", orders)
	}
}

// otherHost gives the build another host name than the machine has.
func otherHost(t *testing.T) circumstances {
	t.Helper()
	need(t, "unshare", "hostname")
	if out, err := exec.CommandContext(t.Context(), "unshare", "-u", "true").CombinedOutput(); err != nil {
		t.Skipf("no UTS namespace: %v\n%s\nrun the tests on a machine, or in a container with CAP_SYS_ADMIN", err, out)
	}
	return circumstances{under: []string{"unshare", "-u", "sh", "-c", `hostname other.example && exec "$@"`, "sh"}}
}

// onTmpfs returns a directory on the tmpfs that Linux systems have for all users.
func onTmpfs(t *testing.T) string {
	t.Helper()
	var fs unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &fs); err != nil || fs.Type != unix.TMPFS_MAGIC {
		t.Skipf("/dev/shm is no tmpfs (type %#x, %v): mount one there", fs.Type, err)
	}
	dir, err := os.MkdirTemp("/dev/shm", "reproducible")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// onLoop returns a directory on a new file system of a kind, which is in a file.
func onLoop(t *testing.T, kind string, options ...string) string {
	t.Helper()
	need(t, "mkfs."+kind, "mount")
	disk, dir := filepath.Join(t.TempDir(), "disk"), t.TempDir()
	// mkfs.xfs refuses less than 300 MB. The file is sparse.
	if err := os.WriteFile(disk, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(disk, 320<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "mkfs."+kind, "-q", disk).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.%s: %v\n%s", kind, err, out)
	}
	if out, err := exec.CommandContext(t.Context(), "mount", "-o", strings.Join(append(options, "loop,nodev,nosuid"), ","), "-t", kind, disk, dir).CombinedOutput(); err != nil {
		t.Skipf("mounting %s: %v\n%s\nrun the tests on a machine whose kernel has it, or in a container with loop devices", kind, err, out)
	}
	t.Cleanup(func() { release(t, dir) })
	return dir
}

// onGrpid returns a directory on an ext4 where all that is made in a directory gets its group.
func onGrpid(t *testing.T) string {
	t.Helper()
	dir := onLoop(t, "ext4", "grpid")
	if err := os.Chown(dir, -1, 1234); err != nil {
		t.Fatal(err)
	}
	return dir
}

// onCompressed returns a directory on a btrfs, which gives whatever is made in it an extended attribute, btrfs.compression.
func onCompressed(t *testing.T) string {
	t.Helper()
	need(t, "btrfs")
	dir := filepath.Join(onLoop(t, "btrfs"), "compressed")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "btrfs", "property", "set", dir, "compression", "zstd").CombinedOutput(); err != nil {
		t.Fatalf("btrfs property set: %v\n%s", err, out)
	}
	return dir
}

// release unmounts what nothing may be using any more, and complains if it is used, or is none.
func release(t *testing.T, dir string) {
	t.Helper()
	if err := unix.Unmount(dir, 0); err != nil {
		t.Errorf("unmounting %s: %v", dir, err)
		unmount(t, dir)
	}
}
