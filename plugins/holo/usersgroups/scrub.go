package usersgroups

import (
	"context"
	"fmt"

	"github.com/holo-build/holo-build/plugins/holo"
)

// scrub applies an orphan: the account becomes what it was before it was first provisioned; 4.2.6. The base image goes
// last: as long as it is there, the entity is, and what was interrupted can be finished.
func (w *work) scrub(ctx context.Context) (holo.Outcome, error) {
	if w.scrubNeedsForce() {
		return holo.NeedsForceOverwrite, nil
	}
	var err error
	switch {
	case w.base.exists():
		err = w.restore(ctx, *w.base)
	case !w.real():
		declare(w.env.Stdout, deletion(w.actual))
	case w.actual.exists():
		err = w.remove(ctx)
	}
	if err != nil {
		return "", err
	}
	name := imageName(w.actual.entityID())
	for _, dir := range []string{provisionedDir, baseDir} {
		if err := removeIfExists(w.env.State, dir+"/"+name); err != nil {
			return "", err
		}
	}
	return holo.Applied, nil
}

// scrubNeedsForce says that somebody else has changed the account of an orphan, so that only force may restore or delete
// it. There is nothing to lose of one that is gone, or already as it was before it was first provisioned. The reference
// never asks.
func (w *work) scrubNeedsForce() bool {
	if w.force || !w.env.ImageBuild || !w.actual.exists() || !w.changedByOthers() {
		return false
	}
	return !w.base.exists() || !w.isRestored(w.restorable(*w.base))
}

// restorable is a base image without groups that are gone by now.
func (w *work) restorable(base account) account {
	base.groups = w.db.existing(base.groups)
	return base
}

func (w *work) isRestored(base account) bool {
	return w.actual.exists() && differs(base, w.actual) == ""
}

// restore brings back what was there before. The reference runs its tool even if there is nothing to do.
func (w *work) restore(ctx context.Context, base account) error {
	if w.real() {
		base = w.restorable(base)
		if w.isRestored(base) {
			return nil
		}
	}
	return w.change(ctx, base)
}

// remove deletes an account that is there.
func (w *work) remove(ctx context.Context) error {
	if *w.actual.id == 0 {
		return fmt.Errorf("%s is the superuser's, and not deleted, though its base image says that it was not there before", w.actual.entityID())
	}
	if w.actual.kind == user {
		return w.removeUser(ctx, w.actual)
	}
	if err := w.emptyGroup(ctx); err != nil {
		return err
	}
	if err := w.look(w.actual); err != nil || !w.actual.exists() {
		return err
	}
	return w.removed(ctx, w.actual)
}

// removeUser deletes a user. The tool takes the group of the user's name along, which may be another entity of ours.
func (w *work) removeUser(ctx context.Context, u account) error {
	before := w.db.group(u.name)
	if err := w.removed(ctx, u); err != nil {
		return err
	}
	if !w.scanned.defined(before) || !before.exists() || w.db.group(u.name).exists() {
		return nil
	}
	return runTool(ctx, w.env, command(before, before.blank()))
}

// removed runs the tool, and looks at what has become of the account.
func (w *work) removed(ctx context.Context, a account) error {
	argv := deletion(a)
	if err := runTool(ctx, w.env, argv); err != nil {
		return err
	}
	var err error
	if w.db, err = readDatabase(w.env.Root); err != nil {
		return err
	}
	if after, _ := w.db.lookUp(a); after.exists() {
		return fmt.Errorf("%s succeeded, but %s is still there", argv[0], a.entityID())
	}
	return nil
}
