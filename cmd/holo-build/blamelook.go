package main

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"path"
	"strings"
)

// What a layer does to a path.
const (
	doesWrite  = "write"
	doesDelete = "delete"
)

// sight is what a layer has of a path by itself, whatever its log says.
type sight struct {
	layer int
	does  string // empty: nothing
	// logged says that the layer has a log. The path is not in it.
	logged bool
}

// linkAbove is a symbolic link on the way to a path.
type linkAbove struct{ name, target string }

// lead returns where a path leads that goes through the link.
func (l linkAbove) lead(name string) string {
	to := l.target
	if !path.IsAbs(to) {
		to = path.Join(path.Dir(l.name), to)
	}
	return path.Clean("/" + to + strings.TrimPrefix(name, l.name))
}

// look finds what one layer does to a path: there is an entry for it, for something below it, or a mark that deletes what
// lower layers have there (image-spec, layer.md, "Whiteouts"). link becomes the symbolic link above it, if there is one.
func (img loggedImage) look(ctx context.Context, layer int, name string, link *linkAbove) (sight, error) {
	s := sight{layer: layer}
	there, gone := false, false
	err := eachEntry(ctx, img.Layers[layer-1], func(h *tar.Header, _ io.Reader) error {
		entry := "/" + entryName(h)
		dir, base := path.Split(entry)
		hidden, mark := strings.CutPrefix(base, ".wh.")
		switch {
		case mark && hidden == ".wh..opq":
			gone = gone || isBelow(name, path.Clean(dir))
		case mark && img.Manifest != nil: // a directory or tarball has no such marks
			hides := path.Join(dir, hidden)
			gone = gone || name == hides || isBelow(name, hides)
		case entry == name || isBelow(entry, name):
			there = true
		case isBelow(name, entry) && h.Typeflag == tar.TypeSymlink:
			*link, gone = linkAbove{entry, h.Linkname}, true
		case isBelow(name, entry) && h.Typeflag != tar.TypeDir:
			gone = true
		}
		return nil
	})
	switch {
	case err != nil:
		return s, fmt.Errorf("reading layer %d of %s: %w", layer, img.source, err)
	case there:
		s.does = doesWrite
	case gone:
		s.does = doesDelete
	}
	return s, nil
}
