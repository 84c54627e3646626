package sandbox

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// A root that is handed over, Confinement.Root, is somebody else's: any name in it may be a symlink to anywhere. So places
// in it are opened once, as if it were the root, following no link that /proc makes up, and mounts are attached to what
// was opened. Nothing is made in it: what has no place in it is an error.

// takeRoot takes a root that is handed over, and makes what is mounted in it.
func (r *newRoot) takeRoot(p *plan, mount string) (err error) {
	if mount != "" {
		r.root, err = unix.FcntlInt(mountFD, unix.F_DUPFD_CLOEXEC, 0)
	} else {
		var a attachment
		a, err = clone(bind{writable, p.root, "/"}, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV, true)
		r.root = a.fd
	}
	if err == nil && p.rootReadOnly {
		err = setAttrs(r.root, unix.MOUNT_ATTR_RDONLY)
	}
	if err == nil {
		r.dev, err = tmpfs("mode=755", small...)
	}
	if err == nil {
		r.run, err = tmpfs("mode=755", sized(p)...)
	}
	// apt runs dpkg on a terminal of its own, and says that it can't where there are none; some containers have none.
	r.pts, _ = detached("devpts", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, "ptmxmode=666", "mode=620")
	return err
}

// furnishTaken puts everything into a root that was taken, when it is the root.
func (r *newRoot) furnishTaken(p *plan) error {
	for _, l := range devLinks {
		if err := unix.Symlinkat(l.target, r.dev, l.name); err != nil {
			return err
		}
	}
	if r.pts >= 0 {
		if err := errors.Join(makeDir(r.dev, "pts", 0o755), unix.Symlinkat("pts/ptmx", r.dev, "ptmx")); err != nil {
			return err
		}
	}
	if err := makeDir(r.run, "lock", 0o1777); err != nil { // as on any system that is running
		return err
	}
	kept, err := r.keep(p)
	if err != nil {
		return err
	}
	r.binds = append(r.binds, kept...)
	if err := setAttrs(r.proc, unix.MOUNT_ATTR_RDONLY); err != nil {
		return err
	}
	own := []attachment{{at: "/proc", fd: r.proc, dir: true}, {at: "/dev", fd: r.dev, dir: true}, {at: "/run", fd: r.run, dir: true}, {at: "/tmp", fd: r.tmp, dir: true}}
	if err := r.attachAll(own); err != nil {
		return err
	}
	if r.pts >= 0 {
		if err := r.attachAll([]attachment{{at: "/dev/pts", fd: r.pts, dir: true}}); err != nil {
			return err
		}
	}
	if err := r.hide(); err != nil {
		return err
	}
	slices.SortStableFunc(r.binds, func(a, b attachment) int { return strings.Compare(a.at+"/", b.at+"/") })
	for _, a := range slices.Concat(r.devices, r.binds) {
		if err := r.attachAll([]attachment{a}); err != nil {
			return err
		}
	}
	for _, a := range slices.Concat(own, r.devices, r.binds) {
		if err := r.seen(a); err != nil {
			return err
		}
	}
	return nil
}

// keep makes mounts of those directories of the root itself that would be hidden.
func (r *newRoot) keep(p *plan) (list []attachment, err error) {
	for _, b := range p.binds {
		if b.kind != ofRoot {
			continue
		}
		place, err := openIn(r.root, b.at)
		if err != nil {
			return list, fmt.Errorf("opening %s of the root: %w", b.at, err)
		}
		fd, err := unix.OpenTree(place, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
		unix.Close(place)
		if err != nil {
			return list, fmt.Errorf("keeping %s of the root: %w", b.at, err)
		}
		list = append(list, attachment{at: b.at, fd: fd, dir: true})
	}
	return list, nil
}

// attachAll finds the places of some mounts, and then attaches them, so that none decides where another goes.
func (r *newRoot) attachAll(list []attachment) error {
	places := make([]int, 0, len(list))
	defer func() {
		for _, fd := range places {
			unix.Close(fd)
		}
	}()
	for _, a := range list {
		fd, err := r.place(a.at, a.dir)
		if err != nil {
			return err
		}
		places = append(places, fd)
	}
	for i, a := range list {
		if err := unix.MoveMount(a.fd, "", places[i], "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
			return fmt.Errorf("attaching %s: %w", a.at, err)
		}
	}
	return nil
}

// place opens the place of a mount. In what is our own it makes it; elsewhere it has to be there.
func (r *newRoot) place(at string, dir bool) (int, error) {
	fd, err := openIn(r.root, at)
	if err == nil {
		if err = r.fits(fd, dir); err == nil {
			return fd, nil
		}
		unix.Close(fd)
	}
	parent := filepath.Dir(at)
	if !errors.Is(err, unix.ENOENT) || parent == "/" {
		return -1, placeError(at, err)
	}
	in, err := r.place(parent, true)
	if err != nil {
		return -1, err
	}
	defer unix.Close(in)
	if !r.ours(in) {
		return -1, placeError(at, unix.ENOENT)
	}
	name := filepath.Base(at)
	if dir {
		err = makeDir(in, name, 0o755)
	} else if fd, err = unix.Openat(in, name, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644); err == nil {
		err = unix.Close(fd)
	}
	if err != nil {
		return -1, placeError(at, err)
	}
	fd, err = unix.Openat(in, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, placeError(at, err)
	}
	return fd, nil
}

// placeError says what is wrong with the place of a mount.
func placeError(at string, err error) error {
	if errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("%s is no place in the root to mount at: it, or what it is a symlink to, does not exist: %w", at, err)
	}
	return fmt.Errorf("%s is no place in the root to mount at: %w", at, err)
}

// fits says whether a mount can be attached at a place: a directory at one, anything else at what is none, and nothing at
// the root itself, which would hide it.
func (r *newRoot) fits(fd int, dir bool) error {
	var root, st unix.Stat_t
	if err := errors.Join(unix.Fstat(r.root, &root), unix.Fstat(fd, &st)); err != nil {
		return err
	}
	switch isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR; {
	case st.Dev == root.Dev && st.Ino == root.Ino:
		return &detailError{"it is a symlink to the root itself", unix.ELOOP}
	case dir && !isDir:
		return unix.ENOTDIR
	case !dir && isDir:
		return unix.EISDIR
	}
	return nil
}

// ours says whether a directory is in one of the file systems that were made for the process.
func (r *newRoot) ours(dir int) bool {
	var st unix.Stat_t
	if unix.Fstat(dir, &st) != nil {
		return false
	}
	return slices.ContainsFunc([]int{r.dev, r.run, r.tmp}, func(fd int) bool {
		var own unix.Stat_t
		return unix.Fstat(fd, &own) == nil && own.Dev == st.Dev
	})
}

// seen checks that a name leads to what was mounted for it, and not, by symlinks of the root, to another mount.
func (r *newRoot) seen(a attachment) error {
	fd, err := openIn(r.root, a.at)
	if err != nil {
		return placeError(a.at, err)
	}
	defer unix.Close(fd)
	var is, want unix.Stat_t
	if err := errors.Join(unix.Fstat(fd, &is), unix.Fstat(a.fd, &want)); err != nil {
		return err
	}
	if is.Dev != want.Dev || is.Ino != want.Ino {
		return placeError(a.at, &detailError{"symlinks make it one with another", unix.ELOOP})
	}
	return nil
}

// openIn opens a name as if a directory were the root, following symlinks but those to which /proc leads, as these may
// lead to what the helper has open.
func openIn(root int, name string) (fd int, err error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	err = retry(unix.EAGAIN, func() error { // when somebody, anywhere, renames or mounts something
		fd, err = unix.Openat2(root, name, &how)
		return err
	})
	return fd, err
}

// makeDir makes a directory with just this mode; the umask is the helper's, which the program inherits.
func makeDir(dir int, name string, mode uint32) error {
	if err := unix.Mkdirat(dir, name, mode); err != nil {
		return err
	}
	return unix.Fchmodat(dir, name, mode, 0)
}
