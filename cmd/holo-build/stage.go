package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// The ways of staging, --stage.
const (
	stageAuto  = "auto"
	stageView  = "view"
	stageMount = "mount"
	stageCopy  = "copy"
)

// stageWays are the values of --stage.
func stageWays() []string { return []string{stageAuto, stageView, stageMount, stageCopy} }

// checkStage finds wrong use of --stage.
func (o *buildOptions) checkStage() error {
	switch {
	case !slices.Contains(stageWays(), o.stage):
		return usageError{fmt.Errorf("--stage %q: it is one of %s", o.stage, strings.Join(stageWays(), ", "))}
	case o.keepStaging && (o.stage == stageView || o.stage == stageMount):
		return usageError{fmt.Errorf("--stage %s writes no tree out that --keep-staging could leave: use --stage copy", o.stage)}
	}
	return nil
}

// materialize makes the staging root something that processes can work on, if --stage asks for it or the build needs it,
// and returns the way of staging that was taken, and whether what changes goes to an overlay. Nothing of the tree was
// changed yet.
func (b *build) materialize(ctx context.Context, stage *rootfs.Staging, res *holo.Resources) (way string, overlay bool, err error) {
	way = b.o.stage
	needs, err := b.needsDirectory(stage.Root(byBuild), res)
	if err != nil {
		return "", false, err
	}
	if way == stageAuto || way == stageView {
		switch {
		case way == stageView && needs != "":
			return "", false, fmt.Errorf("--stage view: %s a directory to work on: --stage auto makes one", needs)
		case b.o.keepStaging:
			way = stageCopy
		case needs == "":
			return stageView, false, nil
		}
	}
	root := os.Geteuid() == 0
	if way == stageMount && !root {
		return "", false, errors.New("--stage mount takes root (--stage auto does without)")
	}
	if way == stageMount || way == stageAuto && root {
		err = b.mount(ctx, stage, needs != "")
		unsupported := errors.Is(err, errors.ErrUnsupported)
		if unsupported && way == stageMount {
			err = fmt.Errorf("%w (--stage auto does without)", err)
		}
		if err == nil || way == stageMount || !unsupported {
			return stageMount, err == nil, err
		}
		b.ui.warn("the staging root is copied: " + err.Error())
	}
	b.ui.begin("Writing out the staging root")
	defer b.ui.end()
	err = b.noRoom(stage.WriteOut(ctx))
	if err == nil && way == stageAuto && root && needs != "" {
		// So that not all files are looked at after each call of a plugin.
		err = stage.Cover(ctx, tryMount(ctx))
		overlay = err == nil
		if errors.Is(err, errors.ErrUnsupported) {
			err = nil
		}
	}
	return stageCopy, overlay, err
}

// noRoom adds to an error about a full disk which one it is, and the way out.
func (b *build) noRoom(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w (the staging root lies in %s: set TMPDIR to a directory with more room)", err, b.tempDir())
	}
	return err
}

// mount has the kernel show the base. If processes are to work on it but can't, that is errors.ErrUnsupported, and
// nothing has happened.
func (b *build) mount(ctx context.Context, stage *rootfs.Staging, processes bool) (err error) {
	image, closeImage, err := b.layers.metaImage(ctx, stage.Base())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeImage()) }()
	var try rootfs.TryFunc
	if processes {
		try = tryMount(ctx)
	}
	return stage.Mount(ctx, image, try)
}

// tryMount gives a process the mount, as plugins will be given it.
func tryMount(ctx context.Context) rootfs.TryFunc {
	return func(mount *os.File, at string) error {
		return sandbox.TryMount(ctx, sandbox.Mount{File: mount, At: at}, sandbox.Probe{})
	}
}

// needsDirectory names a generator or plugin that works on a directory, and says why it needs one; nothing if there is none.
// Which plugins run is known only when the resources are placed; what runs is known by now.
func (b *build) needsDirectory(root rootfs.Root, res *holo.Resources) (string, error) {
	if list := res.Generators(); len(list) > 0 {
		return "generator /usr/share/holo/" + list[0] + " is an executable, which needs", nil
	}
	if runs, _ := b.inRoot.Runs(); runs && res.ImageFilters() {
		return "a holoscript of the image runs inside the root, which needs", nil
	}
	lines, err := holo.ReadHolorc(root)
	if err != nil {
		return "", err
	}
	specs, err := b.selection(root, lines, res).Specs()
	if err != nil {
		return "", nil // it will be an error, and no plugin runs
	}
	for _, s := range specs {
		if s.Plugin == nil {
			return "plugin " + s.ID + " is an executable, which needs", nil
		}
		onRoot := slices.ContainsFunc(bundled(), func(b holo.Bundled) bool { return b.ID == s.ID && b.OnRoot })
		if onRoot && res.HasFiles(s.ID) {
			return "plugin " + s.ID + " runs scripts, which need", nil
		}
	}
	return "", nil
}

// selection is what decides which plugins run.
func (b *build) selection(root rootfs.Root, holorc []holo.HolorcLine, res *holo.Resources) holo.Selection {
	return holo.Selection{InRoot: b.inRoot, Image: root, Flags: b.o.plugins, Holorc: holorc, Resources: res.IDs(), Brought: res.Brought(), Bundled: bundled(), Live: b.live}
}
