package systemdunits

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/internal/units"
	"github.com/holo-build/holo-build/rootfs"
)

// provision applies an entity that is defined.
func (w *work) provision(ctx context.Context, force bool) (holo.Outcome, error) {
	reached, err := w.reached()
	if errors.Is(err, errNothing) {
		return holo.NotChanged, nil
	}
	if err != nil {
		return "", err
	}
	if !reached && !force && w.changed() {
		return holo.NeedsForceOverwrite, nil
	}
	if err := w.keepBase(); err != nil {
		return "", err
	}
	out := holo.NotChanged
	if !reached {
		if err := w.bringAbout(ctx); err != nil {
			return "", err
		}
		out = holo.Applied
	}
	return out, w.keep(provisionedDir, w.now)
}

// keepBase keeps how things are before the first definition: of the unit, and later of what it brings along by then.
func (w *work) keepBase() error {
	if w.base == nil {
		first := w.now
		w.base = &first
		return w.keep(baseDir, w.now)
	}
	var more []string
	for _, name := range w.now.names {
		if !slices.Contains(w.base.names, name) {
			more = append(more, name)
		}
	}
	if len(more) == 0 {
		return nil
	}
	grown := *w.base
	grown.names = append(slices.Clone(w.base.names), more...)
	for _, l := range w.only(w.now, more).links {
		if !slices.ContainsFunc(w.base.links, func(o units.Link) bool { return o.Path == l.Path }) {
			grown.links = append(grown.links, l)
		}
	}
	w.base = &grown
	return w.keep(baseDir, grown)
}

// errNothing is a preset rule for a unit that nothing can be done for.
var errNothing = errors.New("nothing to do")

// reached reports whether an entity is as it is wanted.
func (w *work) reached() (bool, error) {
	if w.target {
		now, err := w.tree.DefaultTarget()
		return err == nil && now == w.def.Value && len(w.now.links) > 0, nil
	}
	if w.def.Value == string(masked) {
		return w.maskedHere(), nil
	}
	info, err := w.tree.Info(w.unit)
	isMasked := errors.Is(err, units.ErrMasked)
	switch {
	case isMasked && w.def.Rule != "":
		return false, errNothing
	case isMasked && !w.maskedHere():
		return false, fmt.Errorf("%w, and not by a symlink in /etc/systemd/system, which could be removed", err)
	case isMasked:
		return false, nil
	case errors.Is(err, units.ErrNotFound):
		return w.missing()
	case err != nil:
		return false, err
	}
	if w.def.Value == string(disabled) {
		return len(w.now.links) == 0, nil
	}
	if !info.Installs {
		return false, fmt.Errorf("%s has nothing in its [Install] section: it can't be enabled, and is started by what needs it", w.unit)
	}
	return w.allWanted()
}

// missing is what there is to say of a unit that does not exist.
func (w *work) missing() (bool, error) {
	if script, _ := w.tree.SysV(w.unit); script {
		return false, fmt.Errorf("%s has no unit file, only an init script: update-rc.d(8) enables and disables that", w.unit)
	}
	switch {
	case w.def.Value == string(disabled) && w.base != nil: // its file was known by a link, which is gone
		return len(w.now.links) == 0, nil
	case w.def.Optional:
		return false, errNothing
	}
	text := ""
	if strings.HasSuffix(w.unit, ".service") {
		text = ", or is of another type than .service"
	}
	return false, fmt.Errorf("unit %s does not exist: its package is missing, or it is called otherwise%s", w.unit, text)
}

// maskedHere reports whether a symlink in the configuration masks the unit.
func (w *work) maskedHere() bool {
	m, err := w.env.Root.Lstat(strings.TrimPrefix(units.MaskOf(w.unit).Path, "/"))
	if err != nil || m.Type != rootfs.Symlink {
		return false
	}
	state, err := w.tree.State(w.unit)
	return err == nil && state == units.Masked
}

// allWanted reports whether all links are there that the unit, and what it brings along, ask for.
func (w *work) allWanted() (bool, error) {
	for i, name := range w.names() {
		links, err := w.tree.Wanted(name)
		if err != nil && i == 0 {
			return false, err
		}
		if i > 0 && (err != nil || !w.broughtAlong(name)) {
			continue
		}
		for _, l := range links {
			if !w.foreign(w.tree.Find(l)) && !w.tree.Has(l) {
				return false, nil
			}
		}
	}
	return true, nil
}

// broughtAlong reports whether a unit is still one that the entity's unit brings along.
func (w *work) broughtAlong(name string) bool {
	seen := []string{w.unit}
	for i := 0; i < len(seen); i++ {
		if info, err := w.tree.Info(seen[i]); err == nil {
			for _, also := range info.Also {
				if also == name {
					return true
				}
				if !slices.Contains(seen, also) && !w.entity(also) {
					seen = append(seen, also)
				}
			}
		}
	}
	return false
}

// bringAbout has systemctl do what is wanted. What that did to other entities is undone: they have definitions of their
// own.
func (w *work) bringAbout(ctx context.Context) error {
	before := w.links
	err := w.commands(ctx)
	if lookErr := w.look(); lookErr != nil {
		return errors.Join(err, lookErr)
	}
	r := w.tree.Replace(w.othersOnly(w.links, before), w.othersOnly(before, w.links), w.options())
	if err = errors.Join(err, r.Err()); err == nil && r.Changed() {
		if err = w.reload(ctx); err == nil {
			err = w.look()
		}
	}
	if err != nil {
		return err
	}
	reached, err := w.reached()
	if err == nil && !reached {
		err = fmt.Errorf("%s is not %s, although systemctl was asked for that", w.unit, w.def.Value)
	}
	return err
}

// othersOnly are those of a list of links that are not in another list, and belong to other entities.
func (w *work) othersOnly(list, not []units.Found) []units.Link {
	in := make(map[units.Link]bool)
	for _, l := range not {
		in[l.Link] = true
	}
	var out []units.Link
	for _, l := range list {
		if !in[l.Link] && w.foreign(l) {
			out = append(out, l.Link)
		}
	}
	return out
}

// commands runs systemctl.
func (w *work) commands(ctx context.Context) error {
	switch want(w.def.Value) {
	case masked:
		return w.systemctl(ctx, maskKey, w.unit)
	case enabled, disabled:
		if w.maskedHere() {
			if err := w.systemctl(ctx, "unmask", w.unit); err != nil {
				return err
			}
		}
		if w.def.Value == string(disabled) {
			return w.systemctl(ctx, disableKey, w.unit)
		}
		return w.systemctl(ctx, enableKey, w.unit)
	}
	return w.systemctl(ctx, "set-default", w.def.Value)
}
