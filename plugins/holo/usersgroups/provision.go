package usersgroups

import (
	"context"
	"errors"
	"slices"

	"github.com/holo-build/holo-build/plugins/holo"
)

// provision applies an entity that is defined; 4.2.6. What it writes, it writes in an order that lets the next apply
// finish what was interrupted: base image, account, provisioned image.
func (w *work) provision(ctx context.Context) (holo.Outcome, error) {
	first := w.base == nil
	if first {
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
		err := w.noteGroup(want)
		if err == nil {
			err = w.change(ctx, want)
		}
		if err != nil && first && w.env.ImageBuild {
			err = errors.Join(err, w.forgetUntouched())
		}
		if err != nil {
			return "", err
		}
	}
	return out, writeImage(w.env.State, provisionedDir, w.actual)
}

// noteGroup keeps in the base image of a user who is to be made that the group of the user's name was there before, since
// userdel(8) would take it along; see removeUser. Of a group that the plugin has made itself, its own base image tells.
func (w *work) noteGroup(want account) error {
	g := w.db.group(want.name)
	if !w.env.ImageBuild || want.kind != user || want.loginGroup != want.name || !g.exists() ||
		w.actual.exists() || w.base.exists() || w.provided != nil {
		return nil
	}
	made, err := readImage(w.env.State, baseDir, g)
	if err != nil || made != nil && !made.exists() {
		return err
	}
	w.base.loginGroup = g.name
	return writeImage(w.env.State, baseDir, *w.base)
}

// forgetUntouched takes the base image away of an account that could not be changed in the least. Else, an account that
// somebody else makes later would be taken for one of the plugin's when its definition goes.
func (w *work) forgetUntouched() error {
	if err := w.look(w.actual); err != nil || w.actual.exists() != w.base.exists() || w.actual.exists() && w.actual.encode() != w.base.encode() {
		return nil // the error that is told already has the reason
	}
	return removeIfExists(w.env.State, baseDir+"/"+imageName(w.actual.entityID()))
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
		// Groups that nobody defines may be gone by now: userdel(8) itself takes a login group along.
		there := w.db.existing(want.groups)
		want.groups = slices.DeleteFunc(want.groups, func(name string) bool {
			return !slices.Contains(there, name) && !slices.Contains(w.def.groups, name)
		})
		if w.def.loginGroup == "" && !w.db.group(want.loginGroup).exists() {
			want.loginGroup = w.actual.loginGroup
		}
	}
	if w.env.ImageBuild && w.base.exists() {
		// What nobody defines is as it was, also where it was empty.
		want.exact = true
		if w.def.comment == "" {
			want.comment = w.base.comment
		}
		if w.def.shell == "" {
			want.shell = w.base.shell
		}
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
