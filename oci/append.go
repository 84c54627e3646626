package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/holo-build/holo-build/rootfs"
)

// AppendOptions say what is put on top of a base.
type AppendOptions struct {
	// Layer is the new layer. Without one there is only a history entry, marked as having none.
	Layer *Layer
	// Settings are changes of the configuration, and Annotations of the manifest; nil takes one away.
	Settings    Settings
	Annotations map[string]*string
	// Created is the time of the history entry, and of the configuration if it is made anew.
	Created time.Time
	// CreatedBy, Author and Comment are the history entry's.
	CreatedBy, Author, Comment string
	// Platform as os/arch[/variant] is for a base that is no image; empty is Linux on the processor this runs on.
	Platform string
	// Dir is an existing directory for the layer of a base that is no image. The layer lies there, and whoever made the
	// directory removes it.
	Dir string
	// Compression is for that layer as well. One that is a tarball stays as it is.
	Compression Compression
	Limits      rootfs.Limits
}

// Append makes a new image from a base and at most one more layer. The base's documents are changed in as few places
// as can be: everything else stays as it was written, what is not understood included. The manifest stays in the
// base's family, unless the layer is a zstd one or annotations are set, which Docker's has not.
//
// A base that is no image gets a manifest and a configuration of OCI's, and its own layer is stored. Where it was read
// before, it must still be the same: [ErrChanged]. Such a base without a new layer and without a word for its history
// is only made an image.
func Append(ctx context.Context, base *Image, o AppendOptions) (*Image, error) {
	img := *base
	img.Layers = slices.Clone(base.Layers)
	var err error
	if base.Manifest == nil {
		if img, err = newImage(ctx, base, o); err != nil {
			return nil, fmt.Errorf("making an image of %s: %w", base.Ref, err)
		}
		if o.Layer == nil && o.CreatedBy == "" && o.Comment == "" {
			return &img, nil
		}
	}
	if err := img.addConfig(o); err != nil {
		return nil, fmt.Errorf("adding to the configuration of %s: %w", base.Ref, err)
	}
	if o.Layer != nil {
		img.Layers = append(img.Layers, *o.Layer)
	}
	if err := img.addManifest(o); err != nil {
		return nil, fmt.Errorf("adding to the manifest of %s: %w", base.Ref, err)
	}
	return &img, nil
}

// history is a new history entry (image-spec, config.md, "history").
type history struct {
	Created    string `json:"created,omitempty"`
	Author     string `json:"author,omitempty"`
	CreatedBy  string `json:"created_by,omitempty"`
	Comment    string `json:"comment,omitempty"`
	EmptyLayer bool   `json:"empty_layer,omitempty"`
}

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// addConfig adds a history entry and, with a layer, its DiffID.
func (i *Image) addConfig(o AppendOptions) error {
	c, err := parseConfig(i.Config)
	if err != nil {
		return err
	}
	doc, err := parseObject(i.Config)
	if err != nil {
		return err
	}
	entries, err := parseArray(doc.get("history"))
	if err != nil {
		return err
	}
	// Where a history says less than one entry for each layer, readers would take ours for another layer's.
	counted := 0
	for _, h := range c.History {
		if !h.EmptyLayer {
			counted++
		}
	}
	for ; counted < len(c.RootFS.DiffIDs); counted++ {
		entries = append(entries, json.RawMessage(`{}`))
	}
	entries = append(entries, encode(history{
		Created: timestamp(o.Created), Author: o.Author, CreatedBy: o.CreatedBy, Comment: o.Comment, EmptyLayer: o.Layer == nil,
	}))
	doc = doc.set("history", joinArray(entries))
	if o.Layer != nil {
		tree, err := parseObject(doc.get("rootfs"))
		if err != nil {
			return err
		}
		ids, err := parseArray(tree.get("diff_ids"))
		if err != nil {
			return err
		}
		ids = append(ids, encode(o.Layer.DiffID.String()))
		doc = doc.set("rootfs", tree.set("diff_ids", joinArray(ids)).bytes())
	}
	if doc, err = setConfig(doc, o.Settings); err != nil {
		return err
	}
	i.Config = doc.bytes()
	return nil
}

// addManifest refers to the new configuration and, if there is one, the new layer, and sets annotations.
func (i *Image) addManifest(o AppendOptions) error {
	l := o.Layer
	doc, err := parseObject(i.Manifest)
	if err != nil {
		return err
	}
	config, err := parseObject(doc.get("config"))
	if err != nil {
		return err
	}
	// Embedded data would be that of the old configuration.
	config = config.set("digest", encode(i.ConfigDigest().String())).set("size", encode(len(i.Config))).remove("data")
	doc = doc.set("config", config.bytes())
	if l != nil {
		layers, err := parseArray(doc.get("layers"))
		if err != nil {
			return err
		}
		layers = append(layers, encode(l.Descriptor))
		doc = doc.set("layers", joinArray(layers))
	}
	zstd := l != nil && l.Descriptor.MediaType == types.OCILayerZStd
	if (zstd || len(o.Annotations) > 0) && isDocker(types.MediaType(i.MediaType)) {
		if doc, err = manifestToOCI(doc); err != nil {
			return err
		}
		i.MediaType = string(types.OCIManifestSchema1)
		for n := range i.Layers {
			d := &i.Layers[n].Descriptor
			d.MediaType = toOCI(d.MediaType)
		}
	}
	if doc, err = setAnnotations(doc, o.Annotations); err != nil {
		return err
	}
	i.Manifest = doc.bytes()
	return nil
}

// manifestToOCI maps all media types of a manifest of Docker's family to OCI's.
func manifestToOCI(doc object) (object, error) {
	doc = doc.set("mediaType", encode(types.OCIManifestSchema1))
	config, err := descriptorToOCI(doc.get("config"))
	if err != nil {
		return nil, err
	}
	doc = doc.set("config", config)
	layers, err := parseArray(doc.get("layers"))
	if err != nil {
		return nil, err
	}
	for i := range layers {
		if layers[i], err = descriptorToOCI(layers[i]); err != nil {
			return nil, err
		}
	}
	return doc.set("layers", joinArray(layers)), nil
}

func descriptorToOCI(raw json.RawMessage) (json.RawMessage, error) {
	o, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	var m types.MediaType
	if err := json.Unmarshal(o.get("mediaType"), &m); err != nil {
		return nil, documentError(err)
	}
	return o.set("mediaType", encode(toOCI(m))).bytes(), nil
}

// newImage makes an image of a source that is none.
func newImage(ctx context.Context, base *Image, o AppendOptions) (Image, error) {
	p := platform{os: "linux", arch: runtime.GOARCH}
	if o.Platform != "" {
		var ok bool
		if p, ok = parsePlatform(o.Platform); !ok {
			return Image{}, misused("platform %q is not os/arch or os/arch/variant", o.Platform)
		}
	}
	img := Image{Ref: base.Ref, MediaType: string(types.OCIManifestSchema1)}
	ids, entries, layers := []json.RawMessage{}, []json.RawMessage{}, []json.RawMessage{}
	for _, l := range base.Layers {
		l, err := stored(ctx, l, o)
		if err != nil {
			return Image{}, err
		}
		img.Layers = append(img.Layers, l)
		ids = append(ids, encode(l.DiffID.String()))
		entries = append(entries, encode(history{Created: timestamp(o.Created), CreatedBy: base.Ref}))
		layers = append(layers, encode(l.Descriptor))
	}
	config := object{}
	config = config.set("created", encode(timestamp(o.Created)))
	config = config.set("architecture", encode(p.arch))
	if p.variant != "" {
		config = config.set("variant", encode(p.variant))
	}
	config = config.set("os", encode(p.os))
	config = config.set("config", json.RawMessage(`{}`))
	tree := object{{name: "type", value: encode("layers")}, {name: "diff_ids", value: joinArray(ids)}}
	config = config.set("rootfs", tree.bytes())
	config = config.set("history", joinArray(entries))
	img.Config = config.bytes()

	img.Manifest = newManifest(img.Config, layers)
	return img, nil
}

// newManifest makes a manifest of OCI's family (image-spec, manifest.md).
func newManifest(config []byte, layers []json.RawMessage) []byte {
	return object{
		{name: "schemaVersion", value: encode(2)},
		{name: "mediaType", value: encode(types.OCIManifestSchema1)},
		{name: "config", value: encode(v1.Descriptor{
			MediaType: types.OCIConfigJSON, Digest: hashOf(config), Size: int64(len(config)),
		})},
		{name: "layers", value: joinArray(layers)},
	}.bytes()
}

// stored gives a layer of a source that is no image its descriptor: a tarball is measured and stays as it is, a tree
// is stored as a new layer. Both fail if the source is not what it was when it was staged.
func stored(ctx context.Context, l Layer, o AppendOptions) (Layer, error) {
	if l.seen == nil {
		return l, nil
	}
	if !l.verbatim {
		return NewLayer(ctx, LayerOptions{Dir: o.Dir, Compression: o.Compression, Limits: o.Limits}, func(w io.Writer) error {
			return readAll(ctx, l, w)
		})
	}
	s, ok := l.seen.get()
	if !ok {
		if err := readAll(ctx, l, io.Discard); err != nil {
			return Layer{}, err
		}
		s, _ = l.seen.get()
	}
	out := l
	out.seen, out.verbatim = nil, false
	c, err := l.compression(ctx)
	out.DiffID = s.diffID
	out.Descriptor = v1.Descriptor{MediaType: layerType(c, false), Digest: s.digest, Size: s.size}
	return out, err
}

// readAll writes the plain tar of a layer to w.
func readAll(ctx context.Context, l Layer, w io.Writer) (err error) {
	rc, err := l.Open(ctx)
	if err != nil {
		return err
	}
	_, err = copyAll(ctx, w, rc)
	return errors.Join(err, rc.Close())
}

// compression tells from its first bytes how a layer is stored.
func (l Layer) compression(ctx context.Context) (Compression, error) {
	rc, err := l.open(ctx)
	if err != nil {
		return "", err
	}
	c, _, err := sniffed(rc)
	return c, errors.Join(err, rc.Close())
}
