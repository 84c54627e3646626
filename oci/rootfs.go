package oci

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
)

// RootFS is the transport rootfs: a root file system as a directory.
type RootFS struct{}

var _ Transport = RootFS{}

// Open takes a directory as the one layer of a source that is no image. The layer is made anew each time it is read.
func (RootFS) Open(_ context.Context, dir string, o OpenOptions) (*Image, error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("it is no directory")
	}
	if err != nil {
		return nil, fmt.Errorf("opening rootfs:%s: %w", dir, err)
	}
	var again atomic.Bool
	open := func(ctx context.Context) (io.ReadCloser, error) {
		tarDir := rootfs.TarDirOptions{Limits: o.Limits}
		if !again.Swap(true) {
			tarDir.Notice = o.Notice
		}
		return piped(ctx, func(ctx context.Context, w io.Writer) error { return rootfs.TarDir(ctx, dir, w, tarDir) }), nil
	}
	return &Image{Ref: NameRootFS, Layers: []Layer{newTreeLayer(false, o.Limits, open)}}, nil
}

// piped reads what write writes. Closing the reader ends write and waits for it.
func piped(ctx context.Context, write func(context.Context, io.Writer) error) io.ReadCloser {
	ctx, cancel := context.WithCancel(ctx)
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.CloseWithError(write(ctx, w))
	}()
	return readCloser{Reader: r, close: func() error {
		cancel()
		err := r.Close()
		<-done
		return err
	}}
}

// Create prepares a new directory with the whole tree. The digest to print is the DiffID of the tree.
func (RootFS) Create(_ context.Context, dir string, _ CreateOptions) (Destination, error) {
	d := &dirOutput{ref: "rootfs:" + dir, path: filepath.Clean(dir)}
	err := checkPath(dir)
	if err == nil {
		_, err = os.Lstat(d.path)
		switch {
		case err == nil:
			err = fmt.Errorf("it exists, and a new directory is what is written: %w", unix.EEXIST)
		case errors.Is(err, os.ErrNotExist):
			err = checkParent(d.path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("creating rootfs:%s: %w", dir, err)
	}
	return d, nil
}

// dirOutput is a new directory as a destination. Write makes it inside a directory of its own beside the place.
type dirOutput struct {
	ref, path string
	stage     *temp
	written   bool
	done      bool
}

func (d *dirOutput) tree() string { return filepath.Join(d.stage.path, "tree") }

// Write makes the tree.
func (d *dirOutput) Write(ctx context.Context, r Result) (string, error) {
	digest, err := d.write(ctx, r)
	if err != nil {
		return "", errors.Join(fmt.Errorf("writing %s: %w", d.ref, err), d.Abort())
	}
	return digest, nil
}

func (d *dirOutput) write(ctx context.Context, r Result) (string, error) {
	if r.Tree == nil {
		return "", errNoTree
	}
	var err error
	if d.stage, err = newTemp(filepath.Dir(d.path), true); err != nil {
		return "", err
	}
	// Nobody else looks into a tree with setuid files before it is whole.
	if err := os.Chmod(d.stage.path, 0o700); err != nil {
		return "", err
	}
	if err := r.Tree.WriteDir(ctx, d.tree()); err != nil {
		return "", err
	}
	h := sha256.New()
	if err := r.Tree.WriteTar(ctx, ctxWriter(ctx, h)); err != nil {
		return "", err
	}
	d.written = true
	return sumOf(h).String(), nil
}

// Commit moves the tree to its place, if nothing has come to stand there meanwhile.
func (d *dirOutput) Commit(context.Context) error {
	if d.done {
		return nil
	}
	if !d.written {
		return fmt.Errorf("writing %s: %w", d.ref, errNotWritten)
	}
	err := unix.Renameat2(unix.AT_FDCWD, d.tree(), unix.AT_FDCWD, d.path, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		// A file system that cannot promise it: rename(2) still takes the place of an empty directory only.
		err = unix.Rename(d.tree(), d.path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", d.ref, &os.LinkError{Op: "rename", Old: d.tree(), New: d.path, Err: err})
	}
	d.done = true
	return d.stage.remove()
}

// Abort removes what Write has left.
func (d *dirOutput) Abort() error {
	if d.done || d.stage == nil {
		return nil
	}
	stage := d.stage
	d.stage, d.written = nil, false
	if err := stage.remove(); err != nil {
		return fmt.Errorf("removing what was written for %s: %w", d.ref, err)
	}
	return nil
}
