package mounts

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"
)

// onThread runs f on a thread of its own that ends with it, so that f may change what belongs to a thread.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the runtime ends the thread with the goroutine.
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			done <- f()
			return
		}
		// The first thread can't be ended, and stands for the process in /proc: hold it until another has done the work.
		done <- onThread(f)
		runtime.UnlockOSThread()
	}()
	return <-done
}

// inNamespace runs f in a new mount namespace, a private copy of the caller's, and returns that: it lives as long as
// it is open, or anything is in it.
func (k Kernel) inNamespace(f func() error) (namespace *os.File, err error) {
	err = onThread(func() error {
		err := k.ask("unshare", "mnt")
		if err == nil {
			err = unix.Unshare(unix.CLONE_NEWNS)
		}
		if err != nil {
			return &UnsupportedError{What: whatNamespace, Err: os.NewSyscallError("unshare", err)}
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return refused(whatNamespace, os.NewSyscallError("mount", err))
		}
		ns, err := os.Open("/proc/thread-self/ns/mnt")
		if err != nil {
			return err
		}
		if err := f(); err != nil {
			return errors.Join(err, ns.Close())
		}
		namespace = ns
		return nil
	})
	return namespace, err
}

// attachSomewhere attaches a mount in a namespace that nobody looks at. Where does not matter, nor that more than one
// is attached there: they are reached by their descriptors.
func attachSomewhere(f *os.File) error {
	var err error
	for _, at := range []string{"/tmp", "/run", "/mnt", "/dev", "/etc"} {
		if err = Attach(f, at); err == nil || !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) {
			break
		}
	}
	return refused(whatAPI, err)
}

// overlayThere mounts in a mount namespace of the caller's, where the layers are attached, as kernels before 6.15 want it.
// The overlay is attached there too, so that it can be cloned.
func (k Kernel) overlayThere(o Overlay) (*Mount, error) {
	var m *Mount
	holder, err := k.inNamespace(func() error {
		upper, work, err := o.open() // before anything covers them
		if err != nil {
			return err
		}
		defer upper.Close()
		defer work.Close()
		there := o
		there.Lower = slices.Clone(o.Lower)
		for i, f := range o.Lower {
			if isMountRoot(f) {
				err = attachSomewhere(f)
			} else if there.Lower[i], err = openAgain(f); err == nil {
				defer there.Lower[i].Close()
			}
			if err != nil {
				return err
			}
		}
		if m, err = k.overlayOn(there, upper, work); err != nil {
			return err
		}
		if err := attachSomewhere(m.file); err != nil {
			return errors.Join(err, m.file.Close())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	m.holder, m.How = holder, "namespace"
	return m, nil
}

// openAgain opens a directory in the caller's namespace that was opened in another.
func openAgain(f *os.File) (*os.File, error) {
	again, err := os.OpenFile(f.Name(), unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	was, err := f.Stat()
	if err == nil {
		var is os.FileInfo
		if is, err = again.Stat(); err == nil && !os.SameFile(was, is) {
			err = fmt.Errorf("%s is another directory now", f.Name())
		}
	}
	if err != nil {
		return nil, errors.Join(err, again.Close())
	}
	return again, nil
}
