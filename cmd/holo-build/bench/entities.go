package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/holo/files"
	"github.com/holo-build/holo-build/rootfs"
)

// minFaster is how many times faster the plugin files is as a value than as an executable, at least.
const minFaster = 5

// entities measures how long the plugin files takes to scan and apply files that are there, as a value in this process and
// as the executable holo-files that the program is too.
func entities(ctx context.Context, w io.Writer, binary string) (err error) {
	dir, release, err := newTmpfs()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if binary, err = filepath.Abs(binary); err == nil {
		err = os.Symlink(binary, filepath.Join(dir, "holo-files"))
	}
	if err != nil {
		return err
	}
	executable := holo.Spec{ID: "files", Binary: filepath.Join(dir, "holo-files")}
	value := holo.Spec{ID: "files", Plugin: files.Plugin{}}

	var ratios []float64
	for range 3 { // in turns
		own, err := applyFiles(ctx, dir, entityCount, value)
		if err != nil {
			return err
		}
		other, err := applyFiles(ctx, dir, entityCount, executable)
		if err != nil {
			return err
		}
		ratios = append(ratios, other.Seconds()/own.Seconds())
		fmt.Fprintf(w, "%d entities, value     %8.0f ms, executable %.0f ms\n", entityCount, 1000*own.Seconds(), 1000*other.Seconds())
	}
	fmt.Fprintf(w, "value against executable   %8.1f times faster, median (at least %d)\n", median(ratios), minFaster)
	var errs []error
	if !(median(ratios) >= minFaster) {
		errs = append(errs, fmt.Errorf("%w: a value is %.1f times faster than an executable, want %d", errBound, median(ratios), minFaster))
	}
	growing := entityGrowth(ctx, w, dir, value)
	if growing != nil && !errors.Is(growing, errBound) {
		return growing
	}
	return errors.Join(append(errs, growing)...)
}

// entityGrowth measures how the time grows with the number of entities.
func entityGrowth(ctx context.Context, w io.Writer, dir string, spec holo.Spec) error {
	var samples []sample
	for _, s := range []struct{ n, rounds int }{{100, 10}, {1000, 5}, {10_000, 3}} {
		best := time.Duration(math.MaxInt64)
		for range s.rounds {
			d, err := applyFiles(ctx, dir, s.n, spec)
			if err != nil {
				return err
			}
			best = min(best, d)
		}
		samples = append(samples, sample{s.n, best})
		fmt.Fprintf(w, "%6d entities            %8.2f ms\n", s.n, 1000*best.Seconds())
	}
	fmt.Fprintf(w, "exponent, 100 to 10,000    %8.2f (at most %.2f)\n", exponent(samples), maxExponent)
	return judgeGrowth(samples)
}

// applyFiles provisions n files, and returns how long scan and apply took.
func applyFiles(ctx context.Context, dir string, n int, spec holo.Spec) (d time.Duration, err error) {
	work, err := rootfs.NewWorkDir(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, work.Close()) }()
	base, err := rootfs.Merge(ctx, nil, rootfs.BaseOptions{})
	if err != nil {
		return 0, err
	}
	stage := rootfs.Stage(base, rootfs.StageOptions{Dir: work.Path})
	defer func() { err = errors.Join(err, stage.Close()) }()
	resources := filepath.Join(work.Path, "resources")
	if err := someFiles(stage.Root(rootfs.Actor{Kind: "build"}), resources, n); err != nil {
		return 0, err
	}
	if spec.Plugin == nil {
		if err := stage.WriteOut(ctx); err != nil {
			return 0, err
		}
		if err := stage.Cover(ctx, nil); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return 0, err
		}
	}
	host, err := hostFor(ctx, stage, resources, work.Path)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := host.Load(ctx, []holo.Spec{spec}); err != nil {
		return 0, err
	}
	scans, err := host.Scan(ctx)
	if err != nil || len(scans) != 1 || scans[0].Err != nil || len(scans[0].Entities) != n {
		return 0, fmt.Errorf("scanning: %v, %+v", err, scans)
	}
	for _, e := range scans[0].Entities {
		if r := host.Apply(ctx, e, false); r.Outcome != holo.Applied {
			return 0, fmt.Errorf("applying %s: %s, %w\n%s", e.ID, r.Outcome, r.Err, r.Stderr)
		}
	}
	return time.Since(start), nil
}

// someFiles makes n files of a hundred bytes, and resources that are to replace them.
func someFiles(root rootfs.Root, resources string, n int) error {
	name := func(i int) string { return fmt.Sprintf("etc/part%02d/file%05d", i%50, i) }
	own := rootfs.Meta{Mode: 0o755, UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	for i := range n {
		if err := rootfs.MkdirAll(root, filepath.Dir(name(i)), own); err != nil {
			return err
		}
		old := own
		old.Mode = 0o644
		if err := root.Put(name(i), old, strings.NewReader(strings.Repeat("old ", 25))); err != nil {
			return err
		}
		file := filepath.Join(resources, "files/10", name(i))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(strings.Repeat("new ", 25)), 0o644); err != nil {
			return err
		}
	}
	return root.Put("etc/os-release", rootfs.Meta{Mode: 0o644, UID: own.UID, GID: own.GID}, strings.NewReader("ID=unittest\n"))
}

// hostFor prepares a staging root for plugins.
func hostFor(ctx context.Context, stage *rootfs.Staging, resources, scratch string) (*holo.Host, error) {
	root := stage.Root(rootfs.Actor{Kind: "build"})
	res, err := holo.ReadResources(ctx, root, []string{resources}, rootfs.Limits{})
	if err != nil {
		return nil, err
	}
	cache, err := stage.Scratch("tmp/holo.0")
	if err != nil {
		return nil, err
	}
	if err := res.Populate(ctx, root, cache); err != nil {
		return nil, err
	}
	return holo.NewHost(holo.HostOptions{Stage: stage, CacheDir: cache, Environ: []string{"PATH=/usr/bin:/bin"}, Scratch: scratch,
		Resources: res, Timeout: time.Minute, Now: time.Now}), nil
}
