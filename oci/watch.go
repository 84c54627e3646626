package oci

import (
	"context"
	"io"
	"slices"
)

// Watched returns the image with layers that report, whenever some of their stored bytes were read, how many of all of
// them were; a layer that is skipped counts as read. Total is 0 if it is not known: a source that is no image has no sizes.
func (i *Image) Watched(report func(done, total int64)) *Image {
	img := *i
	img.Layers = slices.Clone(i.Layers)
	p := &progress{report: report, total: layersTotal(img.Layers)}
	for n := range img.Layers {
		open, size := img.Layers[n].open, max(img.Layers[n].Descriptor.Size, 0)
		img.Layers[n].skip = func() { p.add(size) }
		img.Layers[n].open = func(ctx context.Context) (io.ReadCloser, error) {
			stored, err := open(ctx)
			if err != nil {
				return nil, err
			}
			return readCloser{Reader: p.reader(stored), close: stored.Close}, nil
		}
	}
	return &img
}
