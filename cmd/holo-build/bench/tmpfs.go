package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// neededBytes is the room that a round takes: the layout, umoci's unpacked tree and holo-build's staging root.
const neededBytes = 4 << 30

// newTmpfs returns a directory on a tmpfs and what takes it away: a mount of its own where that is allowed, so that it has
// all the room it needs, else a directory in /dev/shm.
func newTmpfs() (dir string, release func() error, err error) {
	dir, err = os.MkdirTemp("", "bench")
	if err != nil {
		return "", nil, err
	}
	if err := unix.Mount("bench", dir, "tmpfs", unix.MS_NODEV|unix.MS_NOSUID, "size=8g,mode=0755"); err == nil {
		return dir, func() error { return errors.Join(unix.Unmount(dir, unix.MNT_DETACH), os.Remove(dir)) }, nil
	}
	if err := os.Remove(dir); err != nil {
		return "", nil, err
	}
	return sharedMemory("/dev/shm")
}

func sharedMemory(shm string) (dir string, release func() error, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(shm, &s); err != nil {
		return "", nil, fmt.Errorf("looking for a tmpfs: %s: %w", shm, err)
	}
	if free := s.Bavail * uint64(s.Bsize); s.Type != unix.TMPFS_MAGIC || free < neededBytes {
		return "", nil, fmt.Errorf("looking for a tmpfs: %s has type %#x and %d bytes free, want a tmpfs of %d: run as root to mount one",
			shm, s.Type, free, int64(neededBytes))
	}
	dir, err = os.MkdirTemp(shm, "bench")
	return dir, func() error { return os.RemoveAll(dir) }, err
}
