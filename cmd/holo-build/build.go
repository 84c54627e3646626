package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/holo/holotest"
	"github.com/holo-build/holo-build/rootfs"
)

func buildCommand(p process) *cobra.Command {
	var o buildOptions
	cmd := &cobra.Command{
		Use:   "build SOURCE [-r DIR]... [-o DEST]...",
		Short: "Provision an image or a root file system, and write it as a new image",
		Long: `build stages SOURCE, merges the resource trees over what it has below
/usr/share/holo, lets every plugin provision its entities there in test mode,
and writes the result to every destination: the base's layers as they were, and
one more with what changed. Nothing changed means that the base comes out.

SOURCE  docker://HOST/NAME[:TAG][@DIGEST]
        oci:PATH[:TAG]  oci-archive:FILE[:TAG]  docker-archive:FILE[:NAME:TAG]
        rootfs:DIR  tar:FILE  scratch
        without a transport it is recognised
DEST    the same, but for scratch; always with its transport

Standard output gets one line "DEST@DIGEST" for each destination, and nothing
else.

` + exitHelp,
		Example: `  holo-build build docker://debian:12 -r resources -o oci:app:1
  holo-build build oci:base -r resources -o docker-archive:app.tar:app:1`,
		Args: oneArg("SOURCE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.source = args[0]
			if err := checkCacheDir(cmd); err != nil {
				return err
			}
			return runBuild(cmd.Context(), p, o)
		},
	}
	o.addFlags(cmd.Flags())
	complete(p, cmd, nil)
	return cmd
}

// build is one run of the pipeline.
type build struct {
	process
	o    buildOptions
	ui   *ui
	work *rootfs.WorkDir
	// layers are the base's.
	layers *layers
	// mended says that the cache was damaged, and that it all is done again.
	mended bool
	// limits are those of everything that is read.
	limits limits
	// secrets are what --secret names; nil for none.
	secrets *holo.Secrets
	epoch   time.Time
	// base is the image that is built on; nil where none is.
	base *oci.Image
	// given are the settings of the command line, annotations its annotations.
	given       oci.Settings
	annotations map[string]*string
	// dropped are the resources of earlier builds that go.
	dropped []string
	// mocks are the files that say what stand-ins do.
	mocks []holotest.Mock
	// order puts entities in another order; nil leaves them in theirs.
	order func([]*holo.Scanned)
	// inRoot says what runs inside the staging root, and places are what was made there for its mounts.
	inRoot *holo.InRoot
	places []string
	// wholeSystem says that the staging root is the running system's own.
	wholeSystem bool
	// live says that the running system is provisioned, not a staging root.
	live bool
	// storeDigest is that of the XenStore that processes find; empty if there is none.
	storeDigest string
}

// runBuild is the map of the program: from a source, through a staging root, to destinations.
func runBuild(ctx context.Context, p process, o buildOptions) (err error) {
	b, err := newBuild(p, o)
	if err != nil {
		return err
	}
	committed := false
	// What is left behind after the names have moved is no failure any more: the result is there.
	cleanUp := func(f func() error) {
		switch cerr := f(); {
		case cerr != nil && committed:
			b.ui.warn(cerr.Error())
		default:
			err = errors.Join(err, cerr)
		}
	}
	defer func() { err = b.ui.tell(withWayOut(interruption(ctx, err))) }()
	defer cleanUp(func() error { return b.close(ctx) })
	defer b.ui.end()

	base, err := b.open(ctx)
	if err != nil {
		return err
	}
	targets, err := b.create(ctx)
	if err != nil {
		return err
	}
	defer cleanUp(targets.abort)
	out, err := b.makeSurely(ctx, base, targets)
	if err := errors.Join(err, b.saveLog(out.log)); err != nil {
		return err
	}
	if err := b.saveMetadata(out); err != nil {
		return err
	}
	if err := b.commit(ctx, targets, out.digests); err != nil {
		return err
	}
	committed = true
	b.summary(out)
	return nil
}

// make is the middle of the map: from the source to destinations that have no name yet.
func (b *build) make(ctx context.Context, base *oci.Image, targets targets) (out outcome, err error) {
	tree, err := b.read(ctx, base)
	if err != nil {
		return out, err
	}
	stage := b.stage(tree)
	defer func() { err = b.leave(ctx, stage, err) }()
	done, err := b.provision(ctx, stage)
	if err != nil {
		return out, err
	}
	out, err = b.collect(base, stage, done)
	leaks, lerr := b.leaked(ctx, stage.Root(byBuild), out.changes)
	err = errors.Join(err, lerr)
	if len(leaks) > 0 {
		out.log = nil // not even the digest of such a file is told
	}
	done.problems = slices.Concat(done.problems, leaks, b.judge(changesOf(out.log)))
	if failure := done.failure(); failure != nil { // what could not be collected after that follows from it
		b.ui.report(done.counts())
		return out, failure
	}
	if err == nil {
		err = b.pack(ctx, base, &out)
	}
	if err == nil {
		err = b.recheck(ctx, out)
	}
	if err == nil {
		err = b.shuffle(ctx, out.entities)
	}
	if err == nil {
		err = stage.Damage() // it may have been met without a word
	}
	if err == nil {
		out.digests, err = b.write(ctx, targets, out)
	}
	return out, err
}

// newBuild checks the flags and makes the work directory; what killed builds have left there is swept first.
func newBuild(p process, o buildOptions) (*build, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	ui, err := newUI(p, o.progress, o.quiet)
	if err != nil {
		return nil, err
	}
	if _, _, err := sourceDateEpoch(p); err != nil {
		return nil, err
	}
	given, err := o.settings.settings()
	annotations, aerr := o.settings.annotated()
	if err := errors.Join(err, aerr); err != nil {
		return nil, err
	}
	tmp := p.tempDir()
	limits, err := parseLimits(o.limits)
	if err != nil {
		return nil, err
	}
	if err := checkPlaces(o, tmp); err != nil {
		return nil, err
	}
	mocks, err := readMocks(o.mocks)
	if err != nil {
		return nil, err
	}
	kept, err := openCache(p, o, ui)
	if err != nil {
		return nil, err
	}
	swept, sweepErr := rootfs.Sweep(tmp)
	for _, dir := range swept {
		ui.warn("removed " + dir + ", which a killed build has left")
	}
	work, err := rootfs.NewWorkDir(tmp)
	if err != nil {
		return nil, errors.Join(err, kept.Close())
	}
	if sweepErr != nil {
		ui.warn(sweepErr.Error())
	}
	return &build{process: p, o: o, ui: ui, work: work, limits: limits, layers: &layers{cache: kept, opened: kept, dir: work.Path, ui: ui},
		given: given, annotations: annotations, mocks: mocks}, nil
}

// close brings the cache to its limit, and removes the work directory, unless it is to be kept.
func (b *build) close(ctx context.Context) error {
	err := b.layers.close(ctx)
	if !b.o.keepStaging {
		return errors.Join(err, b.work.Close())
	}
	kept, kerr := b.work.Keep()
	b.ui.warn("the staging root is kept: " + kept + "/root")
	return errors.Join(err, kerr)
}

// open opens the source; its layers are read later.
func (b *build) open(ctx context.Context) (*oci.Image, error) {
	img, err := openSource(ctx, b.o.source, oci.OpenOptions{
		Platform: b.o.platform, Dir: b.work.Path, Limits: b.limits.Limits, Stdin: b.stdin, Notice: b.ui.warn,
	})
	if err != nil {
		return nil, err
	}
	if b.o.squash && img.Manifest != nil {
		return nil, usageError{fmt.Errorf("--squash is for directories and tarballs: the layers of an image are never rewritten")}
	}
	b.base, b.annotations = img, img.AnnotationChanges(b.annotations)
	return img, nil
}

// openSource opens any source by its reference.
func openSource(ctx context.Context, ref string, o oci.OpenOptions) (*oci.Image, error) {
	name, rest, err := oci.ParseSource(ref)
	if err != nil {
		return nil, err
	}
	return transports()[name].Open(ctx, rest, o)
}

// read reads the layers of the base, merges them, and finds the epoch.
func (b *build) read(ctx context.Context, base *oci.Image) (*rootfs.Base, error) {
	b.ui.begin("Reading " + b.o.source)
	defer b.ui.end()
	tree, err := b.layers.read(ctx, base.Watched(b.ui.bytes).Layers, rootfs.BaseOptions{
		Limits: b.limits.Limits, Plain: base.Manifest == nil, Notice: b.ui.warn,
	})
	if err != nil {
		return nil, fmt.Errorf("staging %s: %w", b.o.source, err)
	}
	b.epoch = time.Unix(0, 0).UTC()
	switch t, ok, _ := sourceDateEpoch(b.process); {
	case ok:
		b.epoch = t
	case base.Manifest == nil:
		newest, err := tree.Newest()
		if err != nil {
			return nil, errors.Join(err, tree.Close())
		}
		b.epoch = later(newest, b.epoch)
	default:
		b.epoch = later(base.Created(), b.epoch)
	}
	return tree, nil
}

// stage makes the staging root.
func (b *build) stage(tree *rootfs.Base) *rootfs.Staging {
	return rootfs.Stage(tree, rootfs.StageOptions{Dir: b.work.Path, Start: b.now(), Notice: b.ui.warn})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// saveLog writes the whole apply log where --log says.
func (b *build) saveLog(log []record) (err error) {
	if b.o.log == "" || len(log) == 0 {
		return nil
	}
	return writeFile(b.o.log, "the apply log", func(f *os.File) error { return writeLog(f, log) })
}
