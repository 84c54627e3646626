package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"
)

// The file that tells of whoever provisions a root file system; holo(8). Its first line is the number of the process.
const (
	lockDir  = "run"
	lockFile = "holo.pid"
)

const (
	// lockMark is the second line of a lock of ours, whose maker holds a flock(2) on it: one that a killed run has left can
	// be told thereby. Of holo(8)'s, which has one line, it can't.
	lockMark = "holo-build"
	// cacheMark begins a line that names the run's cache directory.
	cacheMark = "cache "
	maxLock   = 4 << 10
)

// cacheName is what a line of a lock may call a cache directory: who can write the file must not have others removed.
var cacheName = regexp.MustCompile(`^([^/]+/)*holo\.[0-9]+$`)

// rootLock makes sure that nobody else provisions a root file system. A nil one is of a root without a directory for it.
type rootLock struct {
	run  *os.Root
	file *os.File
	// abandoned is the cache directory that a killed run has left.
	abandoned string
}

// errLocked says that the lock is somebody else's.
var errLocked = errors.New("somebody else is provisioning it; if nobody is, remove that file")

// lockRoot locks the root file system in dir, as long as it has a directory where that can be told.
func lockRoot(dir string) (_ *rootLock, err error) {
	top, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, top.Close()) }()
	if info, err := top.Lstat(lockDir); err != nil || !info.IsDir() {
		return nil, nil
	}
	l := &rootLock{}
	if l.run, err = top.OpenRoot(lockDir); err != nil {
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	err = l.take()
	for n := 0; n < 10 && errors.Is(err, fs.ErrNotExist); n++ { // it has just gone
		err = l.take()
	}
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, errLocked):
		err = fmt.Errorf("locking %s: %s is there: %w", dir, filepath.Join(dir, lockDir, lockFile), errLocked)
	default:
		err = fmt.Errorf("locking %s: %w", dir, err)
	}
	return nil, errors.Join(err, l.run.Close())
}

// take makes the lock, or takes an abandoned one over.
func (l *rootLock) take() error {
	f, err := l.run.OpenFile(lockFile, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if errors.Is(err, fs.ErrExist) {
		f, err = l.run.OpenFile(lockFile, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errLocked
		}
		if err == nil {
			l.abandoned, err = l.takeOver(f)
		}
		if err != nil && f != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err != nil {
		return err
	}
	l.file = f
	// Only a lock with the mark is ever taken over, and that not before the flock goes. Where the file system has none,
	// nobody gets one.
	if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOLCK) {
		err = nil
	}
	if err == nil {
		_, err = fmt.Fprintf(f, "%d\n%s\n", os.Getpid(), lockMark)
	}
	if err != nil {
		return errors.Join(err, l.drop())
	}
	return nil
}

// takeOver empties a lock that a killed run has left, and returns the name of that run's cache directory.
func (l *rootLock) takeOver(f *os.File) (cache string, err error) {
	opened, err := f.Stat()
	if err != nil || !opened.Mode().IsRegular() {
		return "", errLocked
	}
	text, err := io.ReadAll(io.LimitReader(f, maxLock))
	lines := strings.Split(string(text), "\n")
	if err != nil || len(lines) < 2 || lines[1] != lockMark || unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return "", errLocked
	}
	switch now, err := l.run.Lstat(lockFile); {
	case err != nil:
		return "", err
	case !os.SameFile(opened, now): // that run was not killed, but has ended
		return "", fs.ErrNotExist
	}
	if name, ok := strings.CutPrefix(lines[min(2, len(lines)-1)], cacheMark); ok && cacheName.MatchString(name) {
		cache = name
	}
	_, err = f.Seek(0, io.SeekStart)
	return cache, errors.Join(err, f.Truncate(0))
}

// left is the name of the cache directory that a killed run has left.
func (l *rootLock) left() string {
	if l == nil {
		return ""
	}
	return l.abandoned
}

// note writes down which is the cache directory of the run.
func (l *rootLock) note(cache string) error {
	if l == nil {
		return nil
	}
	if _, err := fmt.Fprintf(l.file, "%s%s\n", cacheMark, cache); err != nil {
		return fmt.Errorf("noting the cache directory in the lock: %w", err)
	}
	return nil
}

// release removes the lock.
func (l *rootLock) release() error {
	if l == nil {
		return nil
	}
	return errors.Join(l.drop(), l.run.Close())
}

// drop removes the file, unless somebody has put another in its place.
func (l *rootLock) drop() error {
	ours, err := l.file.Stat()
	if err != nil {
		return err
	}
	now, err := l.run.Lstat(lockFile)
	if err == nil && os.SameFile(ours, now) {
		err = l.run.Remove(lockFile)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, l.file.Close())
}
