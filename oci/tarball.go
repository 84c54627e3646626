package oci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Tarball is the transport tar: a root file system as one tar file.
type Tarball struct{}

// Scratch is the transport scratch: an empty root, to begin with.
type Scratch struct{}

var (
	_ Transport = Tarball{}
	_ Transport = Scratch{}
)

// Open takes a tar file, plain or compressed with gzip or zstd, as the one layer of a source that is no image; "-" is
// stdin.
func (Tarball) Open(ctx context.Context, file string, o OpenOptions) (*Image, error) {
	in, err := openInput(file, o)
	if err != nil {
		return nil, fmt.Errorf("opening tar:%s: %w", file, err)
	}
	path := file
	if file == "-" {
		path, err = spool(ctx, o.Dir, in, "standard input", o.Limits.WithDefaults().LayerBytes)
	} else {
		_, _, err = sniffed(in)
	}
	if err := errors.Join(err, in.Close()); err != nil {
		return nil, fmt.Errorf("opening tar:%s: %w", file, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("opening tar:%s: %w", file, err)
	}
	open := func(context.Context) (io.ReadCloser, error) { return openInput(path, OpenOptions{}) }
	l := newTreeLayer(true, o.Limits, open)
	l.max = o.Limits.Layer(info.Size())
	return &Image{Ref: NameTarball, Layers: []Layer{l}}, nil
}

// Create prepares a tar file of the whole tree; "-" is stdout. The name says the compression: .gz and .tgz, .zst and
// .tzst, else none. The digest to print is the file's.
func (Tarball) Create(_ context.Context, file string, o CreateOptions) (Destination, error) {
	c := compressionOf(file)
	write := func(ctx context.Context, w io.Writer, r Result) (v1.Hash, error) {
		if r.Tree == nil {
			return v1.Hash{}, errNoTree
		}
		z, err := deflate(w, c)
		if err != nil {
			return v1.Hash{}, err
		}
		p := &progress{report: o.Progress}
		plain := writerFunc(func(b []byte) (int, error) {
			p.add(int64(len(b)))
			return z.Write(b)
		})
		return v1.Hash{}, deflated(z, r.Tree.WriteTar(ctx, plain))
	}
	return created(newFileOutput("tar:"+file, file, o, write))
}

var errNoTree = errors.New("internal error: the result is no tree")

// compressionOf tells by the name how a tar file is to be compressed.
func compressionOf(file string) Compression {
	switch {
	case strings.HasSuffix(file, ".gz"), strings.HasSuffix(file, ".tgz"):
		return Gzip
	case strings.HasSuffix(file, ".zst"), strings.HasSuffix(file, ".tzst"):
		return Zstd
	}
	return None
}

// Open returns a source without layers.
func (Scratch) Open(_ context.Context, rest string, _ OpenOptions) (*Image, error) {
	if rest != "" {
		return nil, misused("opening scratch:%s: nothing follows scratch", rest)
	}
	return &Image{Ref: NameScratch}, nil
}

// Create fails: nothing can be kept in scratch.
func (Scratch) Create(context.Context, string, CreateOptions) (Destination, error) {
	return nil, misused("creating scratch: it is a source only")
}

// wholeTar fails at the end of a tar that has no end mark, which is two blocks of zeros, tar(5). Nothing but that tells
// a tarball that was cut off between two files from a whole one: no digest is known of it. One block is enough, as it is
// for GNU tar.
type wholeTar struct {
	r     io.Reader
	name  string
	zeros int // the last bytes that are zero, no more than a block of them
}

const tarBlock = 512

func (w *wholeTar) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	tail := p[max(0, n-tarBlock):n]
	zeros := len(tail) - len(bytes.TrimRight(tail, "\x00"))
	if zeros == n {
		zeros += w.zeros
	}
	w.zeros = min(zeros, tarBlock)
	if err == io.EOF && w.zeros < tarBlock {
		err = fmt.Errorf("reading %s: it is cut off, a tar ends with blocks of zeros: %w", w.name, io.ErrUnexpectedEOF)
	}
	return n, err
}
