package machine

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// keymapDirs are where loadkeys(1) looks for keymaps, in different distributions.
var keymapDirs = []string{"usr/share/keymaps", "usr/share/kbd/keymaps", "usr/lib/kbd/keymaps", "lib/kbd/keymaps"}

// modelMapFile says which keyboard of X11 is that of a keymap; systemd brings it.
const modelMapFile = "usr/share/systemd/kbd-model-map"

// maxKeymaps bounds how many files are looked at; kbd has some 600.
const maxKeymaps = 20_000

// Keymaps lists the keymaps of a root, sorted.
func Keymaps(ctx context.Context, root rootfs.Root) ([]string, error) {
	var list []string
	w := walker{root: root, most: maxKeymaps, file: func(name string) error {
		base := path.Base(name)
		for _, packed := range []string{".gz", ".xz", ".bz2", ".zst"} {
			base = strings.TrimSuffix(base, packed)
		}
		if keymap, ok := strings.CutSuffix(base, ".map"); ok && isKeymapName(keymap) {
			list = append(list, keymap)
		}
		return nil
	}}
	for _, dir := range keymapDirs {
		if err := w.walk(ctx, dir, 0); err != nil && !isMissing(err) {
			return nil, fmt.Errorf("listing keymaps: %w", err)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

func isKeymapName(s string) bool { return len(s) < 128 && isFileName(s) && isSafe(s) }

// checkKeymaps says whether keymaps can be set: those that the root has, and every one in a root that has none.
func checkKeymaps(ctx context.Context, root rootfs.Root, names ...string) error {
	have, err := Keymaps(ctx, root)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == "" || isKeymapName(name) && (len(have) == 0 || slices.Contains(have, name)) {
			continue
		}
		return &ValueError{Text: fmt.Sprintf("Keymap %s is not installed.", name), Missing: isKeymapName(name)}
	}
	return nil
}

// SetConsoleKeyboard sets the keymap of the consoles, and if that is asked for X11's keyboard to what is closest to it.
func SetConsoleKeyboard(ctx context.Context, root rootfs.Root, c Console, convert bool) error {
	if err := checkKeymaps(ctx, root, c.Keymap, c.Toggle); err != nil {
		return err
	}
	return setKeyboards(root, func(e *edit) error {
		if err := e.setConsole(c); err != nil || !convert {
			return err
		}
		if c.Keymap == "" {
			return e.setX11(X11{})
		}
		models, err := readModels(root)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(models, func(m model) bool { return m.keymap == c.Keymap })
		if at < 0 {
			return nil
		}
		return e.setX11(models[at].X11)
	})
}

// SetX11Keyboard sets X11's keyboard, and if that is asked for the keymap of the consoles to what is closest to it: none, if
// nothing is.
func SetX11Keyboard(ctx context.Context, root rootfs.Root, x X11, convert bool) error {
	for _, value := range []string{x.Layout, x.Model, x.Variant, x.Options} {
		if !isSafe(value) {
			return invalid("Received invalid keyboard data")
		}
	}
	return setKeyboards(root, func(e *edit) error {
		if err := e.setX11(x); err != nil || !convert {
			return err
		}
		keymap, err := closestKeymap(ctx, root, x)
		if err != nil {
			return err
		}
		return e.setConsole(Console{Keymap: keymap})
	})
}

func setKeyboards(root rootfs.Root, change func(e *edit) error) error {
	e := &edit{root: root}
	if err := change(e); err != nil {
		return err
	}
	return e.commit()
}

// model is a line of the map of models: a keymap, and X11's keyboard that is the same.
type model struct {
	keymap string
	X11
}

func readModels(root rootfs.Root) ([]model, error) {
	var list []model
	f, err := read(root, modelMapFile)
	for line := range strings.Lines(f.text) {
		fields := strings.Fields(line)
		if len(fields) < 5 || strings.HasPrefix(line, "#") {
			continue
		}
		for i := range fields {
			if fields[i] == "-" {
				fields[i] = ""
			}
		}
		list = append(list, model{fields[0], X11{fields[1], fields[2], fields[3], fields[4]}})
	}
	return list, err
}

// closestKeymap returns the keymap that is closest to a keyboard of X11: one that was made from it, as some distributions
// have them, or else the first line of the map that agrees in most; empty if nothing agrees in the first layout.
func closestKeymap(ctx context.Context, root rootfs.Root, x X11) (string, error) {
	if x.Layout == "" {
		return "", nil
	}
	have, err := Keymaps(ctx, root)
	if err != nil {
		return "", err
	}
	made := x.Layout
	if x.Variant != "" {
		made += "-" + x.Variant
	}
	if slices.Contains(have, made) && madeFromX11(root, made) {
		return made, nil
	}
	models, err := readModels(root)
	best, closest := 0, ""
	for _, m := range models {
		if n := m.likeness(x); n > best {
			best, closest = n, m.keymap
		}
	}
	return closest, err
}

// madeFromX11 says whether a keymap lies where those are that were made from X11's.
func madeFromX11(root rootfs.Root, keymap string) bool {
	for _, dir := range keymapDirs {
		list, _ := root.ReadDir(dir + "/xkb") // not there is nothing made
		for _, entry := range list {
			if strings.HasPrefix(entry.Name, keymap+".map") {
				return true
			}
		}
	}
	return false
}

// likeness says how much a line of the map agrees with a keyboard: layouts count most, then model, variant and options, each
// only where what comes before agrees; 0 if not even the first layout does.
func (m model) likeness(x X11) int {
	first := func(list string) string { s, _, _ := strings.Cut(list, ","); return s }
	n := 0
	switch {
	case m.Layout == x.Layout:
		n = 30
	case m.Layout == first(x.Layout):
		n = 20
	case first(m.Layout) == first(x.Layout):
		n = 10
	default:
		return 0
	}
	for _, same := range []bool{x.Model == "" || m.Model == x.Model, m.Variant == x.Variant, m.Options == x.Options} {
		if !same {
			break
		}
		n++
	}
	return n
}
