package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// The ways of staging, --stage.
const (
	stageAuto = "auto"
	stageView = "view"
	stageCopy = "copy"
)

// stageWays are the values of --stage.
func stageWays() []string { return []string{stageAuto, stageView, stageCopy} }

// checkStage finds wrong use of --stage.
func (o *buildOptions) checkStage() error {
	switch {
	case !slices.Contains(stageWays(), o.stage):
		return usageError{fmt.Errorf("--stage %q: it is one of %s", o.stage, strings.Join(stageWays(), ", "))}
	case o.stage == stageView && o.keepStaging:
		return usageError{fmt.Errorf("--stage view writes nothing out that --keep-staging could leave: use --stage copy")}
	}
	return nil
}

// writeOut makes the staging root a directory, if --stage asks for it or something needs one, and returns the way of
// staging that was taken. Nothing of the tree was changed yet.
func (b *build) writeOut(ctx context.Context, stage *rootfs.Staging, res *holo.Resources) (string, error) {
	needs, err := b.needsDirectory(stage.Root(byBuild), res)
	if err != nil {
		return "", err
	}
	switch {
	case b.o.stage == stageView && needs != "":
		return "", fmt.Errorf("--stage view: plugin %s is an executable, which needs a directory to work on: --stage auto makes one", needs)
	case b.o.stage == stageView, b.o.stage == stageAuto && needs == "" && !b.o.keepStaging:
		return stageView, nil
	}
	b.ui.begin("Writing out the staging root")
	defer b.ui.end()
	return stageCopy, stage.WriteOut(ctx)
}

// needsDirectory returns the ID of a plugin that works on a directory, or nothing. Which plugins run is known only when
// the resources are placed; what runs is known by now.
func (b *build) needsDirectory(root rootfs.Root, res *holo.Resources) (string, error) {
	lines, err := holo.ReadHolorc(root)
	if err != nil {
		return "", err
	}
	specs, err := b.selection(lines, res).Specs()
	if err != nil {
		return "", nil // it will be an error, and no plugin runs
	}
	for _, s := range specs {
		if s.Plugin == nil {
			return s.ID, nil
		}
	}
	return "", nil
}

// selection is what decides which plugins run.
func (b *build) selection(holorc []holo.HolorcLine, res *holo.Resources) holo.Selection {
	return holo.Selection{Flags: b.o.plugins, Holorc: holorc, Resources: res.IDs(), Brought: res.Brought(), Bundled: bundled()}
}
