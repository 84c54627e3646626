package oci

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"
)

// maxUploads is how many blobs are pushed at the same time.
const maxUploads = 4

var errNotPlain = errors.New("internal error: a pushed blob has no plain form")

// Create prepares //HOST/NAME[:TAG][@DIGEST]. With a digest the image must have just that; with a digest and no tag it
// is pushed under no name.
func (Registry) Create(_ context.Context, rest string, o CreateOptions) (Destination, error) {
	ref, err := parseRegistry(rest)
	if err != nil {
		return nil, fmt.Errorf("creating docker:%s: %w", rest, err)
	}
	return &registryOutput{ref: ref, o: o}, nil
}

// registryOutput is a repository as a destination. What Write has pushed stays when the build fails: no tag refers to
// it, and registries collect such blobs themselves.
type registryOutput struct {
	ref      registryRef
	o        CreateOptions
	manifest *rawManifest
	done     bool
}

// Write pushes the blobs that the registry does not have, and the manifest by its digest.
func (r *registryOutput) Write(ctx context.Context, res Result) (string, error) {
	digest, err := r.write(ctx, res)
	if err != nil {
		return "", fmt.Errorf("writing %s: %w", r.ref, err)
	}
	return digest, nil
}

func (r *registryOutput) write(ctx context.Context, res Result) (string, error) {
	img, err := checkImage(res)
	if err != nil {
		return "", err
	}
	digest := img.Digest()
	if r.ref.digest != (v1.Hash{}) && r.ref.digest != digest {
		return "", &BlobError{Blob: "manifest", Wanted: r.ref.digest.String(), Got: digest.String()}
	}
	if err := r.pushBlobs(ctx, img); err != nil {
		return "", err
	}
	m := rawManifest{raw: img.Manifest, media: types.MediaType(img.MediaType)}
	if err := remote.Put(r.ref.repo.Digest(digest.String()), m, remoteOptions(ctx)...); err != nil {
		return "", fmt.Errorf("pushing manifest %s: %w", digest, foreign(err))
	}
	r.manifest = &m
	return digest.String(), nil
}

func (r *registryOutput) pushBlobs(ctx context.Context, img *Image) error {
	blobs, err := blobsOf(img)
	if err != nil {
		return err
	}
	p := &progress{report: r.o.Progress, total: totalSize(blobs)}
	layers := map[v1.Hash]Layer{}
	for _, l := range img.Layers {
		layers[l.Descriptor.Digest] = l
	}
	manifest := img.Digest()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxUploads)
	for _, b := range blobs {
		if b.digest == manifest {
			continue
		}
		g.Go(func() error {
			if err := r.pushBlob(ctx, b, layers[b.digest], p); err != nil {
				return fmt.Errorf("pushing blob %s: %w", b.digest, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// pushBlob pushes one blob. The registry is asked first whether it has it, here or in the repository that it was read
// from. Non-distributable layers are not pushed (image-spec, layer.md).
func (r *registryOutput) pushBlob(ctx context.Context, b storedBlob, l Layer, p *progress) error {
	media := l.Descriptor.MediaType
	if media == "" {
		media = types.OCIConfigJSON
	}
	blob := pushBlob{digest: b.digest, size: b.size, media: media, open: func() (io.ReadCloser, error) {
		rc, err := b.open(ctx)
		if err != nil {
			return nil, err
		}
		return readCloser{Reader: p.reader(rc), close: rc.Close}, nil
	}}
	var push v1.Layer = blob
	if l.repository != "" {
		from, err := name.NewRepository(l.repository)
		if err != nil {
			return err
		}
		if from.RegistryStr() == r.ref.repo.RegistryStr() {
			push = &remote.MountableLayer{Layer: blob, Reference: from.Digest(b.digest.String())}
		}
	}
	return foreign(remote.WriteLayer(r.ref.repo, push, remoteOptions(ctx)...))
}

// Commit moves the tag.
func (r *registryOutput) Commit(ctx context.Context) error {
	if r.done {
		return nil
	}
	if r.manifest == nil {
		return fmt.Errorf("writing %s: %w", r.ref, errNotWritten)
	}
	if r.ref.tag != "" {
		if err := remote.Tag(r.ref.repo.Tag(r.ref.tag), *r.manifest, remoteOptions(ctx)...); err != nil {
			return fmt.Errorf("writing %s: %w", r.ref, foreign(err))
		}
	}
	r.done = true
	return nil
}

// Abort has nothing to remove.
func (r *registryOutput) Abort() error { return nil }
