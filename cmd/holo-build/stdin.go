package main

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// readerFunc is a reader that is one function.
type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// interruptible returns a reader of standard input that waits for bytes no longer than the context lasts: a read(2) of
// a pipe or terminal could not be called off.
func interruptible(ctx context.Context, stdin io.Reader) io.Reader {
	f, ok := stdin.(*os.File)
	if !ok {
		return stdin
	}
	const wait = 50 // milliseconds, poll(2)
	return readerFunc(func(p []byte) (int, error) {
		for {
			if err := context.Cause(ctx); err != nil {
				return 0, err
			}
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}, wait)
			if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
				return f.Read(p)
			}
		}
	})
}
