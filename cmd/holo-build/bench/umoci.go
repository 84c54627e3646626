package main

import (
	"context"
	"os"
)

// umoci unpacks the whole image and compares all of it to pack. It keeps nothing from one use to the next.
type umoci struct {
	of string // the image
}

func (u umoci) image() string      { return u.of }
func (u umoci) programs() []string { return []string{"umoci"} }
func (u umoci) often() int         { return 1 }

func (u umoci) prepare(p *place) error { return p.freshLayout(u.of, p.path("layout")) }

func (u umoci) run(ctx context.Context, p *place) (int64, error) {
	s := session{env: []string{"TMPDIR=" + p.tmp()}}
	layout, bundle := p.path("layout"), p.path("bundle")
	if _, err := s.command(ctx, "umoci", "unpack", "--image", layout+":latest", bundle); err != nil {
		return 0, err
	}
	if err := writeChange(p.path("bundle", "rootfs"), changedFiles(usualChange, p.runs)); err != nil {
		return 0, err
	}
	_, err := s.command(ctx, "umoci", "repack", "--image", layout+":changed", bundle)
	return s.rss, err
}

func (u umoci) check(p *place) error {
	return checkImage(p.path("layout"), p.layers[u.of], changedFiles(usualChange, p.runs))
}

func (u umoci) clean(p *place) error { return os.RemoveAll(p.path("bundle")) }
