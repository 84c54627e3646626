package usersgroups

import (
	"context"
	"fmt"
	"slices"
)

// Entities are applied in the order of their IDs, which is not always that in which their accounts can be changed. Those
// that are in the way of another go before their time; when it comes, they have nothing to do.

// emptyGroup changes the users whose login group is to be deleted: no group can be as long as it is one.
func (w *work) emptyGroup(ctx context.Context) error {
	for _, u := range w.db.users {
		if u.GID != *w.actual.id {
			continue
		}
		if err := w.forestall(ctx, account{kind: user, name: u.Name}, true); err != nil {
			return err
		}
	}
	return nil
}

// makeWay scrubs an account that has the number that is wanted: one that gets a new name is another to us.
func (w *work) makeWay(ctx context.Context, want account) error {
	if want.id == nil || w.actual.id != nil && *w.actual.id == *want.id {
		return nil
	}
	for _, name := range w.db.named(want.kind, *want.id) {
		if err := w.forestall(ctx, account{kind: want.kind, name: name}, false); err != nil {
			return err
		}
	}
	return w.look(w.actual)
}

// forestall applies another entity before its time: an orphan, of which the images stay until then, or if that is asked
// for one that is defined. What is no entity of ours, can't be applied or needs force stays as it is: then it is the tool
// that says why it is in the way.
func (w *work) forestall(ctx context.Context, a account, defined bool) error {
	pending := append(slices.Clip(w.pending), w.actual.entityID())
	if !w.scanned.orphaned(a) && !(defined && w.scanned.defined(a)) || slices.Contains(pending, a.entityID()) {
		return nil
	}
	o, err := newWork(ctx, w.env, a.entityID())
	if err != nil || !o.actual.exists() {
		return nil
	}
	o.pending, o.force = pending, w.force
	switch {
	case o.def != nil:
		_, err = o.provision(ctx)
	case o.scrubNeedsForce():
	case o.base.exists():
		err = o.restore(ctx, *o.base)
	default:
		err = o.remove(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s is in the way: %w", a.entityID(), err)
	}
	return nil
}
