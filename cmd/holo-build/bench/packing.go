package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
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
	for _, c := range []oci.Compression{oci.Zstd, oci.Gzip} {
		const files, size = 100, 4 << 20
		d, err := pack(ctx, dir, files, size, c)
		if err != nil {
			return err
		}
		rate := files * size / d.Seconds()
		fmt.Fprintf(w, "%s, 400 MiB               %8.0f MB/s\n", c, rate/1e6)
		if c == oci.Zstd && rate < minThroughput {
			errs = append(errs, fmt.Errorf("%s packs %.0f MB/s, want %.0f", c, rate/1e6, minThroughput/1e6))
		}
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

// fill writes files of text that compresses about as well as configuration and programs do, to a third.
func fill(dir string, files, size int) error {
	r := rand.New(rand.NewPCG(1, 2))
	words := make([]string, 2000)
	for i := range words {
		words[i] = strconv.FormatUint(r.Uint64(), 36)[:3+r.IntN(9)]
	}
	for i := range files {
		var b strings.Builder
		for b.Len() < size {
			b.WriteString(words[r.IntN(len(words))])
			b.WriteByte(" =\n\t"[r.IntN(4)])
		}
		name := filepath.Join(dir, fmt.Sprintf("etc/part%02d/file%05d", i%50, i))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(b.String()[:size]), 0o644); err != nil {
			return err
		}
	}
	return nil
}
