package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/holo-build/holo-build/rootfs"
)

const recheckUsage = "apply all entities once more, to a copy of the result that is thrown\naway, and fail if a path changes"

// recheck provisions the result as the build has provisioned its base, and fails if that changes anything but books,
// locks, caches and logs: then applying the resources to what they have made is no matter of course, though plugins should
// see to that. What is provisioned is the image as its layers have it, not the staging root, so that what is true of it is
// true of whoever builds on it. Its layers come from the cache, but for the new one; nothing is packed.
func (b *build) recheck(ctx context.Context, out outcome) (err error) {
	if !b.o.recheck {
		return nil
	}
	b.ui.begin("Applying all once more")
	defer b.ui.end()
	again, err := b.throwAway()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, again.work.Close()) }()
	again.base = out.image
	tree, err := again.layers.read(ctx, out.image.Layers, rootfs.BaseOptions{Limits: b.limits, Notice: again.ui.warn})
	if err != nil {
		return fmt.Errorf("--recheck: %w", err)
	}
	stage := again.stage(tree)
	defer func() { err = again.leave(ctx, stage, err) }()
	done, err := again.provision(ctx, stage)
	if err == nil {
		err = done.failure()
	}
	if err != nil {
		return fmt.Errorf("--recheck: the second time: %w", err)
	}
	changes, err := stage.Changes(b.epoch)
	if err != nil {
		return fmt.Errorf("--recheck: finding what changed: %w", err)
	}
	return notTheSame(changes, classifier(stage.Root(byBuild), done.plugins))
}

// throwAway is a build with the same flags whose result nobody wants, and that says nothing. The caller closes its work
// directory.
func (b *build) throwAway() (*build, error) {
	work, err := rootfs.NewWorkDir(b.tempDir())
	if err != nil {
		return nil, err
	}
	again := *b
	again.work, again.ui = work, &ui{w: io.Discard, mode: "none", quiet: true, now: b.now}
	again.layers = &layers{cache: b.layers.cache, dir: work.Path, ui: again.ui}
	again.o.keepStaging, again.o.strict = false, false
	return &again, nil
}

// notTheSame is the error of a second apply that has changed paths.
func notTheSame(changes []rootfs.Change, class func(string) string) error {
	var list []string
	for _, c := range changes {
		if class(c.Path) == "" && !leadsToState(c) {
			r := newChangeRecord(c, "")
			list = append(list, changeMark(r.Kind)+" "+r.Path+" ("+describeAll(r)+")")
		}
	}
	if len(list) == 0 {
		return nil
	}
	return fmt.Errorf("--recheck: applied once more, the entities change %s: %s", count(len(list), "path", "paths"), someOf(list))
}
