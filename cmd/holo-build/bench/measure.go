package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// result is what the runs of a side took that count, or why it gave up.
type result struct {
	name     string
	readings []reading
	err      error
}

func (r *result) walls() []time.Duration {
	list := make([]time.Duration, len(r.readings))
	for i, reading := range r.readings {
		list[i] = reading.wall
	}
	return list
}

func (r *result) median() time.Duration { return median(r.walls()) }

// peak is the largest resident size of any run.
func (r *result) peak() (rss int64) {
	for _, reading := range r.readings {
		rss = max(rss, reading.rss)
	}
	return rss
}

// measureOn runs all rounds of the named sides on one file system, and tells w how it goes.
func measureOn(ctx context.Context, o options, s system, names []string, w io.Writer) (results map[string]*result, err error) {
	table := sideTable()
	var sides []side
	for _, name := range names {
		sides = append(sides, table[name])
	}
	dir, release, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	p, err := newPlace(dir, o.binary, sides)
	if err != nil {
		return nil, err
	}
	layouts := map[string]string{"small": o.small, "large": o.large}
	for _, side := range sides {
		if image := side.image(); p.layers[image] == 0 {
			if err := p.addImage(image, layouts[image]); err != nil {
				return nil, err
			}
		}
	}
	results = map[string]*result{}
	for _, name := range names {
		results[name] = &result{name: name}
	}
	return results, inTurns(ctx, p, o.rounds, names, table, results, func(round int, r *result, took reading) {
		if r.err != nil {
			fmt.Fprintf(w, "%s round %d: %s gives up: %v\n", s.name, round, r.name, r.err)
			return
		}
		fmt.Fprintf(w, "%s round %d: %-20s %10s %6.1f MB\n", s.name, round, r.name, human(took.wall), float64(took.rss)/1e6)
	})
}

// inTurns runs the sides in rounds, of which the first one, where each runs once, does not count. A side that fails gives up, the others go on.
// All but an interruption is in the results.
func inTurns(ctx context.Context, p *place, rounds int, names []string, table map[string]side, results map[string]*result,
	tell func(round int, r *result, took reading)) error {
	for round := range rounds + 1 {
		for _, name := range names {
			r, times := results[name], 1
			if round > 0 {
				times = table[name].often()
			}
			for range times {
				if r.err != nil {
					break
				}
				took, err := once(ctx, p, table[name])
				if ctx.Err() != nil {
					return errors.Join(ctx.Err(), err)
				}
				if r.err = err; err == nil && round > 0 {
					r.readings = append(r.readings, took)
				}
				tell(round, r, took)
			}
		}
	}
	return nil
}
