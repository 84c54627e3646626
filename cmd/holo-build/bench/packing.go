package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/rootfs"
)

// What packing must keep to.
const (
	minThroughput = 300e6
	processors    = 2 // that it may use: as many as a small builder has
)

// errBound is a measurement that is not within its bound.
var errBound = errors.New("out of bounds")

// packing measures how a layer is made from a change: from the changed tree on a tmpfs to the stored layer with its
// digests, in this process.
func packing(ctx context.Context, w io.Writer) (err error) {
	dir, release, err := newTmpfs()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(min(runtime.NumCPU(), processors)))
	var errs []error
	for _, part := range []func(context.Context, io.Writer, string) error{growth, throughput, packMemory} {
		if err := part(ctx, w, dir); errors.Is(err, errBound) {
			errs = append(errs, err)
		} else if err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

// throughput measures the bytes of content packed in a second, in each of ten rounds, by compression. The best one
// counts: whatever else runs on the machine can only slow it down.
func throughput(ctx context.Context, w io.Writer, dir string) error {
	const files, size = 100, 4 << 20
	rates := map[oci.Compression][]float64{}
	for range 10 {
		for _, c := range []oci.Compression{oci.Zstd, oci.Gzip} {
			d, err := pack(ctx, dir, files, size, c)
			if err != nil {
				return err
			}
			rates[c] = append(rates[c], files*size/d.Seconds())
		}
	}
	for _, c := range []oci.Compression{oci.Zstd, oci.Gzip} {
		r := rates[c]
		fmt.Fprintf(w, "%s, 400 MiB              %8.0f MB/s at best, median %.0f\n", c, slices.Max(r)/1e6, median(r)/1e6)
	}
	if best := slices.Max(rates[oci.Zstd]); best < minThroughput {
		return fmt.Errorf("%w: zstd packs %.0f MB/s, want %.0f", errBound, best/1e6, minThroughput/1e6)
	}
	return nil
}

// pack makes a tree of files, and returns how long it takes to make a layer of them.
func pack(ctx context.Context, dir string, files, size int, c oci.Compression) (d time.Duration, err error) {
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
	if err := stage.WriteOut(ctx); err != nil {
		return 0, err
	}
	if err := fill(stage.Dir(), files, size); err != nil {
		return 0, err
	}
	if err := stage.Rescan(ctx, rootfs.Actor{Kind: "plugin", Plugin: "bench"}); err != nil {
		return 0, err
	}
	runtime.GC()
	start := time.Now()
	changes, err := stage.Changes(time.Time{})
	if err != nil {
		return 0, err
	}
	_, err = oci.NewLayer(ctx, oci.LayerOptions{Dir: work.Path, Compression: c}, func(w io.Writer) error {
		return stage.WriteLayer(ctx, w, changes, rootfs.PackOptions{})
	})
	return time.Since(start), err
}

// fill writes files of that size, cut from the Go tree that this was built with: sources, texts and programs, about as
// changes of images have them.
func fill(dir string, files, size int) error {
	from := &goTree{}
	buf := make([]byte, size)
	for i := range files {
		if _, err := io.ReadFull(from, buf); err != nil {
			return fmt.Errorf("reading the Go tree: %w", err)
		}
		name := filepath.Join(dir, fmt.Sprintf("etc/part%02d/file%05d", i%50, i))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, buf, 0o644); err != nil {
			return err
		}
	}
	return nil
}
