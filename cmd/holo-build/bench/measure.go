package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// measure runs all rounds on a tmpfs of its own and tells w how it goes.
func measure(ctx context.Context, o options, w io.Writer) (result outcome, err error) {
	umoci, err := exec.LookPath("umoci")
	if err != nil {
		return result, fmt.Errorf("looking for the other side: %w: run make test-deps", err)
	}
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return result, err
	}
	dir, release, err := newTmpfs()
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, release()) }()
	b := bench{dir: dir, binary: binary, umoci: umoci}
	if err := b.prepare(o.image); err != nil {
		return result, err
	}
	for round := range o.rounds + 1 {
		ours, rss, err := b.round(ctx, "holo-build", b.holoBuild)
		if err != nil {
			return result, err
		}
		theirs, _, err := b.round(ctx, "umoci", b.unpackRepack)
		if err != nil {
			return result, err
		}
		if round == 0 {
			fmt.Fprintf(w, "warm-up: holo-build %v, umoci %v\n", ours, theirs)
			continue
		}
		fmt.Fprintf(w, "round %d: holo-build %v, umoci %v\n", round, ours, theirs)
		result.ours = append(result.ours, ours)
		result.theirs = append(result.theirs, theirs)
		result.rss = max(result.rss, rss)
	}
	return result, nil
}

// bench is the place where rounds are run.
type bench struct {
	dir, binary, umoci string
	layers             int
}

func (b *bench) path(names ...string) string {
	return filepath.Join(append([]string{b.dir}, names...)...)
}

// changedFiles are the files to add, by name in the image.
func changedFiles() map[string]string {
	files := make(map[string]string, 50)
	for i := range 50 {
		files[fmt.Sprintf("etc/bench/part%d/file%02d.conf", i%5, i)] = strings.Repeat(fmt.Sprintf("setting %d = on\n", i), 20)
	}
	return files
}

// writeChange writes the files below a directory.
func writeChange(top string) error {
	for name, content := range changedFiles() {
		p := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// prepare brings the image and the resources to the tmpfs.
func (b *bench) prepare(image string) error {
	if err := os.CopyFS(b.path("base"), os.DirFS(image)); err != nil {
		return fmt.Errorf("copying the image: %w: run make images", err)
	}
	n, err := countLayers(b.path("base"), "latest")
	if err != nil {
		return err
	}
	b.layers = n
	return writeChange(b.path("resources", "files", "50-bench"))
}

// round gives a contender a fresh layout, of the same blobs by hard links, and sees to it that it has done its work.
func (b *bench) round(ctx context.Context, name string, run func(ctx context.Context) (int64, error)) (d time.Duration, rss int64, err error) {
	for _, old := range []string{"layout", "bundle", "tmp"} {
		if err := os.RemoveAll(b.path(old)); err != nil {
			return 0, 0, err
		}
	}
	if err := os.Mkdir(b.path("tmp"), 0o755); err != nil {
		return 0, 0, err
	}
	if err := linkLayout(b.path("base"), b.path("layout")); err != nil {
		return 0, 0, err
	}
	start := time.Now()
	rss, err = run(ctx)
	d = time.Since(start)
	if err != nil {
		return 0, 0, err
	}
	n, err := countLayers(b.path("layout"), "changed")
	if err == nil && n != b.layers+1 {
		err = fmt.Errorf("image has %d layers, want %d and one more", n, b.layers)
	}
	if err == nil {
		err = b.checkTop()
	}
	if err != nil {
		return 0, 0, fmt.Errorf("checking the work of %s: %w", name, err)
	}
	return d, rss, nil
}

// holoBuild is the whole program, once.
func (b *bench) holoBuild(ctx context.Context) (rss int64, err error) {
	return b.command(ctx, b.binary, "build", "--quiet", "--progress", "none", "oci:"+b.path("layout")+":latest",
		"-r", b.path("resources"), "-o", "oci:"+b.path("layout")+":changed")
}

// unpackRepack is what it is measured against.
func (b *bench) unpackRepack(ctx context.Context) (rss int64, err error) {
	one, err := b.command(ctx, b.umoci, "unpack", "--image", b.path("layout")+":latest", b.path("bundle"))
	if err != nil {
		return 0, err
	}
	if err := writeChange(b.path("bundle", "rootfs")); err != nil {
		return 0, err
	}
	two, err := b.command(ctx, b.umoci, "repack", "--image", b.path("layout")+":changed", b.path("bundle"))
	return max(one, two), err
}

// command runs a program and returns the largest resident size, in bytes, that wait4(2) tells of it. Linux counts a
// child from before its exec, as large as its parent, so this program must stay small.
func (b *bench) command(ctx context.Context, name string, args ...string) (rss int64, err error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+b.path("tmp"), "XDG_CACHE_HOME="+b.path("tmp", "cache"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("running %s %s: %w\n%s", name, args[0], err, stderr.String())
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, fmt.Errorf("internal error: no rusage of %s", name)
	}
	return usage.Maxrss * 1024, nil
}

// readJSON reads a JSON file.
func readJSON(name string, v any) error {
	raw, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("parsing %s: %w", name, err)
	}
	return nil
}
