package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/rootfs"
)

// outcome is what a build has made.
type outcome struct {
	provisioned
	image *oci.Image
	tree  rootfs.Tree
	// layer is the new layer; nil if there is none.
	layer   *oci.Layer
	changes []rootfs.Change
	log     []record
	// digests are what identifies it at each destination.
	digests []string
}

// collect finds the changes and puts the log together; without --ephemeral its portable part goes into the tree.
func (b *build) collect(base *oci.Image, stage *rootfs.Staging, done provisioned) (outcome, error) {
	root := stage.Root(byBuild)
	class := classifier(root, done.plugins)
	out := outcome{provisioned: done, tree: rootfs.Tree{Staging: stage, Epoch: b.epoch}}
	changes, err := stage.Changes(b.epoch)
	if err != nil {
		out.log = assembleLog(b.buildRecord(base, done), done, nil, class)
		return out, fmt.Errorf("finding what changed: %w", err)
	}
	out.changes = changes
	// What the plugin image-config has done must be known the next time.
	same := sameImage(changes, class) && !(len(done.settings) > 0 && touched(changes, root, settingsBooks))
	if !same && !b.o.ephemeral && len(done.problems) == 0 {
		if err := rootfs.MkdirAll(root, applyLogDir, rootfs.Meta{Mode: 0755}); err != nil {
			return out, fmt.Errorf("writing the apply log: %w", err)
		}
		if out.changes, err = stage.Changes(b.epoch); err != nil {
			return out, fmt.Errorf("finding what changed: %w", err)
		}
	}
	out.log = assembleLog(b.buildRecord(base, done), done, out.changes, class)
	switch {
	case same:
		out.changes = nil
	case !b.o.ephemeral && len(done.problems) == 0:
		portable, err := portableLog(out.log)
		if err != nil {
			return out, err
		}
		if err := root.Put(applyLogPath, rootfs.Meta{Mode: 0644}, bytes.NewReader(portable)); err != nil {
			return out, fmt.Errorf("writing the apply log: %w", err)
		}
		out.changes, err = stage.Changes(b.epoch)
		if err != nil {
			return out, fmt.Errorf("finding what changed: %w", err)
		}
	}
	return out, nil
}

func (b *build) buildRecord(base *oci.Image, done provisioned) buildRecord {
	r := buildRecord{Type: "build", Version: version, Base: baseRecord{Reference: base.Ref}, Resources: done.resources,
		Epoch: timeText(b.epoch), Compression: string(b.compression(base)), Stage: done.way, Overlay: done.overlay,
		Flags: b.flagsRecord()}
	if base.Manifest != nil {
		r.Base.Digest = base.Digest().String()
	}
	if id := base.ChainID(); id.Hex != "" {
		r.Base.ChainID = id.String()
	}
	return r
}

func (b *build) flagsRecord() flagsRecord {
	r := flagsRecord{Force: b.o.force, Ephemeral: b.o.ephemeral, Squash: b.o.squash, XenStore: b.storeDigest, InRoot: b.o.sandbox.inRoot}
	if b.o.deferral == deferUnit {
		r.Defer = deferUnit
	}
	for _, p := range b.o.plugins {
		id, _, _ := strings.Cut(p, "=")
		r.Plugins = append(r.Plugins, id)
	}
	for _, m := range b.mocks {
		r.Mocks = append(r.Mocks, filepath.Base(m.Name))
	}
	return r
}

// compression is that of the new layer: as asked for, as the base's last layer, or gzip.
func (b *build) compression(base *oci.Image) oci.Compression {
	if b.o.compression != "" {
		return oci.Compression(b.o.compression)
	}
	if n := len(base.Layers); n > 0 && base.Layers[n-1].Descriptor.MediaType == types.OCILayerZStd {
		return oci.Zstd
	}
	return oci.Gzip
}

// pack makes the new layer and the new image. If nothing has changed, the image is the base.
func (b *build) pack(ctx context.Context, base *oci.Image, out *outcome) error {
	if out.changes == nil && base.Manifest != nil && !b.configured(*out) {
		out.image = base
		return nil
	}
	b.ui.begin("Packing")
	defer b.ui.end()
	write := func(w io.Writer) error {
		return out.tree.Staging.WriteLayer(ctx, w, out.changes, rootfs.PackOptions{Epoch: b.epoch})
	}
	from := *base
	if b.o.squash {
		from.Layers = nil
		write = func(w io.Writer) error { return out.tree.WriteTar(ctx, w) }
	}
	b.warnOfSettings(out.settings)
	add := oci.AppendOptions{Settings: out.settings, Annotations: b.annotations, Created: b.epoch, Platform: b.o.platform, Dir: b.work.Path, Compression: b.compression(base),
		Limits: b.limits.Limits}
	if out.changes != nil || b.o.squash {
		layer, err := oci.NewLayer(ctx, oci.LayerOptions{Dir: b.work.Path, Compression: b.compression(base),
			Docker: strings.Contains(base.MediaType, "docker"), Limits: b.limits.Limits}, write)
		if err != nil {
			return err
		}
		out.layer, add.Layer = &layer, &layer
		add.CreatedBy, add.Comment = historyText(out.provisioned)
		if r, ok := out.log[len(out.log)-1].(resultRecord); ok {
			r.DiffID = layer.DiffID.String()
			out.log[len(out.log)-1] = r
		}
	}
	if b.configured(*out) && out.layer == nil {
		add.CreatedBy, add.Comment = historyPrefix, "configuration set"
	}
	img, err := oci.Append(ctx, &from, add)
	if err != nil {
		return err
	}
	out.image = img
	return nil
}

// historyPrefix begins created_by in the history entries of our layers.
const historyPrefix = "holo-build build"

// historyText is what the image's history says of the layer.
func historyText(done provisioned) (createdBy, comment string) {
	entities := map[string]int{}
	for _, e := range done.entities {
		entities[e.Plugin]++
	}
	var list []string
	for _, id := range slices.Sorted(maps.Keys(entities)) {
		list = append(list, fmt.Sprintf("%s (%d)", id, entities[id]))
	}
	return historyPrefix, "provisioned by " + strings.Join(list, ", ")
}
