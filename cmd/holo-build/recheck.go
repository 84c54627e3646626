package main

import (
	"context"
	"fmt"

	"github.com/holo-build/holo-build/rootfs"
)

const recheckUsage = "apply all entities once more, to a copy of the result that is thrown\naway, and fail if a path changes"

// recheck provisions the result as the build has provisioned its base, and fails if that changes anything but books,
// locks, caches and logs: then applying the resources to what they have made is no matter of course, though plugins should
// see to that. What is provisioned is the image as its layers have it, not the staging root, so that what is true of it is
// true of whoever builds on it. Its layers come from the cache, but for the new one; nothing is packed.
func (b *build) recheck(ctx context.Context, out outcome) error {
	if !b.o.recheck {
		return nil
	}
	b.ui.begin("Applying all once more")
	defer b.ui.end()
	return b.throwAway(ctx, out.image, nil, func(stage *rootfs.Staging, done provisioned) error {
		if err := done.failure(); err != nil {
			return fmt.Errorf("--recheck: the second time: %w", err)
		}
		changes, err := stage.Changes(b.epoch)
		if err != nil {
			return fmt.Errorf("--recheck: finding what changed: %w", err)
		}
		return notTheSame(changes, classifier(stage.Root(byBuild), done.plugins))
	})
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
