package frontend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// copyStatic copies what is below a directory, which may be missing, into another, but for what is there already; 2.6.3.
func copyStatic(ctx context.Context, from, to string) error {
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := copyEntry(ctx, e, filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func copyEntry(ctx context.Context, e fs.DirEntry, from, to string) error {
	there, err := os.Lstat(to)
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch {
	case e.IsDir():
		return copyDir(ctx, from, to, there)
	case exists:
		return nil // a generator has made it
	case e.Type() == fs.ModeSymlink:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case e.Type().IsRegular():
		return copyFile(ctx, from, to)
	}
	return wrongType(from)
}

func wrongType(path string) error { return fmt.Errorf("file %s has wrong file type", path) }

// copyDir copies a directory. If something else was generated in its place, it must be empty: through a symlink, files
// would be copied anywhere.
func copyDir(ctx context.Context, from, to string, there fs.FileInfo) error {
	switch {
	case there == nil:
		if err := os.Mkdir(to, 0o777); err != nil {
			return err
		}
	case !there.IsDir():
		entries, err := os.ReadDir(from)
		if err == nil && len(entries) > 0 {
			err = fmt.Errorf("cannot copy %s to %s: a generator has made something else than a directory there", from, to)
		}
		return err
	}
	return copyStatic(ctx, from, to)
}

// copyPart is how many bytes are copied between two looks at the context.
const copyPart = 64 << 20

// copyFile copies the content of a regular file, and of its mode the owner's execute bit.
func copyFile(ctx context.Context, from, to string) (err error) {
	src, err := openRegular(from)
	if err != nil {
		return err
	}
	defer src.Close()
	i, err := src.Stat()
	if err != nil {
		return err
	}
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600|i.Mode()&0o100)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	for ctx.Err() == nil {
		if _, err := io.CopyN(dst, src, copyPart); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
	}
	return ctx.Err()
}

// openRegular opens a regular file and nothing else: what has taken its place meanwhile does not block.
func openRegular(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	i, err := f.Stat()
	if err == nil && !i.Mode().IsRegular() {
		err = wrongType(name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
