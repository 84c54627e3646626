package oci

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Create prepares FILE[:TAG]; the file "-" is stdout. Without a tag it is latest.
func (Archive) Create(_ context.Context, rest string, o CreateOptions) (Destination, error) {
	path, tag, err := splitTag(rest)
	if err != nil {
		return nil, fmt.Errorf("creating oci-archive:%s: %w", rest, err)
	}
	write := func(ctx context.Context, w io.Writer, r Result) (v1.Hash, error) {
		img, err := checkImage(r)
		if err != nil {
			return v1.Hash{}, err
		}
		return img.Digest(), writeArchive(ctx, w, img, tag, o)
	}
	return created(newFileOutput("oci-archive:"+rest, path, o, write))
}

// created keeps a nil pointer from becoming a Destination that is not nil.
func created[D Destination](d D, err error) (Destination, error) {
	if err != nil {
		return nil, err
	}
	return d, nil
}

// storedBlob is one blob of an image as a destination stores it.
type storedBlob struct {
	digest v1.Hash
	size   int64
	open   func(context.Context) (io.ReadCloser, error)
}

// blobsOf lists layers, configuration and manifest, each digest once, in this order, which is the one they may be
// written in: nothing refers to what is not there yet.
func blobsOf(img *Image) ([]storedBlob, error) {
	var out []storedBlob
	sizes := map[v1.Hash]int64{}
	add := func(b storedBlob) error {
		size, ok := sizes[b.digest]
		if ok && size != b.size {
			return fmt.Errorf("blob %s has two sizes, %d and %d: %w", b.digest, size, b.size, ErrDocument)
		}
		if !ok {
			sizes[b.digest] = b.size
			out = append(out, b)
		}
		return nil
	}
	for _, l := range img.Layers {
		if err := add(storedBlob{l.Descriptor.Digest, l.Descriptor.Size, l.Compressed}); err != nil {
			return nil, err
		}
	}
	return out, errors.Join(add(documentBlob(img.Config)), add(documentBlob(img.Manifest)))
}

func documentBlob(b []byte) storedBlob {
	return storedBlob{hashOf(b), int64(len(b)), func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}}
}

func totalSize(blobs []storedBlob) int64 {
	var n int64
	for _, b := range blobs {
		n += b.size
	}
	return n
}

// layoutHead is the content of the file oci-layout.
const layoutHead = `{"imageLayoutVersion":"1.0.0"}`

// writeArchive writes an image layout with one image as a tar.
func writeArchive(ctx context.Context, w io.Writer, img *Image, tag string, o CreateOptions) error {
	blobs, err := blobsOf(img)
	if err != nil {
		return err
	}
	index, err := setTag(nil, indexEntry(img, tag), tagOrLatest(tag))
	if err != nil {
		return err
	}
	t := &tarOutput{Writer: tar.NewWriter(w), p: progress{report: o.Progress, total: totalSize(blobs)}}
	if err := t.document(layoutFile, []byte(layoutHead)); err != nil {
		return err
	}
	if err := t.document(indexFile, index); err != nil {
		return err
	}
	if err := errors.Join(t.dir("blobs"), t.dir("blobs/"+sha256Name)); err != nil {
		return err
	}
	for _, b := range blobs {
		name, err := blobPath(b.digest)
		if err != nil {
			return err
		}
		rc, err := b.open(ctx)
		if err != nil {
			return err
		}
		if err := t.stream(ctx, name, b.size, t.counted(rc)); err != nil {
			return err
		}
	}
	return t.Close()
}

func tagOrLatest(tag string) string {
	if tag == "" {
		return "latest"
	}
	return tag
}

// indexEntry is the descriptor of an image in index.json.
func indexEntry(img *Image, tag string) v1.Descriptor {
	return v1.Descriptor{
		MediaType:   types.MediaType(img.MediaType),
		Digest:      img.Digest(),
		Size:        int64(len(img.Manifest)),
		Annotations: map[string]string{refNameKey: tagOrLatest(tag)},
	}
}
