package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

func checkCommand(p process) *cobra.Command {
	o := buildOptions{dryRun: true, stage: stageAuto, source: "scratch", noCache: true}
	cmd := &cobra.Command{
		Use:   "check DIR...",
		Short: "Check a resource tree, without an image",
		Long: `check reads resource trees as build would, several as one, and has every plugin
look for entities in them: grammar, contradictions, unknown keys, names that no
image can hold. Plugins that are part of holo-build are used, others where they
are at hand; of those that are not, only the names are looked at.

What depends on an image, such as whether a user exists, is not checked.

Exit status: 0 nothing is wrong; 1 something is; 2 wrong use; 129, 130 and 143
interrupted.`,
		Example: `  holo-build check resources`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("one DIR or more is wanted, 0 are given")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.resources = args
			return runCheck(cmd.Context(), p, o)
		},
	}
	o.addCheckFlags(cmd.Flags())
	return cmd
}

func (o *buildOptions) addCheckFlags(f *pflag.FlagSet) {
	f.SortFlags = false
	o.addPluginFlags(f)
	for _, name := range []string{"resources", "replace-resources"} {
		_ = f.MarkHidden(name) // they were added just now
	}
}

// runCheck has the plugins scan resource trees over an empty root.
func runCheck(ctx context.Context, p process, o buildOptions) (err error) {
	b, err := newBuild(p, o)
	if err != nil {
		return err
	}
	cleanUp := func(f func() error) { err = errors.Join(err, f()) }
	defer func() { err = b.ui.tell(withWayOut(interruption(ctx, err))) }()
	defer cleanUp(func() error { return b.close(ctx) })
	tree, err := rootfs.Merge(ctx, nil, rootfs.BaseOptions{Limits: b.limits.Limits})
	if err != nil {
		return err
	}
	stage := b.stage(tree)
	defer cleanUp(stage.Close)
	root := stage.Root(byBuild)
	res, err := b.readResources(ctx, root)
	if err != nil {
		return err
	}
	if err := stage.WriteOut(ctx); err != nil { // of nothing, for executables
		return err
	}
	if err := putGeneric(root); err != nil {
		return err
	}
	var done provisioned
	entities, err := b.checkPlugins(ctx, stage, res, &done)
	if err != nil {
		return err
	}
	b.ui.report(count(len(entities), "entity", "entities") + " of " + count(len(done.plugins), "plugin", "plugins") + "\n")
	return done.failure()
}

// putGeneric makes a system of no distribution, so that no plugin complains of an unknown one; os-release(5).
func putGeneric(root rootfs.Root) error {
	if err := rootfs.MkdirAll(root, "etc", rootfs.Meta{Mode: 0o755}); err != nil {
		return err
	}
	return root.Put("etc/os-release", rootfs.Meta{Mode: 0o644}, strings.NewReader("ID=unittest\n"))
}

// checkPlugins scans with all plugins that are at hand.
func (b *build) checkPlugins(ctx context.Context, stage *rootfs.Staging, res *holo.Resources, done *provisioned) ([]*holo.Scanned, error) {
	ready, err := b.newPrepared(ctx, res)
	if err != nil {
		return nil, err
	}
	if err := b.generate(ctx, stage, ready); err != nil {
		return nil, err
	}
	s := b.selection(nil, nil, res)
	s.Brought = b.atHand(s.Brought) // over an empty root, there are no others
	s.Resources = s.Brought
	specs, err := s.Specs()
	if err != nil {
		return nil, err
	}
	if ready.cache, err = makeCache(stage, "tmp"); err != nil {
		return nil, err
	}
	if err := res.Populate(ctx, stage.Root(byBuild), ready.cache); err != nil {
		return nil, err
	}
	return b.scanPlugins(ctx, b.newHost(stage, ready), specs, done)
}

// atHand leaves out the plugins that there is no executable for, with a warning.
func (b *build) atHand(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		named := func(value string) bool { name, _, _ := strings.Cut(value, "="); return name == id }
		if slices.ContainsFunc(b.o.plugins, named) || slices.ContainsFunc(bundled(), func(p holo.Bundled) bool { return p.ID == id }) {
			return false
		}
		_, err := os.Stat(holo.DefaultPluginDir + "/holo-" + id)
		if err != nil {
			b.ui.warn(fmt.Sprintf("there is no plugin %s at hand (--plugin %s=BINARY names one): of its resources only the names were checked", id, id))
		}
		return err != nil
	})
}
