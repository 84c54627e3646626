package usersgroups

import (
	"context"
	"fmt"
	"slices"

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
	case w.leftDeleted():
		fmt.Fprintf(w.env.Stderr, ">> %s has been deleted by somebody else, and stays so; --force brings back what was there before it was provisioned\n",
			w.actual.entityID())
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

// leftDeleted says that somebody else has deleted an account that was there before it was first provisioned. Only force
// brings it back: nobody wants it any more.
func (w *work) leftDeleted() bool {
	return w.env.ImageBuild && !w.force && w.base.exists() && !w.actual.exists() && w.provided != nil && w.provided.exists()
}

// restorable is a base image without groups that are gone by now. In a build, what was empty becomes empty.
func (w *work) restorable(base account) account {
	base.groups = w.db.existing(base.groups)
	if !w.db.group(base.loginGroup).exists() {
		base.loginGroup = ""
	}
	base.exact = w.env.ImageBuild
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
	members := w.db.members(w.actual.name)
	if err := w.removed(ctx, w.actual); err != nil || !w.env.ImageBuild {
		return err
	}
	return w.dropMembers(members)
}

// dropMembers takes the group that was deleted out of the provisioned images of its members: that they have lost it is no
// change by somebody else, even when there is such a group again.
func (w *work) dropMembers(members []string) error {
	for _, name := range members {
		u := account{kind: user, name: name}
		if checkName(name) != "" {
			continue
		}
		provided, err := readImage(w.env.State, provisionedDir, u)
		if err != nil {
			return err
		}
		if provided == nil || !slices.Contains(provided.groups, w.actual.name) {
			continue
		}
		provided.groups = slices.DeleteFunc(provided.groups, func(g string) bool { return g == w.actual.name })
		if err := writeImage(w.env.State, provisionedDir, *provided); err != nil {
			return err
		}
	}
	return nil
}

// removeUser deletes a user. The tool takes the group of the user's name along, which may have to stay.
func (w *work) removeUser(ctx context.Context, u account) error {
	before := w.db.group(u.name)
	stays, err := w.groupStays(before)
	if err == nil {
		err = w.removed(ctx, u)
	}
	if err != nil || !stays || !before.exists() || w.db.group(u.name).exists() {
		return err
	}
	return runTool(ctx, w.env, command(before, before.blank()))
}

// groupStays says that the group of the name of a user who is deleted is defined, or was there before the user was made.
func (w *work) groupStays(g account) (bool, error) {
	if w.scanned.defined(g) {
		return true, nil
	}
	base, err := readImage(w.env.State, baseDir, g)
	if err != nil || base != nil {
		return base != nil && base.exists(), err
	}
	return w.base != nil && !w.base.exists() && w.base.loginGroup == g.name, nil
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
