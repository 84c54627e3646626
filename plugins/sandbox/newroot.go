package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A newRoot is a tree of mounts that becomes the root of the helper and the program. All of them are made detached:
// nobody sees them before they are attached, in the helper's mount namespace, and nothing is left when that ends.
type newRoot struct {
	root, tmp, proc, old int // -1 where there is none; old is the one before
	dev, run, pts        int // in a root that is handed over; pts is -1 where the kernel has none
	// procErr is why /proc is not its own.
	procErr error
	// bounded says that the number of processes is.
	bounded        bool
	devices, binds []attachment
}

// attachment is a detached mount or a symlink, and where it belongs.
type attachment struct {
	at, link string
	fd       int
	dir      bool
}

// The directories of every root, and their modes.
var rootDirs = []struct {
	name string
	mode os.FileMode
}{
	{"/dev", 0o755}, {"/etc", 0o755}, {"/home", 0o755}, {"/opt", 0o755}, {"/proc", 0o555}, {"/root", 0o700}, {"/run", 0o755},
	{"/srv", 0o755}, {"/tmp", 0o755}, {"/var", 0o755},
}

// deviceNames are in every /dev. There is no terminal: the program has a session without one.
var deviceNames = []string{"null", "zero", "full", "random", "urandom"}

var devLinks = []struct{ name, target string }{
	{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"}, {"shm", "/tmp"},
}

// masked hides of /proc what tells of the machine and not of the program's processes, and what none may use.
var masked = []string{
	"acpi", "asound", "bus", "cmdline", "driver", "fs", "iomem", "ioports", "irq", "kallsyms", "kcore", "key-users", "keys", "kmsg", "kpagecgroup", "kpagecount", "kpageflags",
	"modules", "sched_debug", "scsi", "slabinfo", "sysrq-trigger", "sysvipc", "timer_list", "timer_stats", "tty", "vmallocinfo",
}

// pivotRoot gives the helper a root of its own, or returns an error and leaves it the one that it has. After that there
// is no way back: what goes wrong in furnish is an error.
func pivotRoot(p *plan, mount string) (*newRoot, error) {
	r := &newRoot{root: -1, tmp: -1, proc: -1, old: -1, dev: -1, run: -1, pts: -1}
	err := r.prepare(p, mount)
	if err == nil {
		err = r.pivot()
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// prepare makes all the mounts, while the machine's files can be named.
func (r *newRoot) prepare(p *plan, mount string) (err error) {
	if r.old, err = unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	if mount != "" {
		if err := setAttrs(mountFD, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV); err != nil {
			return fmt.Errorf("restricting %s: %w", mount, err)
		}
	}
	if p.root != "" {
		err = r.takeRoot(p, mount)
	} else {
		r.root, err = tmpfs("mode=755", small...)
	}
	if err != nil {
		return fmt.Errorf("making the root: %w", err)
	}
	if r.tmp, err = tmpfs("mode=1777", sized(p)...); err != nil {
		return fmt.Errorf("making /tmp: %w", err)
	}
	const procAttrs = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
	if r.proc, r.procErr = detached("proc", procAttrs); r.procErr != nil {
		// In a container whose own /proc is masked, a user namespace gets no other. The container's is better than none,
		// without which a shell can't open /dev/stderr.
		a, err := clone(bind{writable, "/proc", "/proc"}, procAttrs, false)
		if err != nil {
			return err
		}
		r.proc = a.fd
	}
	r.bounded = boundNamespace(r.proc, p.limits.Processes)
	for _, name := range deviceNames {
		a, err := clone(bind{writable, "/dev/" + name, "/dev/" + name}, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, false)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		r.devices = append(r.devices, a)
	}
	for _, b := range p.binds {
		if b.kind == ofRoot {
			continue
		}
		attrs := uint64(unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV)
		if b.kind == readOnly {
			attrs |= unix.MOUNT_ATTR_RDONLY
		}
		a, err := clone(b, attrs, p.root != "")
		if outOfReach(err) && b.kind == readOnly && a.fd < 0 {
			continue
		} else if err != nil {
			return err
		}
		r.binds = append(r.binds, a)
	}
	// What is in another comes after it.
	slices.SortStableFunc(r.binds, func(a, b attachment) int { return strings.Compare(a.at+"/", b.at+"/") })
	return nil
}

// small bounds a file system for names alone.
var small = []string{"size=1m", "nr_inodes=4k"}

// sized bounds one for files.
func sized(p *plan) []string {
	if p.limits.Memory == 0 {
		return nil
	}
	return []string{"size=" + strconv.FormatInt(p.limits.Memory, 10)}
}

// tmpfs makes a file system in memory.
func tmpfs(mode string, options ...string) (int, error) {
	return detached("tmpfs", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV, append(options, mode)...)
}

// detached makes a file system, and a mount of it that is attached nowhere.
func detached(fstype string, attrs int, options ...string) (int, error) {
	fs, err := unix.Fsopen(fstype, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fs)
	for _, o := range options {
		key, value, _ := strings.Cut(o, "=")
		if err := unix.FsconfigSetString(fs, key, value); err != nil {
			return -1, err
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, err
	}
	return unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, attrs)
}

// clone makes a detached mount of what is at b.host, and of all that is mounted in it. In a root that is handed over no
// symlink can be made: there, follow means what it leads to.
func clone(b bind, attrs uint64, follow bool) (attachment, error) {
	a := attachment{at: b.at, fd: -1}
	stat, flags := os.Lstat, uint(unix.AT_SYMLINK_NOFOLLOW)
	if follow {
		stat, flags = os.Stat, 0
	}
	fi, err := stat(b.host)
	if err != nil {
		return a, err
	}
	if fi.Mode()&fs.ModeSymlink != 0 && b.kind == readOnly {
		a.link, err = os.Readlink(b.host)
		return a, err
	}
	a.dir = fi.IsDir()
	a.fd, err = unix.OpenTree(unix.AT_FDCWD, b.host, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE|flags)
	if err != nil {
		a.fd = -1
		return a, fmt.Errorf("opening %s: %w", b.host, err)
	}
	if err := setAttrs(a.fd, attrs); err != nil {
		unix.Close(a.fd)
		return a, fmt.Errorf("restricting %s: %w", b.host, err)
	}
	return a, nil
}

// setAttrs sets attributes of a detached mount and of all in it.
func setAttrs(fd int, attrs uint64) error {
	return unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: attrs})
}

// pivot makes the new root the root.
func (r *newRoot) pivot() error {
	// On top of the old root, where no name leads to it; pivot_root(2) describes the rest.
	if err := unix.MoveMount(r.root, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("attaching the root: %w", err)
	}
	if err := unix.Fchdir(r.root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return errors.Join(fmt.Errorf("changing the root: %w", err), unix.Unmount(".", unix.MNT_DETACH), unix.Fchdir(r.old))
	}
	return nil
}

// furnish takes the old root away, puts everything into the new one, and closes it to changes.
func (r *newRoot) furnish(p *plan, mount string) error {
	if err := unix.Fchdir(r.old); err != nil {
		return err
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("taking the old root away: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if p.root != "" {
		return r.furnishTaken(p)
	}
	for _, d := range rootDirs {
		if err := os.Mkdir(d.name, d.mode); err != nil {
			return err
		}
	}
	for _, l := range devLinks {
		if err := os.Symlink(l.target, "/dev/"+l.name); err != nil {
			return err
		}
	}
	if err := r.attach(attachment{at: "/tmp", fd: r.tmp, dir: true}); err != nil {
		return err
	}
	if err := setAttrs(r.proc, unix.MOUNT_ATTR_RDONLY); err != nil {
		return err
	}
	if err := r.attach(attachment{at: "/proc", fd: r.proc, dir: true}); err != nil {
		return err
	}
	if err := r.hide(); err != nil {
		return err
	}
	for _, a := range slices.Concat(r.devices, r.binds) {
		if err := r.attach(a); err != nil {
			return err
		}
	}
	if mount != "" {
		if err := r.attach(attachment{at: mount, fd: mountFD, dir: true}); err != nil {
			return err
		}
	}
	return unix.MountSetattr(r.root, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
}

// attach puts one mount or symlink where it belongs. In what is not ours to change, its place has to be there already.
func (r *newRoot) attach(a attachment) error {
	if err := os.MkdirAll(filepath.Dir(a.at), 0o755); err != nil {
		return err
	}
	var err error
	switch {
	case a.fd < 0:
		if err := os.Symlink(a.link, a.at); !errors.Is(err, fs.ErrExist) && !errors.Is(err, unix.EROFS) {
			return err
		}
		return nil // it is there: what it stands in was named, too
	case a.dir:
		err = os.MkdirAll(a.at, 0o755)
	default:
		if _, err = os.Lstat(a.at); err != nil {
			err = os.WriteFile(a.at, nil, 0o644)
		}
	}
	if err != nil {
		return err
	}
	if err := unix.MoveMount(a.fd, "", unix.AT_FDCWD, a.at, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("attaching %s: %w", a.at, err)
	}
	return nil
}

// hide hides in /proc what is masked: a file behind an empty one, a directory behind an empty directory. Both are made in
// /tmp, and no name leads anywhere but there and to /proc itself: the root may be somebody else's.
func (r *newRoot) hide() error {
	const file, dir = "hidden-file", "hidden-dir"
	fd, err := unix.Openat(r.tmp, file, unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	unix.Close(fd)
	if err := unix.Mkdirat(r.tmp, dir, 0o555); err != nil {
		return err
	}
	for _, name := range masked {
		var st unix.Stat_t
		if err := unix.Fstatat(r.proc, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			continue // not in this kernel
		}
		behind := file
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			behind = dir
		}
		fd, err := unix.OpenTree(r.tmp, behind, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
		if err != nil {
			return err
		}
		if err = setAttrs(fd, unix.MOUNT_ATTR_RDONLY); err == nil {
			err = unix.MoveMount(fd, "", r.proc, name, unix.MOVE_MOUNT_F_EMPTY_PATH)
		}
		unix.Close(fd)
		if err != nil {
			return fmt.Errorf("hiding /proc/%s: %w", name, err)
		}
	}
	return errors.Join(unix.Unlinkat(r.tmp, file, 0), unix.Unlinkat(r.tmp, dir, unix.AT_REMOVEDIR))
}

// close closes the descriptors of the mounts; those that are attached nowhere are gone then.
func (r *newRoot) close() {
	fds := []int{r.root, r.tmp, r.proc, r.old, r.dev, r.run, r.pts}
	for _, a := range slices.Concat(r.devices, r.binds) {
		fds = append(fds, a.fd)
	}
	for _, fd := range fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
