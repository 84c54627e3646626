package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func applyCommand(p process) *cobra.Command {
	o := applyOptions{buildOptions: buildOptions{dryRun: true, stage: stageAuto, noCache: true}}
	cmd := &cobra.Command{
		Use:   "apply DIR [SELECTOR]... [-r DIR]...",
		Short: "Provision a directory in place, or the running system",
		Long: `apply lets plugins provision the root file system in DIR where it is, as build
does in a copy: in test mode, with stand-ins for the tools of the system.

"apply /" is live: plugins are told that this is no test, tools are the system's
own, and so is the code that lies there. "apply --test-mode /" is for a container
that is being built.

` + selectorHelp + `

What is wrong with one entity does not keep the others from being applied.

Exit status: 0 done; 1 failed; 2 wrong use; 129, 130 and 143 interrupted.`,
		Example: `  holo-build apply rootfs-dir -r resources
  RUN holo-build apply --test-mode / -r /run/resources`,
		Args: dirAndSelectors,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.dir, o.selectors = args[0], args[1:]
			return runApply(cmd.Context(), p, o)
		},
	}
	o.addApplyFlags(cmd.Flags())
	complete(p, cmd, &o.buildOptions)
	return cmd
}

// applyOptions are the flags of apply.
type applyOptions struct {
	buildOptions
	dir       string
	selectors []string
	testMode  bool
}

func (o *applyOptions) addApplyFlags(f *pflag.FlagSet) {
	f.SortFlags = false
	o.addPluginFlags(f)
	f.BoolVar(&o.force, "force", false, forceUsage)
	f.BoolVar(&o.strict, "strict", false, strictApplyUsage)
	f.Var(&o.deferral, "defer", deferUsage)
	f.BoolVar(&o.testMode, "test-mode", false, "of \"/\", too, with stand-ins, as of any other directory")
	f.StringVar(&o.log, "log", "", logUsage)
}

func dirAndSelectors(_ *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return errors.New("one DIR is wanted, 0 are given")
	case args[0] == "": // a variable that is not set, and not the working directory
		return errors.New("DIR is empty")
	}
	return nil
}

// runApply is what build does between staging and packing, on a directory where it is.
func runApply(ctx context.Context, p process, o applyOptions) (err error) {
	stage, err := openInPlace(o.dir)
	if err != nil {
		return err
	}
	cleanUp := func(f func() error) { err = errors.Join(err, f()) }
	defer cleanUp(stage.close)
	o.source = "scratch"
	b, err := newBuild(p, o.buildOptions)
	if err != nil {
		return err
	}
	b.wholeSystem = stage.dir == "/"
	b.live = b.wholeSystem && !o.testMode
	if b.live && o.deferral != "" {
		return errors.Join(usageError{errors.New("--defer: the running system does it all at once")}, b.work.Close())
	}
	if t, ok, _ := sourceDateEpoch(p); ok { // newBuild has found it right
		b.epoch = t
	} else {
		b.epoch = p.now()
	}
	defer func() { err = b.ui.tell(withWayOut(interruption(ctx, err))) }()
	defer cleanUp(func() error { return b.close(ctx) })
	defer b.ui.end()

	if stage.lock, err = lockRoot(stage.dir); err != nil {
		return err
	}
	defer cleanUp(stage.lock.release)
	switch removed, err := stage.discardAbandoned(); {
	case err != nil:
		return err
	case removed != "":
		b.ui.warn("removed /" + removed + ", which a killed run has left")
	}
	var done provisioned
	err = b.applyInPlace(ctx, stage, o.selectors, &done)
	if len(done.entities) > 0 || err == nil {
		b.ui.report(done.counts())
	}
	log := assembleLog(buildRecord{Type: "build", Version: version, Resources: done.resources, Epoch: timeText(b.epoch), Stage: "in-place",
		Flags: b.flagsRecord()}, done, nil, nil)
	return errors.Join(err, done.failure(), b.saveLog(log))
}

// applyInPlace runs the plugins.
func (b *build) applyInPlace(ctx context.Context, stage *inPlace, selectors []string, done *provisioned) (err error) {
	defer func() { err = errors.Join(err, b.clearPlaces(stage)) }()
	res, err := b.readResources(ctx, stage.root)
	if err != nil {
		return err
	}
	if len(b.o.resources) > 0 {
		done.resources = res.Digest()
	}
	ready, err := b.prepare(ctx, stage, res)
	done.calls = ready.calls
	if ready.cache != "" {
		defer func() { err = errors.Join(err, clearAway(stage, ready.cache, nil, false)) }()
	}
	if err != nil {
		return err
	}
	entities, err := b.scanPlugins(ctx, ready.host, ready.specs, done)
	if err != nil {
		return err
	}
	selected, err := selectEntities(entities, selectors, b.o.resources)
	if err != nil {
		return err
	}
	done.deferred = ready.deferred
	return errors.Join(b.applyEntities(ctx, ready, selected, done), b.leaveDeferred(stage, done))
}
