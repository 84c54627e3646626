package holotest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holo-build/holo-build/rootfs"
)

// Options say how cases are run.
type Options struct {
	// Holo is the program to test and its first arguments, as the value of HOLO_BINARY has them; empty means Self as
	// holo.
	Holo string
	// Self is the executable that is holo, and holo-ID for each of Bundled, by its name.
	Self    string
	Bundled []string
	// Environ is the environment of the cases, to which those variables are added that the cases rely on.
	Environ []string
	// Jobs is how many cases run at once; at least one does.
	Jobs int
	// InPlace runs cases in their own directories, and leaves there what came of them: target, tree and *-output.
	InPlace bool
	// Update writes what came of the cases to their expected-* files.
	Update bool
	// Scratch is an existing directory for copies of cases.
	Scratch string
	// Timeout bounds each call of the program; zero means no bound.
	Timeout time.Duration
	// Image makes dir, which does not exist, the tree of an image or root file system that a case begins with. ref is
	// what the case says, in which a relative path begins at caseDir; platform may be empty. Nil means that it is an error.
	Image func(ctx context.Context, caseDir, ref, platform, dir string) error
	// Mocks are scripts for the stand-ins of all cases, which have some then.
	Mocks []Mock
	// Root opens a directory for stand-ins to work on. Nil means that a case that has some is an error.
	Root func(dir string) (root rootfs.Root, release func() error, err error)
	// Now is the clock.
	Now func() time.Time
	// Begin is told of each case before it runs, Done after: one after the other in their order. Either may be nil.
	Begin func(dir string)
	Done  func(Result)
}

// Result is what came of a case.
type Result struct {
	// Case is its directory, as it was given.
	Case string
	// Differences are the outputs that are not as expected, in the order of their making. Without any and without Err, the
	// case has passed.
	Differences []Difference
	// Updated are the files that were written or removed by Update.
	Updated []string
	// Err says why the case could not be run.
	Err error
	// Took is how long it ran.
	Took time.Duration
}

// Passed reports whether all is as expected.
func (r Result) Passed() bool { return r.Err == nil && len(r.Differences) == 0 }

// Difference is one output that is not as expected.
type Difference struct {
	// Name is "tree", "scan-output", "diff-output", "apply-output", "apply-force-output" or "calls".
	Name string
	// Missing says that there is no expectation at all.
	Missing bool
	// Diff is how they differ, as a unified diff.
	Diff []byte
}

// Run runs cases, some of them at once. Its error is the context's, or that of making ready; what goes wrong with a case
// is in its result.
func Run(ctx context.Context, cases []string, o Options) ([]Result, error) {
	bin := filepath.Join(o.Scratch, "bin")
	if err := linkPrograms(bin, o); err != nil {
		return nil, fmt.Errorf("making links to %s: %w", o.Self, err)
	}
	results, works := make([]chan Result, len(cases)), make([]string, len(cases))
	m := mirrors{o.Scratch, make(map[string]string)}
	for i, dir := range cases {
		results[i] = make(chan Result, 1)
		if o.InPlace {
			continue
		}
		at, err := m.of(dir)
		if err != nil {
			return nil, fmt.Errorf("making room for a copy of %s: %w", dir, err)
		}
		works[i] = filepath.Join(at, workPrefix+strconv.Itoa(i))
	}
	var g errgroup.Group
	g.SetLimit(max(o.Jobs, 1))
	go func() {
		for i, dir := range cases {
			g.Go(func() error {
				results[i] <- runCase(ctx, dir, works[i], bin, o)
				return nil
			})
		}
	}()
	var all []Result
	for i, dir := range cases {
		if o.Begin != nil {
			o.Begin(dir)
		}
		r := <-results[i]
		if ctx.Err() == nil && o.Done != nil {
			o.Done(r)
		}
		all = append(all, r)
	}
	if ctx.Err() != nil {
		return all, context.Cause(ctx)
	}
	return all, nil
}

// linkPrograms makes a directory for PATH that has our own program under its names.
func linkPrograms(bin string, o Options) error {
	if err := os.Mkdir(bin, 0o755); err != nil {
		return err
	}
	names := []string{"holo"}
	for _, id := range o.Bundled {
		names = append(names, "holo-"+id)
	}
	for _, name := range names {
		if err := os.Symlink(o.Self, filepath.Join(bin, name)); err != nil {
			return err
		}
	}
	return nil
}

// runCase runs one case, in the new directory work unless in place.
func runCase(ctx context.Context, dir, work, bin string, o Options) (r Result) {
	begun := o.Now()
	defer func() { r.Took = o.Now().Sub(begun) }()
	r.Case = dir
	if r.Err = ctx.Err(); r.Err != nil {
		return r
	}
	c := &testCase{dir: dir, work: work, bin: bin, o: o}
	if o.InPlace {
		if c.work, r.Err = filepath.Abs(dir); r.Err != nil {
			return r
		}
	}
	if !o.InPlace {
		defer func() {
			if err := rootfs.RemoveTree(work); r.Err == nil {
				r.Err = err
			}
		}()
	}
	if r.Err = c.run(ctx); r.Err != nil {
		return r
	}
	if r.Differences, r.Err = c.compare(); r.Err == nil && o.Update {
		r.Updated, r.Err = c.update(r.Differences)
		r.Differences = nil
	}
	return r
}
