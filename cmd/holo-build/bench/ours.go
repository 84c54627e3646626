package main

import (
	"context"
	"os"
	"path/filepath"
)

// ours is holo-build.
type ours struct {
	of    string // the image
	stage string
	cache cacheUse
	// again says that the layout is that of the round before.
	again bool
	// entities is the number of files to add, if it is not the usual one; then the apply log is written, too.
	entities int
}

// cacheUse is what a side finds of its earlier runs, in its cache or storage.
type cacheUse int

const (
	cold cacheUse = iota // nothing
	warm                 // what the round before has left
	none                 // no cache is kept
)

func (o ours) image() string      { return o.of }
func (o ours) programs() []string { return nil }

// often is more where nothing is written out, so that a run is over soon and noise is most of its time.
func (o ours) often() int {
	if o.cache == warm && (o.stage == "view" || o.stage == "auto") {
		return 5
	}
	return 1
}

func (o ours) layout(p *place) string {
	if o.again {
		return p.path("again-" + o.of + "-" + o.stage)
	}
	return p.path("layout")
}

func (o ours) cacheDir(p *place) string {
	if o.cache == warm {
		return p.path("cache-warm")
	}
	return p.path("cache-cold")
}

func (o ours) files(p *place) map[string]string {
	if o.entities > 0 {
		return changedFiles(o.entities, p.runs)
	}
	return changedFiles(usualChange, p.runs)
}

func (o ours) prepare(p *place) error {
	if err := os.RemoveAll(p.path("resources")); err != nil {
		return err
	}
	if err := writeChange(p.path("resources", "files", "50-bench"), o.files(p)); err != nil {
		return err
	}
	if err := os.MkdirAll(o.cacheDir(p), 0o700); err != nil {
		return err
	}
	if o.again {
		return again(p, o.of, o.layout(p))
	}
	return p.freshLayout(o.of, o.layout(p))
}

// args are the command line.
func (o ours) args(p *place) []string {
	ref := "oci:" + o.layout(p)
	args := []string{
		"build", "--quiet", "--progress", "none", ref + ":latest", "-r", p.path("resources"), "-o", ref + ":changed",
		"--stage", o.stage,
	}
	if o.cache == none {
		args = append(args, "--no-cache")
	} else {
		args = append(args, "--cache-dir", o.cacheDir(p))
	}
	if o.entities > 0 {
		args = append(args, "--log", o.log(p))
	}
	return args
}

func (o ours) log(p *place) string { return filepath.Join(p.tmp(), "apply-log.jsonl") }

func (o ours) run(ctx context.Context, p *place) (int64, error) {
	s := session{env: []string{"TMPDIR=" + p.tmp(), "XDG_CACHE_HOME=" + p.path("cache-home")}}
	_, err := s.command(ctx, p.holoBuild, o.args(p)...)
	return s.rss, err
}

func (o ours) check(p *place) error {
	if o.entities > 0 {
		if err := checkBlame(o.log(p), o.files(p)); err != nil {
			return err
		}
	}
	return checkImage(o.layout(p), p.layers[o.of], o.files(p))
}

func (o ours) clean(p *place) error {
	if o.cache == warm {
		return nil
	}
	return os.RemoveAll(o.cacheDir(p))
}
