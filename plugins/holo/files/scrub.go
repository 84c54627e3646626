package files

import (
	"fmt"

	"github.com/holo-build/holo-build/plugins/holo"
)

// scrub applies an orphan; 4.1.7. The base copy goes last: as long as it is there, the entity is, and what was
// interrupted can be finished.
func (w *work) scrub(force bool) (holo.Outcome, error) {
	if !manageable(w.env.Root, w.e.path) {
		return w.forget()
	}
	stock, err := w.platform.updatedStock(w.env.Root, w.e.path)
	if err != nil {
		return "", err
	}
	if err := w.load(); err != nil {
		return "", err
	}
	restored := w.base
	if stock != nil {
		if restored, err = readExisting(w.env.Root, stock.name); err != nil {
			return "", err
		}
	}
	remove := w.created && stock == nil
	expected := w.provided
	if expected == nil {
		expected = w.base
	}
	if !w.current.equal(expected) && (remove || !w.current.equal(restored)) && !force {
		return holo.NeedsForceOverwrite, nil
	}
	if stock != nil {
		fmt.Fprintf(w.env.Stdout, ">> found updated target base: %s -> %s\n", stock.reported, w.env.Root.Join(w.e.path))
	}
	if remove {
		err = w.env.Root.Remove(w.e.path)
	} else if !w.current.equal(restored) {
		err = restored.write(w.env.Root, w.e.path)
	}
	if err == nil && stock != nil {
		err = w.env.Root.Remove(stock.name)
	}
	if err != nil {
		return "", err
	}
	return w.dropState()
}

// forget drops an orphan whose target is gone, with what the package manager has left of it.
func (w *work) forget() (holo.Outcome, error) {
	provided, err := read(w.env.State, w.e.provisioned())
	if err != nil {
		return "", err
	}
	if provided == nil {
		return w.dropState()
	}
	candidates, err := w.platform.leftovers(w.env.Root, w.e.path)
	if err != nil {
		return "", err
	}
	for _, name := range candidates {
		left, err := read(w.env.Root, name)
		if err != nil {
			return "", err
		}
		if !left.equal(provided) {
			continue
		}
		fmt.Fprintf(w.env.Stdout, ">> also deleting %s\n", w.env.Root.Join(name))
		if err := w.env.Root.Remove(name); err != nil {
			return "", err
		}
	}
	return w.dropState()
}

// dropState removes all that the plugin knows of an entity.
func (w *work) dropState() (holo.Outcome, error) {
	for _, name := range []string{w.e.provisioned(), w.e.marker(), w.e.base()} {
		if err := removeIfExists(w.env.State, name); err != nil {
			return "", err
		}
	}
	return holo.Applied, nil
}
