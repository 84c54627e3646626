package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// place is a directory on the file system to measure on, where all sides work in turns.
type place struct {
	dir string
	// holoBuild is the program to measure; the other sides are found on PATH.
	holoBuild string
	// layers counts those of the images, small and large.
	layers map[string]int
	// runs counts what was run, so that each one makes another change.
	runs int
}

func (p *place) path(names ...string) string {
	return filepath.Join(append([]string{p.dir}, names...)...)
}

// tmp is TMPDIR, empty for each run.
func (p *place) tmp() string { return p.path("tmp") }

// base is a layout with nothing but an image, tag latest.
func (p *place) base(image string) string { return p.path("base", image) }

// addImage brings an image to the place, and so to the page cache.
func (p *place) addImage(image, layout string) error {
	if err := os.MkdirAll(p.path("base"), 0o755); err != nil {
		return err
	}
	if err := os.CopyFS(p.base(image), os.DirFS(layout)); err != nil {
		return fmt.Errorf("copying the image: %w: run make images", err)
	}
	n, err := countLayers(p.base(image), "latest")
	p.layers[image] = n
	return err
}

// newPlace makes a place in an empty directory, and looks for the programs that the sides need.
func newPlace(dir, binary string, sides []side) (*place, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	for _, s := range sides {
		for _, name := range s.programs() {
			if _, err := exec.LookPath(name); err != nil {
				return nil, fmt.Errorf("looking for the other side: %w: run make test-deps", err)
			}
		}
	}
	return &place{dir: dir, holoBuild: binary, layers: map[string]int{}}, nil
}

// freshLayout makes a layout of the image alone, of the same blobs by hard links, and an empty TMPDIR.
func (p *place) freshLayout(image, layout string) error {
	for _, old := range []string{layout, p.tmp()} {
		if err := os.RemoveAll(old); err != nil {
			return err
		}
	}
	return errors.Join(os.Mkdir(p.tmp(), 0o755), linkLayout(p.base(image), layout))
}

// settle brings to disk what was written so far, so that no run waits for what another one has left.
func (p *place) settle() (err error) {
	d, err := os.Open(p.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return unix.Syncfs(int(d.Fd()))
}
