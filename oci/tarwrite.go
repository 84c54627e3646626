package oci

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// tarOutput writes the tar of an archive. All entries have time 0, owner 0 and fixed modes: the same image gives the
// same bytes.
type tarOutput struct {
	*tar.Writer
	p progress
}

func (t *tarOutput) dir(name string) error {
	return t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755, ModTime: time.Unix(0, 0)})
}

func (t *tarOutput) document(name string, b []byte) error {
	if err := t.header(name, int64(len(b))); err != nil {
		return err
	}
	_, err := t.Write(b)
	return err
}

func (t *tarOutput) header(name string, size int64) error {
	return t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: time.Unix(0, 0)})
}

// stream writes an entry whose content comes from rc, which is closed.
func (t *tarOutput) stream(ctx context.Context, name string, size int64, rc io.ReadCloser) error {
	err := t.header(name, size)
	if err == nil {
		var n int64
		n, err = copyAll(ctx, t.Writer, rc)
		if err == nil && n != size {
			err = fmt.Errorf("%s: %d bytes of %d: %w", name, n, size, io.ErrUnexpectedEOF)
		}
	}
	return errors.Join(err, rc.Close())
}

// counted adds what is read from rc to the progress.
func (t *tarOutput) counted(rc io.ReadCloser) io.ReadCloser {
	return readCloser{Reader: t.p.reader(rc), close: rc.Close}
}

var errNoImage = errors.New("internal error: the result is no image")

// checkImage fails for a result that image destinations cannot write.
func checkImage(r Result) (*Image, error) {
	if r.Image == nil || r.Image.Manifest == nil || r.Image.Config == nil {
		return nil, errNoImage
	}
	for _, l := range r.Image.Layers {
		if err := checkDigest(l.Descriptor.Digest); err != nil {
			return nil, err
		}
	}
	return r.Image, nil
}
