package main

import (
	"context"
	"errors"
	"io"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// throwAway provisions an image once more, with the flags of the build and without a word, for f to look at what came of
// it; what fails to be provisioned is told in done. order puts the entities in their order, if it is not nil. The layers
// come from the cache, as far as it has them.
func (b *build) throwAway(ctx context.Context, img *oci.Image, order func([]*holo.Scanned),
	f func(stage *rootfs.Staging, done provisioned) error) (err error) {
	work, err := rootfs.NewWorkDir(b.tempDir())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, work.Close()) }()
	again := *b
	again.work, again.base, again.order = work, img, order
	again.ui = &ui{w: io.Discard, mode: "none", quiet: true, now: b.now}
	again.layers = &layers{cache: b.layers.cache, dir: work.Path, ui: again.ui}
	again.o.keepStaging, again.o.strict = false, false
	tree, err := again.layers.read(ctx, img.Layers, rootfs.BaseOptions{Limits: b.limits.Limits, Plain: img.Manifest == nil, Notice: again.ui.warn})
	if err != nil {
		return err
	}
	stage := again.stage(tree)
	defer func() { err = again.leave(ctx, stage, err) }()
	done, err := again.provision(ctx, stage)
	if err != nil {
		return err
	}
	return f(stage, done)
}
