package mounts

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Overlay is what an overlay is made of.
type Overlay struct {
	// Lower are the lower layers, the uppermost first: roots of detached mounts (their File), or directories that were
	// opened by absolute names which they still have. Their mounts may be closed afterwards. On kernels before 6.15 a
	// detached mount is used up by it: it can't be cloned or attached any more.
	Lower []*os.File
	// Upper is the directory that gets the changes, and Work an empty one in the same mount (mount(8)), named as the
	// caller sees them. The root of the overlay is the upper directory, with its owner, mode, times and attributes. In
	// Work directories of mode 0 are left (work, and for Volatile incompat and volatile in it), which a plain user can't
	// remove before they are given another mode.
	Upper, Work string
	// Volatile has the overlay ignore all syncing. What the upper directory has is then right as long as the machine
	// does not crash. Without it each file that is copied up is synced, and the end of the mount waits until all of the
	// file system that Upper is on is written out.
	Volatile bool
}

// Overlay makes an overlay whose upper directory is plain: a whiteout is a character device 0:0, a directory that hides
// its lower one has the attribute overlay.opaque, and any other file is whole (a directory of the lower layers can't be
// renamed: EXDEV). Beside that only the attributes overlay.origin, overlay.impure and overlay.uuid may be there, which say
// nothing about content, and directories may be opaque that hide nothing (Documentation/filesystems/overlayfs.rst).
//
// The attributes' names begin with the mount's Marks. In a user namespace, which need not have mounts of its own, it takes
// Linux 5.11.
func (k Kernel) Overlay(o Overlay) (*Mount, error) {
	m, err := k.overlayAnywhere(o)
	if badLayer(err) {
		// What is under the upper directory can't have one, such as another overlay.
		err = &UnsupportedError{What: whatOverlay, Err: err}
	}
	if _, lacks := errors.AsType[*UnsupportedError](err); lacks {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("mounting an overlay over %s: %w", o.Upper, err)
	}
	return m, nil
}

func (k Kernel) overlayAnywhere(o Overlay) (*Mount, error) {
	if !slices.ContainsFunc(o.Lower, isMountRoot) {
		if k.clonesDetached(o.Lower[0]) {
			return k.overlayHere(o)
		}
		return k.overlayThere(o)
	}
	m, err := k.overlayHere(o)
	if badLayer(err) {
		var thereErr error
		m, thereErr = k.overlayThere(o)
		if _, lacks := errors.AsType[*UnsupportedError](thereErr); lacks || thereErr == nil {
			err = thereErr
		}
	}
	return m, err
}

// clonesDetached tells whether detached mounts can be cloned, which kernels before 6.15 don't do, nor others where the
// caller is root of a user namespace but not of the mount namespace that he is in.
func (k Kernel) clonesDetached(dir *os.File) bool {
	mount, err := k.cloneTree(dir)
	if err != nil {
		return false
	}
	defer mount.Close()
	clone, err := k.cloneTree(mount)
	if err != nil {
		return false
	}
	return clone.Close() == nil
}

// badLayer tells whether the kernel did not take the layers as they were told: an unknown way of telling and a mount of
// no namespace, or another one, are both EINVAL; EBADF is a descriptor of O_PATH, before 6.15.
func badLayer(err error) bool { return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EBADF) }

// isMountRoot tells whether a file is the root of a mount, as that of a detached mount is.
func isMountRoot(f *os.File) bool {
	var st unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, 0, &st)
	return err == nil && st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}

// way is how layers are told to the kernel.
type way struct {
	name string
	set  func(c *config, lower []*os.File, upper, work *os.File) error
}

// ways are those of newer kernels first. A layer by its path in /proc is the same directory, whatever its name is now.
func ways() []way {
	return []way{
		{"descriptors", func(c *config, lower []*os.File, upper, work *os.File) error {
			for _, f := range lower {
				if err := c.descriptor("lowerdir+", f); err != nil {
					return err
				}
			}
			if err := c.descriptor("upperdir", upper); err != nil {
				return err
			}
			return c.descriptor("workdir", work)
		}},
		{"paths", func(c *config, lower []*os.File, upper, work *os.File) error {
			for _, f := range lower {
				if err := c.text("lowerdir+", byNumber(f)); err != nil {
					return err
				}
			}
			return setUpper(c, upper, work)
		}},
		{"paths", func(c *config, lower []*os.File, upper, work *os.File) error {
			var names []string
			for _, f := range lower {
				names = append(names, byNumber(f))
			}
			// A value has at most 255 bytes: some 12 layers.
			if err := c.text("lowerdir", strings.Join(names, ":")); err != nil {
				return err
			}
			return setUpper(c, upper, work)
		}},
	}
}

func setUpper(c *config, upper, work *os.File) error {
	if err := c.text("upperdir", byNumber(upper)); err != nil {
		return err
	}
	return c.text("workdir", byNumber(work))
}

// overlayHere mounts in the caller's mount namespace.
func (k Kernel) overlayHere(o Overlay) (*Mount, error) {
	upper, work, err := o.open()
	if err != nil {
		return nil, err
	}
	defer upper.Close()
	defer work.Close()
	return k.overlayOn(o, upper, work)
}

func (k Kernel) overlayOn(o Overlay, upper, work *os.File) (*Mount, error) {
	marks, err := k.marks(upper)
	if err != nil {
		return nil, err
	}
	var first error // what the newest way has met says most
	for _, w := range ways() {
		f, err := k.overlay(o, w, upper, work, marks)
		if err == nil {
			return &Mount{file: f, kernel: k, How: w.name, Marks: marks}, nil
		}
		if !badLayer(err) {
			return nil, err
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// The names of overlayfs' attributes begin so, but for where the caller may not set them: there with the option userxattr.
const (
	marksOfRoot = "trusted.overlay."
	marksOfUser = "user.overlay."
)

// marks finds out which attributes the upper directory can have. Without any, an overlay can be mounted, but a directory
// that was removed can't be made anew in it: EIO.
func (k Kernel) marks(upper *os.File) (string, error) {
	var errs []error
	for _, marks := range []string{marksOfRoot, marksOfUser} {
		name := marks + "opaque"
		err := k.ask("setxattr", name)
		if err == nil {
			err = unix.Setxattr(byNumber(upper), name, []byte("n"), 0)
		}
		if err == nil {
			return marks, os.NewSyscallError("removexattr", unix.Removexattr(byNumber(upper), name))
		}
		errs = append(errs, fmt.Errorf("setting %s: %w", name, err))
	}
	return "", &UnsupportedError{What: whatOverlay, Err: errors.Join(errs...)}
}

// open opens the directories in the caller's namespace, since a layer has to belong to that.
func (o *Overlay) open() (upper, work *os.File, err error) {
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW
	if upper, err = os.OpenFile(o.Upper, flags, 0); err != nil {
		return nil, nil, err
	}
	if work, err = os.OpenFile(o.Work, flags, 0); err != nil {
		return nil, nil, errors.Join(err, upper.Close())
	}
	return upper, work, nil
}

func (k Kernel) overlay(o Overlay, w way, upper, work *os.File, marks string) (*os.File, error) {
	c, err := k.open(whatOverlay)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := c.text("source", whatOverlay); err != nil {
		return nil, err
	}
	if err := w.set(c, o.Lower, upper, work); err != nil {
		return nil, err
	}
	// A kernel may be built so that these are on; "nofollow" also distrusts redirections that a lower layer has.
	options := [][2]string{{"index", "off"}, {"xino", "off"}}
	if marks == marksOfRoot {
		options = append(options, [2]string{"redirect_dir", "nofollow"}, [2]string{"metacopy", "off"})
	} else if err := c.flag("userxattr"); err != nil { // which allows neither of these options, and does what they say
		return nil, err
	}
	for _, option := range options {
		if err := c.text(option[0], option[1]); err != nil {
			return nil, err
		}
	}
	if o.Volatile {
		if err := c.flag("volatile"); err != nil {
			return nil, err
		}
	}
	return c.create(whatOverlay)
}
