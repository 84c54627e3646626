package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/holo-build/holo-build/rootfs"
)

// files is a set of files by slash-separated relative name: a directory, or a tar file that is read in place.
type files interface {
	// open returns a regular file and its size. Errors match fs.ErrNotExist.
	open(name string) (io.ReadCloser, int64, error)
}

// directory is a directory of the host. Nothing outside it is read, whatever links lie in it.
type directory string

func (d directory) open(name string) (rc io.ReadCloser, size int64, err error) {
	root, err := os.OpenRoot(string(d))
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	// O_NONBLOCK, since opening a FIFO would wait for a writer.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// openBlob returns an opener for the stored bytes of a blob.
func openBlob(f files, d v1.Descriptor) func(context.Context) (io.ReadCloser, error) {
	return func(context.Context) (io.ReadCloser, error) {
		name, err := blobPath(d.Digest)
		if err != nil {
			return nil, err
		}
		rc, size, err := f.open(name)
		if err != nil {
			return nil, err
		}
		if size != d.Size {
			// Said before the bytes are read, not after the last of them.
			err := &BlobError{Blob: name, Wanted: byteCount(d.Size), Got: byteCount(size)}
			return nil, errors.Join(err, rc.Close())
		}
		return rc, nil
	}
}

// readFile reads a whole small file.
func readFile(f files, name string, max int64) ([]byte, error) {
	rc, _, err := f.open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(limitReader(rc, word(name), max))
	return b, errors.Join(err, rc.Close())
}

// readDocument reads a document that a descriptor describes, checked.
func readDocument(ctx context.Context, what string, d v1.Descriptor, open func(context.Context) (io.ReadCloser, error), max int64) ([]byte, error) {
	what += " " + d.Digest.String()
	if d.Size > max {
		return nil, fmt.Errorf("%s: %d bytes, more than %d: %w", what, d.Size, max, rootfs.ErrLimit)
	}
	rc, err := open(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", what, err)
	}
	b, err := io.ReadAll(newVerifier(ctxReader(ctx, rc), what, d.Digest, d.Size))
	if err := errors.Join(err, rc.Close()); err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	return b, nil
}

// spool copies a stream to a scratch file.
func spool(ctx context.Context, dir string, r io.Reader, what string, max int64) (file string, err error) {
	f, err := os.CreateTemp(dir, "spool-")
	if err != nil {
		return "", fmt.Errorf("spooling %s: %w", what, err)
	}
	_, err = copyAll(ctx, f, limitReader(r, what, max))
	if err := errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("spooling %s: %w", what, err), os.Remove(f.Name()))
	}
	return f.Name(), nil
}
