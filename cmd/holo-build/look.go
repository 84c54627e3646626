package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/plugins/holo"
)

// The values of --format.
const (
	formatText = "text"
	formatJSON = "json"
)

const formatUsage = "`FORMAT` text or json"

// lookOptions are the flags of scan and diff, which look at what build would work on.
type lookOptions struct {
	buildOptions
	selectors []string
	format    string
	short     bool
}

func (o *lookOptions) addLookFlags(f *pflag.FlagSet) {
	f.SortFlags = false
	o.addSourceFlags(f)
	f.StringVar(&o.format, "format", formatText, formatUsage)
}

func checkFormat(format string) error {
	if format != formatText && format != formatJSON {
		return usageError{fmt.Errorf("--format %q: it is %s or %s", format, formatText, formatJSON)}
	}
	return nil
}

// sourceAndSelectors wants a source; whatever follows selects entities.
func sourceAndSelectors(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("one SOURCE is wanted, 0 are given")
	}
	return nil
}

// lookFunc looks at the selected entities, which the plugins have scanned, and returns what there is to print.
type lookFunc func(ctx context.Context, b *build, host *holo.Host, list []*holo.Scanned) (text string, err error)

// runLook brings a build to the point where the plugins have scanned, and prints what look makes of it. Nothing is packed.
func runLook(ctx context.Context, p process, o lookOptions, look lookFunc) (err error) {
	if err := checkFormat(o.format); err != nil {
		return err
	}
	name, rest, _ := oci.ParseSource(o.source)
	live := name == oci.NameRootFS && filepath.Clean(rest) == "/"
	o.noCache = o.noCache || live && o.cacheDir == ""
	b, err := newBuild(p, o.buildOptions)
	if err != nil {
		return err
	}
	defer func() { err = b.ui.tell(withWayOut(interruption(ctx, err))) }()
	defer func() { err = errors.Join(err, b.close(ctx)) }()
	defer b.ui.end()

	var text string
	if live {
		text, err = b.lookLive(ctx, o, look)
	} else {
		text, err = b.lookAtSource(ctx, o, look)
	}
	_, perr := io.WriteString(b.stdout, text)
	return errors.Join(err, perr)
}

// lookAtSource stages the source, once more if the cache was damaged, and has the plugins scan it.
func (b *build) lookAtSource(ctx context.Context, o lookOptions, look lookFunc) (string, error) {
	base, err := b.open(ctx)
	if err != nil {
		return "", err
	}
	text, err := b.look(ctx, base, o, look)
	if b.again(ctx, err) {
		b.mended = true
		b.ui.warn("the cache was damaged: the source is read anew")
		text, err = b.look(ctx, base, o, look)
	}
	return text, err
}

// lookLive has the plugins scan the running system where it is, as holo(8) does. Nothing is changed but that plugins get
// their state directories. What -r brings is laid over the system's resources, and not placed.
func (b *build) lookLive(ctx context.Context, o lookOptions, look lookFunc) (text string, err error) {
	stage, err := openInPlace("/")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, stage.close()) }()
	b.live = true
	res, err := b.readResources(ctx, stage.root)
	if err != nil {
		return "", err
	}
	ready, err := b.newPrepared(ctx, res)
	if err == nil {
		err = b.generate(ctx, stage, ready)
	}
	if err == nil {
		ready, err = b.choose(ctx, stage, ready)
	}
	if ready.cache != "" {
		defer func() { err = errors.Join(err, clearAway(stage, ready.cache, nil, false)) }()
	}
	if err != nil {
		return "", err
	}
	return b.lookAt(ctx, ready, o, look)
}

// look stages the source and has the plugins scan it.
func (b *build) look(ctx context.Context, base *oci.Image, o lookOptions, look lookFunc) (text string, err error) {
	tree, err := b.read(ctx, base)
	if err != nil {
		return "", err
	}
	stage := b.stage(tree)
	defer func() { err = b.leave(ctx, stage, err) }()
	var done provisioned
	ready, err := b.stageResources(ctx, stage, &done)
	if err != nil {
		return "", err
	}
	text, err = b.lookAt(ctx, ready, o, look)
	return text, errors.Join(err, stage.Damage())
}

// lookAt has the plugins scan, and look at what is selected.
func (b *build) lookAt(ctx context.Context, ready prepared, o lookOptions, look lookFunc) (string, error) {
	var done provisioned
	entities, err := b.scanPlugins(ctx, ready.host, ready.specs, &done)
	if err != nil {
		return "", err
	}
	selected, err := selectEntities(entities, o.selectors, o.resources)
	if err != nil {
		return "", err
	}
	text, err := look(ctx, b, ready.host, selected)
	return text, errors.Join(err, done.failure())
}

const selectorHelp = `A SELECTOR is an entity's ID, a plugin's ID, a resource file, or a generator,
which means what its resources define. Files go by their path in the image or
below a directory given with -r. Without any, all are meant.`

// selectEntities returns the entities that any of the selectors means, in their order; all, if there are no selectors.
// One that means none is wrong use.
func selectEntities(all []*holo.Scanned, selectors, dirs []string) ([]*holo.Scanned, error) {
	if len(selectors) == 0 {
		return all, nil
	}
	meant := make([][]string, len(selectors))
	used := make([]bool, len(selectors))
	for i, s := range selectors {
		names, err := selectorNames(s, dirs)
		if err != nil {
			return nil, err
		}
		meant[i] = names
	}
	var list []*holo.Scanned
	for _, e := range all {
		names := entityNames(e)
		found := false
		for i := range selectors {
			if slices.ContainsFunc(meant[i], func(n string) bool { return slices.Contains(names, n) }) {
				used[i], found = true, true
			}
		}
		if found {
			list = append(list, e)
		}
	}
	var errs []error
	for i, s := range selectors {
		if !used[i] {
			errs = append(errs, usageError{fmt.Errorf("no entity is meant by %q (holo-build scan SOURCE lists them)", s)})
		}
	}
	return list, errors.Join(errs...)
}
