package oci

import (
	"context"
	"fmt"
	"io"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/holo-build/holo-build/rootfs"
)

const (
	// maxIndexDepth bounds how deep indexes refer to indexes.
	maxIndexDepth = 4
	// maxManifests bounds how many manifests are looked at for one image.
	maxManifests = 1000
	// maxDocuments bounds, in documents of the largest size, what is read of them for one image: an index can list a
	// thousand manifests, each with a configuration of its own.
	maxDocuments = 8
)

// content opens documents and blobs by descriptor, unchecked: an image layout, or a registry, which keeps the two
// apart.
type content interface {
	manifest(d v1.Descriptor) func(context.Context) (io.ReadCloser, error)
	blob(d v1.Descriptor) func(context.Context) (io.ReadCloser, error)
}

// layoutContent is the content of an image layout.
type layoutContent struct{ files files }

func (l layoutContent) manifest(d v1.Descriptor) func(context.Context) (io.ReadCloser, error) {
	return openBlob(l.files, d)
}

func (l layoutContent) blob(d v1.Descriptor) func(context.Context) (io.ReadCloser, error) {
	return openBlob(l.files, d)
}

// opening is one image on its way from descriptors to an [Image].
type opening struct {
	content  content
	platform string // wanted; empty for any
	limits   rootfs.Limits
	// repository is where in a registry the layers lie.
	repository string

	found   []v1.Descriptor // image manifests, each once
	skipped []types.MediaType

	read      int64 // bytes of documents so far
	documents map[documentKey]readDoc
	configs   map[documentKey]readConfig
}

// documentKey is what a document is read by: two descriptors that differ in size can't both be right.
type documentKey struct {
	digest v1.Hash
	size   int64
	media  types.MediaType // of an index or a manifest
}

// readDoc is an index or a manifest that was read.
type readDoc struct {
	document
	raw []byte
}

// readConfig is a configuration that was read.
type readConfig struct {
	configuration
	raw []byte
}

// image finds the one image that roots lead to.
func (o *opening) image(ctx context.Context, roots []v1.Descriptor) (*Image, error) {
	o.limits = o.limits.WithDefaults()
	o.documents, o.configs = map[documentKey]readDoc{}, map[documentKey]readConfig{}
	var wanted platform
	if o.platform != "" {
		var ok bool
		if wanted, ok = parsePlatform(o.platform); !ok {
			return nil, misused("platform %q is not os/arch or os/arch/variant", o.platform)
		}
	}
	if err := o.collect(ctx, roots, 0); err != nil {
		return nil, err
	}
	d, err := o.choose(ctx, wanted)
	if err != nil {
		return nil, err
	}
	return o.load(ctx, d)
}

// collect walks indexes down to image manifests. What an index lists besides (attestations, signatures and other
// artifacts) is passed over, as image-spec's image-index.md asks.
func (o *opening) collect(ctx context.Context, list []v1.Descriptor, depth int) error {
	for _, d := range list {
		if slices.ContainsFunc(o.found, func(f v1.Descriptor) bool { return f.Digest == d.Digest }) || !isImageEntry(d) {
			continue
		}
		switch {
		case d.MediaType.IsImage():
			if len(o.found) == maxManifests {
				return fmt.Errorf("more than %d manifests: %w", maxManifests, rootfs.ErrLimit)
			}
			o.found = append(o.found, d)
		case d.MediaType.IsIndex():
			if depth == maxIndexDepth {
				return fmt.Errorf("indexes refer to indexes more than %d deep: %w", maxIndexDepth, rootfs.ErrLimit)
			}
			if _, ok := o.documents[keyOf(d)]; ok {
				continue // it was walked already
			}
			doc, err := o.document(ctx, d)
			if err != nil {
				return err
			}
			if err := o.collect(ctx, doc.manifests, depth+1); err != nil {
				return err
			}
		default:
			o.skipped = append(o.skipped, d.MediaType)
		}
	}
	return nil
}

// isImageEntry reports whether an entry of an index may be an image. BuildKit's attestations are manifests for the
// platform unknown/unknown.
func isImageEntry(d v1.Descriptor) bool {
	if d.ArtifactType != "" && !types.MediaType(d.ArtifactType).IsConfig() {
		return false
	}
	return d.Platform == nil || d.Platform.OS != "unknown" || d.Platform.Architecture != "unknown"
}

// choose picks the one image manifest for the platform.
func (o *opening) choose(ctx context.Context, wanted platform) (v1.Descriptor, error) {
	switch {
	case len(o.found) == 0 && len(o.skipped) > 0:
		return v1.Descriptor{}, fmt.Errorf("no image, only %s: %w", listed(o.skipped, quoted), ErrMediaType)
	case len(o.found) == 0:
		return v1.Descriptor{}, fmt.Errorf("there is no image in it: %w", ErrDocument)
	case len(o.found) == 1 && wanted == platform{}:
		return o.found[0], nil
	}
	var have []string
	var exact, serving []v1.Descriptor
	for _, d := range o.found {
		p, err := o.platformOf(ctx, d)
		if err != nil {
			return v1.Descriptor{}, err
		}
		have = append(have, p.String())
		if p.normal() == wanted.normal() {
			exact = append(exact, d)
		}
		if p.serves(wanted) {
			serving = append(serving, d)
		}
	}
	switch {
	case wanted == platform{}:
	case len(exact) == 1:
		return exact[0], nil
	case len(serving) == 1:
		return serving[0], nil
	}
	return v1.Descriptor{}, &PlatformError{Wanted: o.platform, Have: have}
}

// platformOf is the platform that an index gives a manifest, or else its configuration.
func (o *opening) platformOf(ctx context.Context, d v1.Descriptor) (platform, error) {
	if p := d.Platform; p != nil && p.OS != "" && p.Architecture != "" {
		return platform{os: p.OS, arch: p.Architecture, variant: p.Variant}, nil
	}
	doc, err := o.document(ctx, d)
	if err != nil {
		return platform{}, err
	}
	c, err := o.config(ctx, doc.config)
	return c.platform(), err
}

func keyOf(d v1.Descriptor) documentKey {
	return documentKey{digest: d.Digest, size: d.Size, media: d.MediaType}
}

// account counts a document that is about to be read.
func (o *opening) account(d v1.Descriptor) error {
	if max := maxDocuments * o.limits.Document; d.Size > max-o.read {
		return fmt.Errorf("the documents of one image are more than %d bytes: %w", max, rootfs.ErrLimit)
	}
	o.read += d.Size
	return nil
}

// document reads an index or a manifest, each once.
func (o *opening) document(ctx context.Context, d v1.Descriptor) (readDoc, error) {
	if doc, ok := o.documents[keyOf(d)]; ok {
		return doc, nil
	}
	what := "manifest"
	if d.MediaType.IsIndex() {
		what = "index"
	}
	if err := o.account(d); err != nil {
		return readDoc{}, err
	}
	raw, err := readDocument(ctx, what, d, o.content.manifest(d), o.limits.Document)
	if err != nil {
		return readDoc{}, err
	}
	doc, err := parseDocument(raw, d.MediaType)
	if err != nil {
		return readDoc{}, fmt.Errorf("reading %s %s: %w", what, d.Digest, err)
	}
	if err := checkLayers(len(doc.layers), o.limits); err != nil {
		return readDoc{}, fmt.Errorf("reading %s %s: %w", what, d.Digest, err)
	}
	o.documents[keyOf(d)] = readDoc{doc, raw}
	return o.documents[keyOf(d)], nil
}

// checkLayers fails for an image of more layers than allowed, before any of them is read: thousands of descriptors can
// name the same small one.
func checkLayers(n int, l rootfs.Limits) error {
	if n > l.Layers {
		return fmt.Errorf("%d layers, more than %d: %w", n, l.Layers, rootfs.ErrLimit)
	}
	return nil
}

// config reads a configuration, each once: any number of manifests may share one.
func (o *opening) config(ctx context.Context, d v1.Descriptor) (readConfig, error) {
	if c, ok := o.configs[keyOf(d)]; ok {
		return c, nil
	}
	if err := o.account(d); err != nil {
		return readConfig{}, err
	}
	raw, err := readDocument(ctx, "configuration", d, o.content.blob(d), o.limits.Document)
	if err != nil {
		return readConfig{}, err
	}
	c, err := parseConfig(raw)
	if err != nil {
		return readConfig{}, fmt.Errorf("reading configuration %s: %w", d.Digest, err)
	}
	o.configs[keyOf(d)] = readConfig{c, raw}
	return o.configs[keyOf(d)], nil
}

// load reads manifest and configuration of one image.
func (o *opening) load(ctx context.Context, d v1.Descriptor) (*Image, error) {
	doc, err := o.document(ctx, d)
	if err != nil {
		return nil, err
	}
	c, err := o.config(ctx, doc.config)
	if err != nil {
		return nil, err
	}
	img := &Image{MediaType: string(doc.mediaType), Manifest: doc.raw, Config: c.raw}
	ids := c.RootFS.DiffIDs
	if len(ids) != len(doc.layers) {
		return nil, fmt.Errorf("the manifest %s has %d layers and its configuration %d: %w", d.Digest, len(doc.layers), len(ids), ErrDocument)
	}
	for i, l := range doc.layers {
		if l.Size > o.limits.LayerBytes {
			return nil, fmt.Errorf("layer %s: %d bytes, more than %d: %w", l.Digest, l.Size, o.limits.LayerBytes, rootfs.ErrLimit)
		}
		img.Layers = append(img.Layers, Layer{
			Descriptor: l,
			DiffID:     ids[i],
			open:       o.content.blob(l),
			max:        o.limits.Layer(l.Size),
			repository: o.repository,
		})
	}
	return img, nil
}
