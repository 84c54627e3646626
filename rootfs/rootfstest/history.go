package rootfstest

import (
	"archive/tar"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"
)

// History is a random base and what is done to it. Equal seeds give equal histories.
type History struct {
	Seed   uint64
	Layers [][]Entry
	Edits  []Edit
}

// HistoryOptions say what edits a history may have.
type HistoryOptions struct {
	// Foreign edits are done on the disk, by system calls, as a foreign process does them. The others go through a Root.
	Foreign bool
	// Bundled edits go through a Root.
	Bundled bool
	// Unprivileged leaves out foreign edits that a plain user can't do, or that would keep him from his own files.
	Unprivileged bool
	// Still leaves out foreign renames of directories, which an overlay allows for new ones only.
	Still bool
}

// NewHistory returns the history of a seed.
func NewHistory(seed uint64, o HistoryOptions) History {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), kinds: map[string]byte{".": tar.TypeDir}}
	h := History{Seed: seed}
	for range 1 + g.IntN(3) {
		h.Layers = append(h.Layers, g.layer(len(h.Layers)))
	}
	for range g.IntN(24) {
		h.Edits = append(h.Edits, g.edit(o))
	}
	return h
}

// Tars returns the base's layers.
func (h History) Tars(t testing.TB) []Layer {
	var out []Layer
	for _, l := range h.Layers {
		out = append(out, Tar(t, l...))
	}
	return out
}

// String says all that is needed to see what a failing history did.
func (h History) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "history of seed %d\n", h.Seed)
	for i, l := range h.Layers {
		for _, e := range l {
			fmt.Fprintf(&b, "layer %d: %s\n", i+1, describe(&e.Header, []byte(e.Content)))
		}
	}
	for _, e := range h.Edits {
		fmt.Fprintf(&b, "edit: %v\n", e)
	}
	return b.String()
}

// Shrink returns a history without the edits and entries that it takes not to fail; fails says whether one does.
func (h History) Shrink(fails func(History) bool) History {
	for smaller := true; smaller; {
		smaller = false
		for i := 0; i < len(h.Edits); i++ {
			try := h
			try.Edits = slices.Delete(slices.Clone(h.Edits), i, i+1)
			if fails(try) {
				h, smaller = try, true
				i--
			}
		}
		for l := range h.Layers {
			for i := 0; i < len(h.Layers[l]); i++ {
				try := h
				try.Layers = slices.Clone(h.Layers)
				try.Layers[l] = slices.Delete(slices.Clone(h.Layers[l]), i, i+1)
				if fails(try) {
					h, smaller = try, true
					i--
				}
			}
		}
	}
	return h
}

// generator makes histories. It knows which names the merged tree has, so that every layer can be read.
type generator struct {
	*rand.Rand
	kinds map[string]byte // tar's type flags by path
}

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

// name is one of few names, so that layers and edits meet.
func (g *generator) name() string {
	parts := []string{}
	for range 1 + g.IntN(3) {
		parts = append(parts, pick(g, "a", "b", "c", "d", "e"))
	}
	return strings.Join(parts, "/")
}

func (g *generator) time() time.Time {
	return pick(g, time.Date(1961, 1, 2, 3, 4, 5, 6, time.UTC), time.Unix(0, 0), time.Date(1999, 9, 9, 9, 9, 9, 999999999, time.UTC),
		Epoch, Epoch.Add(1000*time.Hour), time.Date(2101, 1, 1, 0, 0, 0, 0, time.UTC)).UTC()
}

func (g *generator) content() string {
	return strings.Repeat(pick(g, "x", "yz", "0123456789", "\x00"), pick(g, 0, 1, 2, 3, 500, 7_000))
}

func (g *generator) mode() int64 {
	return pick[int64](g, 0644, 0755, 0600, 0400, 0, 04755, 02750, 01777)
}

func (g *generator) id() int { return pick(g, 0, 0, 1, 7, 65534, 2_000_000_000) }

// xattr gives a file or directory an attribute now and then.
func (g *generator) xattr(e Entry) Entry {
	switch g.IntN(12) {
	case 0:
		return e.Xattr("user.k", pick(g, "", "v", "longer\x00value"))
	case 1:
		return e.Xattr("user.k", "v").Xattr("user.l", "w")
	case 2:
		return e.Xattr("security.capability", Capability)
	case 3:
		return e.Xattr("security.selinux", "system_u:object_r:etc_t:s0\x00")
	}
	return e
}

// Capability is cap_net_raw=ep as the kernel stores it, revision 2: capabilities(7).
const Capability = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

func (g *generator) layer(number int) []Entry {
	var out []Entry
	for range 3 + g.IntN(20) {
		name := g.name()
		if !g.fits(path.Dir(name)) {
			continue
		}
		var e Entry
		switch n := g.IntN(20); {
		case n < 7:
			e = g.xattr(File(name, g.mode(), g.content()))
		case n < 12:
			e = g.xattr(Dir(name, g.mode()))
		case n < 14:
			e = Symlink(name, pick(g, "a", "/a/b", "../c", "/", "nowhere", "/a/../../d"))
		case n == 14:
			e = Entry{Header: tar.Header{Typeflag: tar.TypeFifo, Name: name, Mode: g.mode()}}
		case n == 15:
			e = Char(name, g.mode(), 1, pick[int64](g, 3, 5, 7)) // null, zero, full
		case n < 18:
			if to := g.file(); to != "" && to != name && !below(to, name) {
				e = Link(name, to)
			}
		case number > 0:
			out = append(out, g.whiteout(name))
			continue
		}
		if e.Name == "" {
			continue
		}
		e = e.Owned(g.id(), g.id()).At(g.time())
		g.put(name, e.Typeflag)
		out = append(out, e)
	}
	if g.IntN(4) == 0 {
		out = append(out, g.xattr(Dir(".", pick[int64](g, 0755, 0700))).Owned(g.id(), 0).At(g.time()))
	}
	return out
}

// whiteout returns a mark of deletion. What it may delete is no more linked to.
func (g *generator) whiteout(name string) Entry {
	for known, kind := range g.kinds {
		if below(known, name) && kind != tar.TypeDir {
			g.kinds[known] = gone
		}
	}
	if g.IntN(4) == 0 {
		return File(name+"/.wh..wh..opq", 0, "")
	}
	return Whiteout(path.Dir(name), path.Base(name))
}

// gone stands for the type of what may or may not be there.
const gone = '?'

// fits reports whether a name can be made in a directory.
func (g *generator) fits(dir string) bool {
	for ; dir != "."; dir = path.Dir(dir) {
		if kind, ok := g.kinds[dir]; ok && kind != tar.TypeDir {
			return false
		}
	}
	return true
}

func (g *generator) put(name string, kind byte) {
	if kind != tar.TypeDir {
		maps.DeleteFunc(g.kinds, func(known string, _ byte) bool { return below(known, name) })
	}
	g.kinds[name] = kind
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		g.kinds[dir] = tar.TypeDir
	}
}

// file returns a name that a hard link can be to, if there is one.
func (g *generator) file() string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(g.kinds)) {
		if kind := g.kinds[name]; kind != tar.TypeDir && kind != gone && g.fits(path.Dir(name)) {
			list = append(list, name)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return pick(g, list...)
}

func below(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }
