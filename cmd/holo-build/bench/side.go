package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// side is one way to get a change into an image. A round runs each side as often as it says.
type side interface {
	// image says which one it changes: small or large.
	image() string
	// programs are those it needs on PATH.
	programs() []string
	// often is how many times in a row it runs in a round.
	often() int
	// prepare makes what it starts from. Not counted.
	prepare(p *place) error
	// run does the work, and returns the largest resident size in bytes. Its time is what is measured.
	run(ctx context.Context, p *place) (rss int64, err error)
	// check sees to it that the work was done. Not counted.
	check(p *place) error
	// clean removes what is left, also after a run that failed. Not counted.
	clean(p *place) error
}

// reading is what one run took.
type reading struct {
	wall time.Duration
	rss  int64
}

// once runs a side.
func once(ctx context.Context, p *place, s side) (r reading, err error) {
	p.runs++
	defer func() {
		if cerr := s.clean(p); cerr != nil {
			err = errors.Join(err, fmt.Errorf("cleaning up: %w", cerr))
		}
	}()
	if err := s.prepare(p); err != nil {
		return r, fmt.Errorf("preparing: %w", err)
	}
	if err := p.settle(); err != nil {
		return r, err
	}
	start := time.Now()
	r.rss, err = s.run(ctx, p)
	r.wall = time.Since(start)
	if err != nil {
		return r, err
	}
	if err := s.check(p); err != nil {
		return r, fmt.Errorf("checking the work: %w", err)
	}
	return r, nil
}

// again is for sides that find the layout of the round before: what an earlier run has left, without the tag.
func again(p *place, image, layout string) error {
	if _, err := os.Stat(layout); errors.Is(err, os.ErrNotExist) {
		return p.freshLayout(image, layout)
	}
	if err := os.RemoveAll(p.tmp()); err != nil {
		return err
	}
	return errors.Join(os.Mkdir(p.tmp(), 0o755), untag(layout, "changed"))
}
