package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// blamed is what the logs of an image tell of its paths. Records are kept as the logs have them, and decoded when they are
// printed: how much memory that takes depends on the size of the logs alone.
type blamed struct {
	limits rootfs.Limits
	// logged are the layers that have a log, which all together has so many bytes.
	logged []int
	size   int64
	// changes are in the order of the logs.
	changes  []blamedChange
	entities map[entityOf][]byte
	calls    map[entityOf][][]byte
}

// blamedChange is a change record. Its path is absolute and clean.
type blamedChange struct {
	layer  int
	path   string
	record []byte
	// gone says that the path was removed; covers, that nothing can be below it afterwards.
	gone, covers bool
}

// entityOf is an entity in the log of one layer.
type entityOf struct {
	layer      int
	plugin, id string
}

func newBlamed(l rootfs.Limits) *blamed {
	return &blamed{limits: l, entities: map[entityOf][]byte{}, calls: map[entityOf][][]byte{}}
}

// read takes in the log of a layer. Records of types that this version does not know are left out.
func (b *blamed) read(layer int, log []byte) error {
	if b.size += int64(len(log)); b.size > b.limits.OutputBytes {
		return fmt.Errorf("reading the apply logs: more than %d bytes together: %w", b.limits.OutputBytes, rootfs.ErrLimit)
	}
	b.logged = append(b.logged, layer)
	n := 0
	for line := range bytes.Lines(log) {
		n++
		var kind struct{ Type string }
		err := json.Unmarshal(line, &kind)
		if err == nil {
			err = b.record(layer, kind.Type, line)
		}
		if err != nil {
			return fmt.Errorf("reading the apply log of layer %d: line %d: %w", layer, n, err)
		}
	}
	return nil
}

func (b *blamed) record(layer int, kind string, line []byte) (err error) {
	switch kind {
	case "entity":
		return decode(line, func(r entityRecord) { b.entities[entityOf{layer, r.Plugin, r.ID}] = line })
	case "call":
		return decode(line, func(r callRecord) {
			of := entityOf{layer, r.Plugin, r.Entity}
			b.calls[of] = append(b.calls[of], line)
		})
	case "change":
		if derr := decode(line, func(r changeRecord) { err = b.change(layer, r, line) }); derr != nil {
			return derr
		}
	}
	return err
}

func (b *blamed) change(layer int, r changeRecord, line []byte) error {
	name, err := r.name()
	switch {
	case err != nil:
		return err
	case len(name) > b.limits.NameBytes+len("/"):
		return fmt.Errorf("a path of %d bytes: %w", len(name), rootfs.ErrLimit)
	case len(b.changes) >= b.limits.Entries:
		return fmt.Errorf("more than %d changes: %w", b.limits.Entries, rootfs.ErrLimit)
	}
	gone := r.Kind == rootfs.Deleted
	b.changes = append(b.changes, blamedChange{layer, name, line, gone, gone || r.After != nil && r.After.Type != rootfs.Directory.String()})
	return nil
}

// name is the path that has changed, byte by byte.
func (r changeRecord) name() (string, error) {
	name := r.Path
	if r.Raw != "" {
		raw, err := hex.DecodeString(r.Raw)
		if name = string(raw); err != nil || strings.ToValidUTF8(name, "") == name || string([]rune(name)) != r.Path {
			return "", fmt.Errorf("the path %.100q can't have the bytes %.100q", r.Path, r.Raw)
		}
	}
	if !strings.HasPrefix(name, "/") || path.Clean(name) != name {
		return "", fmt.Errorf("the path %.100q is not absolute, or not in its shortest form", name)
	}
	return name, nil
}

// history returns the changes of a path, and those of directories above it with which it went, in their order.
func (b *blamed) history(name string) (list []blamedChange) {
	for _, c := range b.changes {
		gone := len(list) > 0 && (list[len(list)-1].gone || list[len(list)-1].path != name)
		if c.path == name || c.covers && !gone && isBelow(name, c.path) {
			list = append(list, c)
		}
	}
	return list
}

// latest returns the last change of each path that is at or below a directory, sorted as a tree is walked. What went with
// a directory in a later layer is not among them.
func (b *blamed) latest(dir string) (list []blamedChange) {
	last, covered := map[string]int{}, map[string]int{}
	for i, c := range b.changes {
		last[c.path] = i
		if c.covers {
			covered[c.path] = c.layer
		}
	}
	names := make([]string, 0, len(last))
	for name := range last {
		names = append(names, name)
	}
	slices.SortFunc(names, compareNames)
	// above are those of the names that the one at hand is below of, each with the last layer in which it, or one above
	// it, was covered.
	type cover struct {
		name  string
		layer int
	}
	var above []cover
	for _, name := range names {
		for len(above) > 0 && !isBelow(name, above[len(above)-1].name) {
			above = above[:len(above)-1]
		}
		layer := 0
		if len(above) > 0 {
			layer = above[len(above)-1].layer
		}
		c := b.changes[last[name]]
		if c.layer >= layer && (name == dir || isBelow(name, dir)) {
			list = append(list, c)
		}
		above = append(above, cover{name, max(layer, covered[name])})
	}
	return list
}

// isBelow reports whether a path is below a directory.
func isBelow(name, dir string) bool {
	return len(name) > len(dir) && strings.HasPrefix(name, dir) && (dir == "/" || name[len(dir)] == '/')
}

// compareNames orders paths as a tree is walked: a directory comes right before what is below it.
func compareNames(a, b string) int {
	for i := range min(len(a), len(b)) {
		switch {
		case a[i] == b[i]:
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		default:
			return int(a[i]) - int(b[i])
		}
	}
	return len(a) - len(b)
}
