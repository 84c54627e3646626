package sandbox

import "golang.org/x/sys/unix"

// confine makes everything read-only but some directories, for the mount namespace that the helper is in. Each of them
// is mounted on itself as it was before.
func confine(writable []string) error {
	const clone = unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_RECURSIVE
	mounts := make([]int, len(writable))
	for i, dir := range writable {
		fd, err := unix.OpenTree(unix.AT_FDCWD, dir, clone)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		mounts[i] = fd
	}
	// A mount is busy for as long as something is written to it, and that is done for a moment by whoever reads: a time of
	// access is. A page of this program, read by another of its threads, is enough.
	readOnly := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	err := retry(unix.EBUSY, func() error { return unix.MountSetattr(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, &readOnly) })
	if err != nil {
		return err
	}
	for i, dir := range writable {
		if err := unix.MoveMount(mounts[i], "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return err
		}
	}
	return nil
}
