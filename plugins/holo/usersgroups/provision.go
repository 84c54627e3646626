package usersgroups

import (
	"context"
	"slices"

	"github.com/holo-build/holo-build/plugins/holo"
)

// provision applies an entity that is defined; 4.2.6. What it writes, it writes in an order that lets the next apply
// finish what was interrupted: base image, account, provisioned image.
func (w *work) provision(ctx context.Context) (holo.Outcome, error) {
	if w.base == nil {
		if err := writeImage(w.env.State, baseDir, w.actual); err != nil {
			return "", err
		}
		was := w.actual
		w.base = &was
	}
	want := w.wanted()
	if !w.force {
		if out := w.refusal(want); out != "" {
			return out, nil
		}
	}
	out := holo.NotChanged
	if !w.actual.exists() || want.encode() != w.actual.encode() {
		out = holo.Applied
		if err := w.change(ctx, want); err != nil {
			return "", err
		}
	}
	return out, writeImage(w.env.State, provisionedDir, w.actual)
}

// wanted is what the account shall be: what is defined; else what it was before it was first provisioned; else what it
// is, or what it last was.
func (w *work) wanted() account {
	want := over(*w.def, *w.base, compatible, true)
	want = over(want, w.actual, emptyOnly, false)
	if w.provided != nil {
		want = over(want, *w.provided, emptyOnly, false)
	}
	if w.real() {
		// Groups that nobody defines may be gone by now.
		there := w.db.existing(want.groups)
		want.groups = slices.DeleteFunc(want.groups, func(name string) bool {
			return !slices.Contains(there, name) && !slices.Contains(w.def.groups, name)
		})
	}
	return want
}

// refusal says that only force may do what is wanted, and why; empty if there is no need.
func (w *work) refusal(want account) holo.Outcome {
	if w.provided != nil && w.provided.exists() && !w.actual.exists() {
		return holo.NeedsForceRestore
	}
	if w.env.ImageBuild {
		return w.refusalInBuild(want)
	}
	check, mode := *w.def, compatible
	if w.provided != nil {
		check, mode = over(check, *w.provided, emptyOnly, false), emptyOnly
	}
	if _, conflicts := merge(w.actual, check, mode, true); len(conflicts) > 0 {
		return holo.NeedsForceOverwrite
	}
	return ""
}

// refusalInBuild asks for force only where somebody else has changed the account since it was last provisioned. That its
// definition has changed is no reason.
func (w *work) refusalInBuild(want account) holo.Outcome {
	if !w.changedByOthers() || w.actual.encode() == want.encode() {
		return ""
	}
	return holo.NeedsForceOverwrite
}

// changedByOthers says that the account is not what the plugin has made of it. That a group is gone which it had is no such
// change, as the plugin may have deleted that itself. Of an account without a provisioned image nothing is known.
func (w *work) changedByOthers() bool {
	if w.provided == nil || !w.provided.exists() {
		return false
	}
	was := *w.provided
	was.groups = w.db.existing(was.groups)
	return w.actual.encode() != was.encode()
}
