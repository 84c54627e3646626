package holo

import (
	"bytes"
	"cmp"
	"path"
	"path/filepath"
	"slices"
)

// The variables that name a plugin's directories; holo-plugin-interface(7), "ENVIRONMENT".
const (
	versionVar  = "HOLO_API_VERSION"
	rootVar     = "HOLO_ROOT_DIR"
	resourceVar = "HOLO_RESOURCE_DIR"
	stateVar    = "HOLO_STATE_DIR"
	cacheVar    = "HOLO_CACHE_DIR"
)

// tmpVar names a directory for scratch files; environ(7).
const tmpVar = "TMPDIR"

// stateDir is where a root file system keeps the state of plugins.
const stateDir = "var/lib/holo"

// location is one of a plugin's directories: the variable that names it, and its name below the root.
type location struct{ variable, name string }

// locations returns the directories of plugin id in a run with the cache directory cacheDir. The root comes last.
func locations(id, cacheDir string) []location {
	return []location{
		{resourceVar, path.Join(cacheDir, virtualDir, id)},
		{cacheVar, path.Join(cacheDir, id)},
		{stateVar, path.Join(stateDir, id)},
		{rootVar, "."},
	}
}

// neutral replaces paths of the building machine in what an executable says by the names of the variables that it was
// given, so that nothing we keep depends on where the staging root was.
type neutral []replacement

type replacement struct {
	from, to string
	// whole says that from ends where a name ends: "/root/var/lib/holo/a" is not the beginning of ".../holo/ab".
	whole bool
}

// newNeutral makes the replacements for a staging root at dir, at the place where dir leads if it is a symlink, and at the
// place where processes in the sandbox may see it.
func newNeutral(dir string, sandboxed bool, all []location) neutral {
	if dir == "" {
		return nil
	}
	dirs := []string{dir}
	if real, err := filepath.EvalSymlinks(dir); err == nil && real != dir {
		dirs = append(dirs, real)
	}
	if sandboxed {
		dirs = append(dirs, seenRoot)
	}
	var n neutral
	for _, d := range dirs {
		for _, p := range all {
			if d == "/" && p.variable == rootVar {
				continue // it stands in every path, and says nothing of this machine
			}
			n = append(n, replacement{path.Join(d, p.name), "$" + p.variable, p.variable != rootVar})
		}
	}
	slices.SortStableFunc(n, func(a, b replacement) int { return cmp.Compare(len(b.from), len(a.from)) })
	return n
}

func (n neutral) bytes(text []byte) []byte {
	for _, r := range n {
		text = r.apply(text)
	}
	return text
}

func (n neutral) text(s string) string { return string(n.bytes([]byte(s))) }

func (r replacement) apply(text []byte) []byte {
	from := []byte(r.from)
	if !bytes.Contains(text, from) {
		return text
	}
	var out []byte
	for {
		before, after, ok := bytes.Cut(text, from)
		out = append(out, before...)
		if !ok {
			return out
		}
		if r.whole && len(after) > 0 && inName(after[0]) {
			out = append(out, from...)
		} else {
			out = append(out, r.to...)
		}
		text = after
	}
}

// inName says whether a byte after a directory's name means that the name goes on. A dot does not: it ends sentences,
// and no plugin ID has one.
func inName(b byte) bool {
	return b == '-' || b == '_' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}
