package files

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// provision applies an entity that has resources; 4.1.4. What it writes, it writes in an order that lets the next
// apply finish what was interrupted: base copy, target, provisioned copy.
func (w *work) provision(ctx context.Context, force bool) (holo.Outcome, error) {
	stock, err := w.platform.updatedStock(w.env.Root, w.e.path)
	if err != nil {
		return "", err
	}
	if err := w.load(); err != nil {
		return "", fmt.Errorf("skipping target: %w", err)
	}
	fresh := w.fresh()
	switch {
	case w.base == nil && w.current != nil:
		err = w.adopt()
	case w.base == nil && !fresh:
		err = fmt.Errorf("skipping target: %w", errNotManageable)
	}
	if err != nil {
		return "", err
	}
	if w.current == nil && !force && !fresh {
		return holo.NeedsForceRestore, nil
	}
	if stock != nil {
		if err := w.takeStock(stock); err != nil {
			return "", err
		}
	}
	return w.settle(ctx, force || fresh, fresh && stock == nil)
}

// fresh reports whether the target is to be made from nothing: there never was one, or making it was interrupted.
// Only an image can have files that no package brings: on a host, a target that is missing is a mistake.
func (w *work) fresh() bool {
	return w.env.ImageBuild && w.current == nil && (w.base == nil || w.created && w.provided == nil)
}

// adopt makes the target, met for the first time, the base copy. That copy remains even if nothing else comes of the
// entity.
func (w *work) adopt() (err error) {
	if err := w.unmark(); err != nil {
		return err
	}
	w.base, err = w.keep(w.e.base(), w.current)
	return err
}

// takeStock makes an updated stock file the base copy.
func (w *work) takeStock(s *stock) error {
	fmt.Fprintf(w.env.Stdout, ">> found updated target base: %s -> %s\n", s.reported, w.env.State.Join(w.e.base()))
	updated, err := readExisting(w.env.Root, s.name)
	if err != nil {
		return err
	}
	if w.base, err = w.keep(w.e.base(), updated); err != nil {
		return err
	}
	// Now a package brings the file: it is not of our making any more.
	if err := w.unmark(); err != nil {
		return err
	}
	return w.env.Root.Remove(s.name)
}

// settle computes the desired state and writes it. anew says that there is neither target nor base yet.
func (w *work) settle(ctx context.Context, force, anew bool) (holo.Outcome, error) {
	base := w.base
	if anew || w.created {
		var err error
		if base, err = w.emptyBase(); err != nil {
			return "", err
		}
	}
	desired, cleanUp, err := w.desired(ctx, base)
	defer cleanUp()
	if err != nil {
		return "", err
	}
	expected := w.provided
	if expected == nil {
		expected = base
	}
	if !w.current.equal(expected) && !w.current.equal(desired) && !force {
		return holo.NeedsForceOverwrite, nil
	}
	if anew {
		if err := w.mark(); err != nil {
			return "", err
		}
	}
	if !base.equal(w.base) {
		if _, err := w.keep(w.e.base(), base); err != nil {
			return "", err
		}
	}
	return w.writeDesired(desired)
}

func (w *work) writeDesired(desired *state) (holo.Outcome, error) {
	out := holo.NotChanged
	if !desired.equal(w.current) {
		out = holo.Applied
		if w.current == nil {
			if err := w.makeParents(w.env.Root, w.e.path); err != nil {
				return "", err
			}
		}
		if err := desired.write(w.env.Root, w.e.path); err != nil {
			return "", err
		}
	}
	if desired.equal(w.provided) {
		return out, nil
	}
	_, err := w.keep(w.e.provisioned(), desired)
	return out, err
}

// emptyBase is what a target of our making is based on: nothing, with the mode that the target gets. The mode follows
// the last plain resource also later, since no package has a say in it.
func (w *work) emptyBase() (*state, error) {
	m := rootfs.Meta{Type: rootfs.Regular, Mode: 0o644, UID: w.owner.UID, GID: w.owner.GID, Digest: sha256.Sum256(nil)}
	for _, s := range slices.Backward(w.e.sources) {
		if s.script {
			continue
		}
		r, err := w.env.Resources.Lstat(s.name)
		if err != nil {
			return nil, err
		}
		if r.Type == rootfs.Regular && r.Mode&0o100 != 0 {
			m.Mode = 0o755
		}
		break
	}
	return &state{meta: m}, nil
}
