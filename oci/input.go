package oci

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// openInput opens a file that a reference names; "-" is stdin. What is no regular file is refused: a source is read
// more than once.
func openInput(file string, o OpenOptions) (io.ReadCloser, error) {
	if file == "-" {
		if o.Stdin == nil {
			return nil, errors.New("there is no standard input")
		}
		return io.NopCloser(o.Stdin), nil
	}
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: file, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sniffed tells how a stream is compressed, and returns it with its first bytes still to come.
func sniffed(r io.Reader) (Compression, io.Reader, error) {
	head := make([]byte, sniffLen)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return "", nil, err
	}
	c, err := sniff(head[:n])
	return c, io.MultiReader(bytes.NewReader(head[:n]), r), err
}
