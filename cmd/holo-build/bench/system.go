package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// neededBytes is the room that a round takes: the layout, the caches, what umoci has unpacked or buildah stored.
const neededBytes = 6 << 30

// system is a file system to measure on. open gives an empty directory on it, and what takes it away.
type system struct {
	name string
	open func(ctx context.Context) (dir string, release func() error, err error)
}

// chooseSystems reads a list of names.
func chooseSystems(list string) (chosen []system, err error) {
	for name := range strings.SplitSeq(list, ",") {
		switch name {
		case "tmpfs":
			chosen = append(chosen, system{name, func(context.Context) (string, func() error, error) { return newTmpfs() }})
		case "ext4":
			chosen = append(chosen, system{name, newExt4})
		default:
			return nil, fmt.Errorf("reading -on: no file system %q, want ext4 or tmpfs", name)
		}
	}
	return chosen, nil
}

// newTmpfs returns a directory on a tmpfs and what takes it away: a mount of its own where that is allowed, so that it has
// all the room it needs, else a directory in /dev/shm.
func newTmpfs() (dir string, release func() error, err error) {
	dir, err = os.MkdirTemp("", "bench")
	if err != nil {
		return "", nil, err
	}
	if err := unix.Mount("bench", dir, "tmpfs", unix.MS_NODEV|unix.MS_NOSUID, "size=8g,mode=0755"); err == nil {
		return dir, func() error {
			return errors.Join(unmountBelow(dir), unix.Unmount(dir, unix.MNT_DETACH), os.Remove(dir))
		}, nil
	}
	if err := os.Remove(dir); err != nil {
		return "", nil, err
	}
	return directoryOn("/dev/shm", unix.TMPFS_MAGIC, neededBytes)
}

// newExt4 returns a directory on an ext4 and what takes it away: below TMPDIR or /var/tmp where that is one, as a user
// has it, else on a file system in a file.
func newExt4(ctx context.Context) (dir string, release func() error, err error) {
	for _, top := range []string{os.TempDir(), "/var/tmp"} {
		if dir, release, err := directoryOn(top, unix.EXT4_SUPER_MAGIC, neededBytes); err == nil {
			return dir, release, nil
		}
	}
	return loopExt4(ctx)
}

// directoryOn makes a directory if the parent is on a file system of that type, with enough room.
func directoryOn(parent string, magic int64, needed uint64) (dir string, release func() error, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(parent, &s); err != nil {
		return "", nil, fmt.Errorf("looking at %s: %w", parent, err)
	}
	if free := s.Bavail * uint64(s.Bsize); int64(s.Type) != magic || free < needed {
		return "", nil, fmt.Errorf("looking at %s: it has type %#x and %d bytes free, want type %#x and %d: run as root to mount one",
			parent, s.Type, free, magic, needed)
	}
	dir, err = os.MkdirTemp(parent, "bench")
	return dir, func() error { return errors.Join(unmountBelow(dir), os.RemoveAll(dir)) }, err
}

// loopExt4 mounts a sparse file.
func loopExt4(ctx context.Context) (dir string, release func() error, err error) {
	top, err := os.MkdirTemp("/var/tmp", "bench")
	if err != nil {
		return "", nil, err
	}
	file, dir := filepath.Join(top, "ext4"), filepath.Join(top, "mounted")
	release = func() error {
		return errors.Join(unmountBelow(top), os.RemoveAll(top))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, release())
		}
	}()
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, 2*neededBytes), os.Mkdir(dir, 0o755)); err != nil {
		return "", nil, err
	}
	for _, argv := range [][]string{
		{"mkfs.ext4", "-q", "-F", file},
		{"mount", "-o", "loop,nodev,nosuid", file, dir},
		{"rmdir", filepath.Join(dir, "lost+found")},
	} {
		if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return "", nil, fmt.Errorf("making an ext4 by %s: %w\n%s", argv[0], err, out)
		}
	}
	return dir, release, nil
}

// unmountBelow detaches whatever is mounted below a directory, the last one first.
func unmountBelow(dir string) (err error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	points, err := mountPoints(f, dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range slices.Backward(points) {
		if err := unix.Unmount(p, unix.MNT_DETACH); err != nil {
			errs = append(errs, fmt.Errorf("unmounting %s: %w", p, err))
		}
	}
	return errors.Join(errs...)
}

// mountPoints are those below a directory, in the order of proc_pid_mountinfo(5): the fifth field, blanks as octals.
func mountPoints(r io.Reader, dir string) (points []string, err error) {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	s := bufio.NewScanner(r)
	for s.Scan() {
		fields := strings.Fields(s.Text())
		if len(fields) < 5 {
			return nil, fmt.Errorf("reading mountinfo: a line %q", s.Text())
		}
		if p := unescape.Replace(fields[4]); strings.HasPrefix(p, dir+"/") {
			points = append(points, p)
		}
	}
	return points, s.Err()
}
