package main

import (
	"context"
	"errors"
	"syscall"

	"github.com/holo-build/holo-build/oci"
)

// The exit statuses. Each verb's help lists those that it has.
const (
	exitDone    = 0 // done
	exitFailed  = 1 // failed, and no destination's name was touched
	exitUsage   = 2 // wrong use
	exitDiffers = 3 // what was verified or compared is not as it should be
	exitPartial = 4 // content was written everywhere, but only some of the names were moved
	exitSignal  = 128
)

const exitHelp = `Exit status: 0 done; 1 failed, and no destination's name was touched; 2 wrong
use; 4 content was written everywhere but moving the names failed half-way;
129, 130 and 143 interrupted.`

// usageError is wrong use of the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// differenceError says that what was verified or compared is not as it should be.
type differenceError struct{ error }

func (e differenceError) Unwrap() error { return e.error }

// partialError says that the names of some destinations were moved and those of others not.
type partialError struct{ error }

func (e partialError) Unwrap() error { return e.error }

// signalError is a signal that ended the work.
type signalError struct{ signal syscall.Signal }

func (e signalError) Error() string {
	if e.signal == syscall.SIGINT {
		return "interrupted"
	}
	return "terminated"
}

// toldError is an error that its user has read already.
type toldError struct{ error }

func (e toldError) Unwrap() error { return e.error }

// interruption returns the signal that ended the work, in place of whatever error it led to, or else err. How far the
// names had moved counts for more.
func interruption(ctx context.Context, err error) error {
	_, partial := errors.AsType[partialError](err)
	_, told := errors.AsType[toldError](err)
	if err == nil || partial || told || context.Cause(ctx) == nil {
		return err
	}
	return context.Cause(ctx)
}

// exitStatus is the one table of exit statuses.
func exitStatus(err error) int {
	if err == nil {
		return exitDone
	}
	if s, ok := errors.AsType[signalError](err); ok {
		return exitSignal + int(s.signal)
	}
	if _, ok := errors.AsType[partialError](err); ok {
		return exitPartial
	}
	if _, ok := errors.AsType[differenceError](err); ok {
		return exitDiffers
	}
	if _, ok := errors.AsType[usageError](err); ok || errors.Is(err, oci.ErrReference) {
		return exitUsage
	}
	return exitFailed
}
