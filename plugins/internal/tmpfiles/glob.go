package tmpfiles

import (
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/confd"
	"github.com/holo-build/holo-build/rootfs"
)

// special are the characters by which a path is a pattern; glob(7), and the braces of glob(3).
const special = "*?[\\{"

// maxBraces bounds how many patterns one with braces can stand for.
const maxBraces = 1 << 10

// braces are the patterns that one with braces stands for.
func braces(pattern string) []string {
	done, todo := []string{}, []string{pattern}
	for len(todo) > 0 && len(done)+len(todo) <= maxBraces {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		open, parts, end := choices(p)
		if open < 0 {
			done = append(done, p)
			continue
		}
		for _, part := range slices.Backward(parts) {
			todo = append(todo, p[:open]+part+p[end:])
		}
	}
	return done
}

// choices finds the first braces of a pattern that are closed, and what is in them; open is -1 if there are none.
func choices(p string) (open int, parts []string, end int) {
	open = strings.IndexByte(p, '{')
	if open < 0 || strings.HasPrefix(p[open:], "{}") {
		return -1, nil, 0
	}
	depth, from := 0, open+1
	for i := open; i < len(p); i++ {
		switch p[i] {
		case '{':
			depth++
		case ',':
			if depth == 1 {
				parts, from = append(parts, p[from:i]), i+1
			}
		case '}':
			if depth--; depth == 0 {
				return open, append(parts, p[from:i]), i + 1
			}
		}
	}
	return -1, nil, 0
}

// matchPart says whether a pattern without slashes matches a name. A period at the beginning must be there.
func matchPart(pattern, name string) bool {
	if strings.HasPrefix(name, ".") && !strings.HasPrefix(pattern, ".") {
		return false
	}
	ok, err := path.Match(strings.ReplaceAll(pattern, "[!", "[^"), name)
	return ok && err == nil || err != nil && pattern == name
}

// matches says whether a pattern matches a path; fnmatch(3) with FNM_PATHNAME and FNM_PERIOD.
func matches(pattern, p string) bool {
	want, have := strings.Split(pattern, "/"), strings.Split(p, "/")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if !matchPart(want[i], have[i]) {
			return false
		}
	}
	return true
}

// find returns the names of all files that a pattern matches, sorted. A directory that is read for names is none behind a
// symlink; others may be.
func (r *run) find(pattern string) []string {
	var all []string
	for _, p := range braces(pattern) {
		found := []string{"."}
		for part := range strings.SplitSeq(strings.Trim(p, "/"), "/") {
			var next []string
			for _, dir := range found {
				next = append(next, r.findPart(dir, part)...)
			}
			found = next
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (r *run) findPart(dir, part string) []string {
	if r.ctx.Err() != nil || part == "" {
		return []string{dir}
	}
	if part == ".." {
		real, err := r.root.Resolve(dir)
		if err != nil {
			return nil
		}
		return []string{path.Dir(real)}
	}
	if !strings.ContainsAny(part, special) {
		name := join(dir, part)
		if _, err := r.root.Lstat(name); err != nil {
			return nil
		}
		return []string{name}
	}
	if m, err := r.root.Lstat(dir); err != nil || m.Type != rootfs.Directory { // a symlink is not read
		return nil
	}
	list, err := r.root.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range list {
		if matchPart(part, e.Name) {
			out = append(out, join(dir, e.Name))
		}
	}
	return out
}

// glob does something with each file that an item's pattern matches. What fails is told.
func (r *run) glob(i *item, do func(name string) error) (failed error) {
	for _, name := range r.find(i.path) {
		if err := do(name); err != nil {
			if !errors.Is(err, errTold) {
				r.say(err.Error())
			}
			failed = errTold
		}
	}
	return failed
}

// shown is the path of a file that the item's pattern has matched, as it was written if it is no pattern.
func (i *item) shown(found string) string {
	if strings.ContainsAny(i.path, special) {
		return shown(found)
	}
	return i.path
}

// each does something with each file that an item's pattern matches.
func (r *run) each(i *item, do func(r *run, i *item, name string) error) error {
	return r.glob(i, func(found string) error {
		if hasDots(i.path) {
			return fail("Failed to open invalid path '%s'.", i.shown(found))
		}
		name, err := r.place("/"+found, false)
		if err != nil {
			return (&item{}).told("/"+found, err)
		}
		return do(r, i, name)
	})
}

// eachIn is each for the file that is to be found in a directory, whoever that belongs to; "w".
func (r *run) eachIn(i *item, do func(r *run, i *item, name string) error) error {
	return r.glob(i, func(found string) error {
		if hasDots(i.path) {
			return fail("Failed to open parent of '%s': path not normalized.", i.shown(found))
		}
		dir, base := path.Split("/" + found)
		dir, err := r.place(dir, true)
		if err != nil {
			return i.told("/"+found, err)
		}
		return do(r, i, join(dir, base))
	})
}

// eachDirectory is each for directories, which may be behind a symlink; "e".
func (r *run) eachDirectory(i *item, do func(r *run, i *item, name string) error) error {
	return r.glob(i, func(found string) error {
		name, err := r.place("/"+found, true)
		if confd.Missing(err) {
			return nil
		}
		if err != nil {
			return (&item{}).told("/"+found, err)
		}
		if err = do(r, i, name); errors.Is(err, errNoDirectory) {
			r.warn("'%s' already exists and is not a directory.", i.shown(found))
			return nil
		}
		return err
	})
}

// eachTree is each for whole trees, of which the tool does not ask who owns the way.
func (r *run) eachTree(i *item, do func(r *run, i *item, name string) error) error {
	return r.glob(i, func(found string) error {
		dir, base := path.Split(found)
		real, err := r.root.Resolve(dir)
		if err != nil {
			return i.told("/"+found, err)
		}
		return r.below(i, join(real, base), do)
	})
}

// below does something with a file, and all that is in it.
func (r *run) below(i *item, name string, do func(r *run, i *item, name string) error) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if err := do(r, i, name); err != nil {
		return err
	}
	m, err := r.root.Lstat(name)
	if err != nil || m.Type != rootfs.Directory {
		return nil
	}
	list, err := r.root.ReadDir(name)
	if err != nil {
		return fail("Failed to open directory '/%s': %s", name, reason(err))
	}
	var first error
	for _, e := range list {
		if err := r.below(i, join(name, e.Name), do); err != nil && !errors.Is(err, errTold) {
			r.say(err.Error())
			first = errTold
		} else if err != nil {
			first = errTold
		}
	}
	return first
}
