// Bench measures holo-build against the usual way to do the same: umoci unpack, the change, umoci repack.
//
//	bench [-binary bin/holo-build] [-image work/large.oci] [-rounds 3]
//
// Both add the same 50 files to the same image, on a tmpfs, in turns, after one round that does not count. The time of
// each is that of the whole programs, from start to exit. Either writes its image into the layout that has the base, so
// neither copies the base's blobs; the removal of what umoci leaves unpacked is not counted, though holo-build's own
// clean-up is. Medians, their ratio and holo-build's largest resident size are printed. The exit status is 1 if the
// ratio is below 2 or the size 100 MB or more, 2 for wrong use.
//
//	bench -packing
//
// This measures how layers are packed with two processors, of the files of the Go distribution: time by the number of
// files, bytes a second in the best of ten rounds, and the memory that it takes. The exit status is 1 if that is more
// than linear, slower than 300 MB/s of content with zstd, or growing with the content.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// What must hold.
const (
	minRatio = 2.0
	maxRSS   = 100_000_000
)

// options are the command line.
type options struct {
	binary, image string
	rounds        int
	packing       bool
	// pack has this process pack that many files of 4 MiB below a directory, print its largest resident size, and do
	// nothing else.
	pack int
	in   string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run measures, and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.binary, "binary", "bin/holo-build", "the `PROGRAM` to measure")
	flags.StringVar(&o.image, "image", "work/large.oci", "the `LAYOUT` to start from, tag latest")
	flags.IntVar(&o.rounds, "rounds", 3, "how many rounds count")
	flags.BoolVar(&o.packing, "packing", false, "measure how layers are packed, and nothing else")
	flags.IntVar(&o.pack, "pack", 0, "only pack this `NUMBER` of files, and print the bytes of memory it took")
	flags.StringVar(&o.in, "in", "", "the `DIRECTORY` to do that in")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil || flags.NArg() > 0 || o.rounds < 1 {
		fmt.Fprintln(stderr, "bench: wrong use; see -help")
		return 2
	}
	if o.pack > 0 {
		if err := packOnly(ctx, stdout, o.in, o.pack); err != nil {
			fmt.Fprintf(stderr, "bench: %v\n", err)
			return 1
		}
		return 0
	}
	if o.packing {
		if err := packing(ctx, stdout); err != nil {
			fmt.Fprintf(stderr, "bench: %v\n", err)
			return 1
		}
		return 0
	}
	outcome, err := measure(ctx, o, stderr)
	if err == nil {
		fmt.Fprint(stdout, outcome)
		err = outcome.judge()
	}
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 1
	}
	return 0
}

// outcome is what was measured, round by round.
type outcome struct {
	ours, theirs []time.Duration
	// rss is the largest resident size of holo-build in any round, in bytes.
	rss int64
}

func (o outcome) ratio() float64 { return median(o.theirs).Seconds() / median(o.ours).Seconds() }

// String is the report.
func (o outcome) String() string {
	return fmt.Sprintf("holo-build build      median %6.2f s of %v\n"+
		"umoci unpack, repack  median %6.2f s of %v\n"+
		"ratio                 %.2f (at least %.1f)\n"+
		"peak memory           %.1f MB (under %.0f)\n",
		median(o.ours).Seconds(), rounded(o.ours), median(o.theirs).Seconds(), rounded(o.theirs),
		o.ratio(), minRatio, float64(o.rss)/1e6, float64(maxRSS)/1e6)
}

// judge says what does not hold.
func (o outcome) judge() error {
	var errs []error
	if r := o.ratio(); !(r >= minRatio) {
		errs = append(errs, fmt.Errorf("only %.2f times faster than umoci, want %.1f", r, minRatio))
	}
	if o.rss <= 0 || o.rss >= maxRSS {
		errs = append(errs, fmt.Errorf("peak memory of %d bytes, want some, and less than %d", o.rss, maxRSS))
	}
	return errors.Join(errs...)
}

// median is the middle one, or the mean of the two in the middle.
func median[N time.Duration | float64](list []N) N {
	s := slices.Sorted(slices.Values(list))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

func rounded(d []time.Duration) []time.Duration {
	r := make([]time.Duration, len(d))
	for i := range d {
		r[i] = d[i].Round(10 * time.Millisecond)
	}
	return r
}
