package systemdunits

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/internal/units"
	"github.com/holo-build/holo-build/rootfs"
)

// The directories of texts below the state directory, and the name of the default target's in both.
const (
	baseDir        = "base"
	provisionedDir = "provisioned"
	targetFile     = "default-target"
)

// snapshot is the enablement of a unit, or the default target, at one time.
type snapshot struct {
	// names are the units that belong to it: itself, and those that it brings along.
	names []string
	// links are the symlinks that there are of these, in byte order.
	links []units.Link
}

// arrow stands between a symlink and where it leads.
const arrow = " -> "

// encode is the snapshot as a text: a line for its names, and one for each link.
func (s snapshot) encode() string {
	var b strings.Builder
	b.WriteString(strings.Join(s.names, " ") + "\n")
	for _, l := range s.links {
		if plain(l.Path) && plain(l.Target) {
			b.WriteString(l.Path + arrow + l.Target + "\n")
		} else {
			b.WriteString(strconv.Quote(l.Path) + arrow + strconv.Quote(l.Target) + "\n")
		}
	}
	return b.String()
}

// plain reports whether a path can stand in a line as it is.
func plain(p string) bool {
	return !strings.Contains(p, arrow) && !strings.HasPrefix(p, `"`) && strconv.Quote(p) == `"`+p+`"`
}

// decodeSnapshot reads what encode has written.
func decodeSnapshot(text string) (snapshot, error) {
	head, rest, ok := strings.Cut(text, "\n")
	s := snapshot{names: strings.Fields(head)}
	if !ok || len(s.names) == 0 || slices.ContainsFunc(s.names, func(n string) bool { return !units.ValidName(n) }) {
		return s, errors.New("its first line does not name units")
	}
	for i, line := range strings.Split(strings.TrimSuffix(rest, "\n"), "\n") {
		if line == "" && rest == "" {
			break
		}
		l, ok := decodeLink(line)
		if !ok {
			return s, fmt.Errorf("line %d is no symlink: %.80q", i+2, line)
		}
		s.links = append(s.links, l)
	}
	return s, nil
}

func decodeLink(line string) (l units.Link, ok bool) {
	if !strings.HasPrefix(line, `"`) {
		l.Path, l.Target, ok = strings.Cut(line, arrow)
		return l, ok && path.Clean(l.Path) == l.Path && strings.HasPrefix(l.Path, configDir) && plain(l.Path) && plain(l.Target) && l.Target != ""
	}
	quoted, err := strconv.QuotedPrefix(line)
	if err != nil {
		return l, false
	}
	to, ok := strings.CutPrefix(line[len(quoted):], arrow)
	if !ok {
		return l, false
	}
	var errTo error
	l.Path, err = strconv.Unquote(quoted)
	l.Target, errTo = strconv.Unquote(to)
	return l, err == nil && errTo == nil && path.Clean(l.Path) == l.Path && strings.HasPrefix(l.Path, configDir) && l.Target != ""
}

// configDir is where all links are: nothing else in a text is ever made or removed.
const configDir = "/etc/systemd/system/"

// same reports whether two snapshots are the same as far as units go that belong to both.
func (s snapshot) same(t *units.Tree, o snapshot) bool {
	return slices.EqualFunc(s.links, o.links, t.Same)
}

// readSnapshot reads a text of the state directory; nil if there is none.
func readSnapshot(state holo.Dir, name string) (*snapshot, error) {
	if !isFile(state, name) {
		return nil, nil
	}
	text, err := readFile(state, name)
	if err == nil {
		var s snapshot
		if s, err = decodeSnapshot(string(text)); err == nil {
			return &s, nil
		}
	}
	return nil, fmt.Errorf("reading %s: %w", state.Join(name), err)
}

// isFile reports whether a file is there, and no symlink is on the way to it.
func isFile(d holo.Dir, name string) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if m, err := d.Lstat(dir); err != nil || m.Type != rootfs.Directory {
			return false
		}
	}
	m, err := d.Lstat(name)
	return err == nil && m.Type == rootfs.Regular
}

// writeText writes a text, with its directory, which must be one: an image could have a symlink there.
func writeText(d holo.Dir, name, text string) error {
	owner, err := d.Lstat(".")
	if err != nil {
		return fmt.Errorf("examining %s: %w", d.Path, err)
	}
	dir := path.Dir(name)
	m, err := d.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = rootfs.MkdirAll(d, dir, rootfs.Meta{Mode: 0o755, UID: owner.UID, GID: owner.GID})
	case err == nil && m.Type != rootfs.Directory:
		err = fmt.Errorf("a %s is there", m.Type)
	}
	if err != nil {
		return fmt.Errorf("making %s: %w", d.Join(dir), err)
	}
	if old, err := readFile(d, name); err == nil && string(old) == text && isFile(d, name) {
		return nil
	}
	file := rootfs.Meta{Type: rootfs.Regular, Mode: 0o644, UID: owner.UID, GID: owner.GID, Size: int64(len(text))}
	if err := d.Put(name, file, strings.NewReader(text)); err != nil {
		return fmt.Errorf("writing %s: %w", d.Join(name), err)
	}
	return nil
}

func removeText(d holo.Dir, name string) error {
	if err := d.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", d.Join(name), err)
	}
	return nil
}
