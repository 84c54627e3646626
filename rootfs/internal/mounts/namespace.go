package mounts

import (
	"errors"
	"os"
	"runtime"

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
			return os.NewSyscallError("mount", err)
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
			return err
		}
	}
	return err
}
