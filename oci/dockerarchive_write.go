package oci

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Create prepares FILE[:NAME:TAG]; the file "-" is stdout. The digest to print is the configuration's, which is what
// Docker calls the image ID.
func (DockerArchive) Create(_ context.Context, rest string, o CreateOptions) (Destination, error) {
	file, name, err := splitName(rest)
	if err != nil {
		return nil, fmt.Errorf("creating docker-archive:%s: %w", rest, err)
	}
	write := func(ctx context.Context, w io.Writer, r Result) (v1.Hash, error) {
		img, err := checkImage(r)
		if err != nil {
			return v1.Hash{}, err
		}
		return img.ConfigDigest(), writeDockerArchive(ctx, w, img, name, o)
	}
	return created(newFileOutput("docker-archive:"+rest, file, o, write))
}

// writeDockerArchive writes layers, configuration and manifest.json. Layers with gzip stay as they are; zstd ones
// become plain tars, since Docker's loader does not know them.
func writeDockerArchive(ctx context.Context, w io.Writer, img *Image, name string, o CreateOptions) error {
	t := &tarOutput{Writer: tar.NewWriter(w), p: progress{report: o.Progress, total: layersTotal(img.Layers)}}
	entry := dockerImage{Config: img.ConfigDigest().Hex + ".json", Layers: []string{}, RepoTags: []string{}}
	if name != "" {
		entry.RepoTags = append(entry.RepoTags, name)
	}
	written := map[string]bool{}
	for _, l := range img.Layers {
		file, err := writeDockerLayer(ctx, t, l, written, o)
		if err != nil {
			return err
		}
		entry.Layers = append(entry.Layers, file)
	}
	if err := t.document(entry.Config, img.Config); err != nil {
		return err
	}
	if err := t.document(dockerManifest, encode([]dockerImage{entry})); err != nil {
		return err
	}
	return t.Close()
}

// writeDockerLayer writes one layer, unless it stands already, and returns its name.
func writeDockerLayer(ctx context.Context, t *tarOutput, l Layer, written map[string]bool, o CreateOptions) (file string, err error) {
	c, err := l.compression(ctx)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", l.name(), err)
	}
	switch c {
	case Gzip:
		file = l.Descriptor.Digest.Hex + ".tar.gz"
	case None:
		file = l.Descriptor.Digest.Hex + ".tar"
	default:
		file = l.DiffID.Hex + ".tar"
	}
	if written[file] {
		return file, nil
	}
	written[file] = true
	if c != Zstd {
		rc, err := l.Compressed(ctx)
		if err != nil {
			return "", err
		}
		return file, t.stream(ctx, file, l.Descriptor.Size, t.counted(rc))
	}
	// The size stands in the tar before the content, so the plain layer is spooled.
	plain, err := l.Open(ctx)
	if err != nil {
		return "", err
	}
	tmp, err := spool(ctx, o.Dir, plain, l.name(), o.Limits.WithDefaults().LayerBytes)
	if err := errors.Join(err, plain.Close()); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.Remove(tmp)) }()
	t.p.add(l.Descriptor.Size)
	f, err := os.Open(tmp)
	if err != nil {
		return "", err
	}
	info, err := f.Stat()
	if err != nil {
		return "", errors.Join(err, f.Close())
	}
	return file, t.stream(ctx, file, info.Size(), f)
}
