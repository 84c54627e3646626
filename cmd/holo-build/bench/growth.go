package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/holo-build/holo-build/oci"
)

// How the time to pack may grow with the number of changed files.
const (
	maxExponent = 1.15 // the power of the number that fits best; 1 is linear
	maxStep     = 15   // times, for ten times the files
)

// sizes are the numbers of files that are measured, each in so many rounds, of which the best one counts: small ones
// are over in a few milliseconds, and whatever else the machine does shows in them most.
func sizes() []struct{ files, rounds int } {
	return []struct{ files, rounds int }{{10, 30}, {100, 20}, {1000, 6}, {10_000, 3}}
}

// sample is how long it takes to pack a number of files.
type sample struct {
	files int
	best  time.Duration
}

// growth measures how the time to pack grows with the number of files, from ten on.
func growth(ctx context.Context, w io.Writer, dir string) error {
	var samples []sample
	for _, s := range sizes() {
		best := time.Duration(math.MaxInt64)
		for range s.rounds {
			d, err := pack(ctx, dir, s.files, 4<<10, oci.Zstd)
			if err != nil {
				return err
			}
			best = min(best, d)
		}
		samples = append(samples, sample{s.files, best})
		fmt.Fprintf(w, "%6d files of 4 KiB      %8.2f ms\n", s.files, 1000*best.Seconds())
	}
	fmt.Fprintf(w, "exponent, 10 to 10,000     %8.2f (at most %.2f)\n", exponent(samples), maxExponent)
	return judgeGrowth(samples)
}

// judgeGrowth says what is more than linear.
func judgeGrowth(samples []sample) error {
	if e := exponent(samples); !(e <= maxExponent) {
		return fmt.Errorf("%w: time grows with the number of files to the power of %.2f", errBound, e)
	}
	for i, s := range samples[1:] {
		before := samples[i]
		if times := s.best.Seconds() / before.best.Seconds(); !(times <= maxStep) {
			return fmt.Errorf("%w: %d files take %.1f times as long as %d", errBound, s.files, times, before.files)
		}
	}
	return nil
}

// exponent is the slope of the line that fits the logarithms of numbers and times with the least squares.
func exponent(samples []sample) float64 {
	var n, x, y, xx, xy float64
	for _, s := range samples {
		a, b := math.Log(float64(s.files)), math.Log(s.best.Seconds())
		n, x, y, xx, xy = n+1, x+a, y+b, xx+a*a, xy+a*b
	}
	return (n*xy - x*y) / (n*xx - x*x)
}
