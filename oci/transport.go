package oci

import (
	"context"
	"io"

	"github.com/holo-build/holo-build/rootfs"
)

// Transport is one place where images or trees live: the part of a reference before the first colon.
type Transport interface {
	// Open finds the image that rest names and checks its documents. Layers are read later.
	Open(ctx context.Context, rest string, o OpenOptions) (*Image, error)
	// Create prepares a destination. Nothing at the place that rest names is touched before Commit. A transport that
	// cannot be written, or a rest that can't, is an error that matches ErrReference.
	Create(ctx context.Context, rest string, o CreateOptions) (Destination, error)
}

// OpenOptions say how a source is opened.
type OpenOptions struct {
	// Platform as os/arch[/variant] chooses from an index; empty for what is no index.
	Platform string
	// Dir is an existing directory for scratch files, removed by the caller in the end.
	Dir    string
	Limits rootfs.Limits
	// Stdin is what "-" means.
	Stdin io.Reader
	// Notice is told, when a directory is first read, what is left out of it; nil means nobody listens.
	Notice func(string)
}

// CreateOptions say how a destination is written.
type CreateOptions struct {
	// Dir is an existing directory for scratch files, removed by the caller in the end.
	Dir string
	// Stdout is what "-" means.
	Stdout io.Writer
	Limits rootfs.Limits
	// Progress gets the number of bytes written so far and, if known, in all; nil means nobody listens.
	Progress func(done, total int64)
}

// Result is what a build made: an image, and the whole tree for destinations that hold no images.
type Result struct {
	Image *Image
	Tree  Tree
}

// Tree is a provisioned root file system, as destinations that hold trees need it.
type Tree interface {
	// WriteTar writes the whole tree as one deterministic tar.
	WriteTar(ctx context.Context, w io.Writer) error
	// WriteDir writes the whole tree as a new directory, which must not exist.
	WriteDir(ctx context.Context, dir string) error
}

// Destination is one place that a result is written to, in two steps, so that several can move their names together.
type Destination interface {
	// Write stores everything, under no name yet, and returns the digest to print: of the manifest, of the
	// configuration for docker-archive, of the file for tar, the DiffID for a directory. As algorithm:hex.
	Write(ctx context.Context, r Result) (digest string, err error)
	// Commit moves the name.
	Commit(ctx context.Context) error
	// Abort removes what Write has left, and it may be written anew. After Commit it does nothing.
	Abort() error
}
