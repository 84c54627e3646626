package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
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
	maxExponent   = 1.15 // of the time by the number of changed files: 1 is linear
	minThroughput = 300e6
	maxMemory     = 1.3 // ten times the content, in that many times the memory at most
)

// packing measures how a layer is made from a change: from the changed tree on a tmpfs to the stored layer with its
// digests, in this process.
func packing(ctx context.Context, w io.Writer) (err error) {
	dir, release, err := newTmpfs()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	var errs []error
	times := map[int]time.Duration{}
	for _, n := range []int{10, 100, 1000, 10_000} {
		if times[n], err = pack(ctx, dir, n, 4<<10, oci.Zstd); err != nil {
			return err
		}
		fmt.Fprintf(w, "%6d files of 4 KiB      %8.2f ms\n", n, 1000*times[n].Seconds())
	}
	exponent := math.Log(times[10_000].Seconds()/times[100].Seconds()) / math.Log(100)
	fmt.Fprintf(w, "exponent, 100 to 10,000    %8.2f (at most %.2f)\n", exponent, maxExponent)
	if !(exponent <= maxExponent) {
		errs = append(errs, fmt.Errorf("time grows with the number of files to the power of %.2f", exponent))
	}
	rates, err := throughput(ctx, dir)
	if err != nil {
		return err
	}
	for _, c := range []oci.Compression{oci.Zstd, oci.Gzip} {
		r := rates[c]
		fmt.Fprintf(w, "%s, 400 MiB              %8.0f MB/s at best, median %.0f\n", c, slices.Max(r)/1e6, median(r)/1e6)
	}
	if best := slices.Max(rates[oci.Zstd]); best < minThroughput {
		errs = append(errs, fmt.Errorf("zstd packs %.0f MB/s, want %.0f", best/1e6, minThroughput/1e6))
	}
	small, large, err := packMemory(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "memory, 40 and 400 MiB     %8.1f and %.1f MB\n", float64(small)/1e6, float64(large)/1e6)
	if float64(large) > maxMemory*float64(small) {
		errs = append(errs, errors.New("memory grows with the content"))
	}
	return errors.Join(errs...)
}

// throughput returns the bytes of content packed in a second, in each of ten rounds, by compression. The best one
// counts: whatever else runs on the machine can only slow it down.
func throughput(ctx context.Context, dir string) (map[oci.Compression][]float64, error) {
	const files, size = 100, 4 << 20
	rates := map[oci.Compression][]float64{}
	for range 10 {
		for _, c := range []oci.Compression{oci.Zstd, oci.Gzip} {
			d, err := pack(ctx, dir, files, size, c)
			if err != nil {
				return nil, err
			}
			rates[c] = append(rates[c], files*size/d.Seconds())
		}
	}
	return rates, nil
}

// packMemory returns the largest resident sizes of processes of this program that pack 40 and 400 MiB.
func packMemory(ctx context.Context, dir string) (small, large int64, err error) {
	b := bench{dir: dir}
	if err := os.MkdirAll(b.path("tmp"), 0o755); err != nil {
		return 0, 0, err
	}
	if small, err = b.command(ctx, "/proc/self/exe", "-pack", "10", "-in", dir); err == nil {
		large, err = b.command(ctx, "/proc/self/exe", "-pack", "100", "-in", dir)
	}
	return small, large, err
}

// pack makes a tree of files, and returns how long it takes to make a layer of them.
func pack(ctx context.Context, dir string, files, size int, c oci.Compression) (d time.Duration, err error) {
	work, err := rootfs.NewWorkDir(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, work.Close()) }()
	stage, err := rootfs.Stage(ctx, nil, rootfs.StageOptions{Dir: work.Path})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	if err := fill(stage.Dir(), files, size); err != nil {
		return 0, err
	}
	if err := stage.Rescan(ctx, rootfs.Actor{Kind: "plugin", Plugin: "bench"}); err != nil {
		return 0, err
	}
	runtime.GC()
	start := time.Now()
	changes, err := stage.Changes()
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
