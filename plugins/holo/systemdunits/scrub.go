package systemdunits

import (
	"context"
	"errors"
	"slices"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/internal/units"
)

// scrub applies an orphan: the links become what they were before the first definition. The base goes last, so that what
// was interrupted can be finished.
func (w *work) scrub(ctx context.Context, force bool) (holo.Outcome, error) {
	base := w.restorable()
	if !force && w.changed() && !w.only(w.now, w.base.names).same(w.tree, base) {
		return holo.NeedsForceOverwrite, nil
	}
	r := w.tree.Replace(w.now.links, base.links, w.options())
	w.tell("restore", r)
	if err := r.Err(); err != nil {
		return "", err
	}
	if r.Changed() {
		if err := w.reload(ctx); err != nil {
			return "", err
		}
	}
	for _, dir := range []string{provisionedDir, baseDir} {
		if err := removeText(w.env.State, dir+"/"+w.file); err != nil {
			return "", err
		}
	}
	return holo.Applied, nil
}

// restorable is the base without what is no more: links to units that are gone, and of other entities.
func (w *work) restorable() snapshot {
	base := w.only(*w.base, w.base.names)
	base.links = slices.DeleteFunc(base.links, func(l units.Link) bool {
		if l.Target == "/dev/null" || w.tree.Leads(l) {
			return false
		}
		_, err := w.tree.Info(w.tree.Find(l).To)
		return err != nil && !errors.Is(err, units.ErrMasked) && !errors.Is(err, units.ErrGenerated)
	})
	return base
}
