package cache

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"
)

// KindLayer is the kind of a layer; other kinds are those of trees.
const KindLayer = "layer"

// Entry is something that is kept.
type Entry struct {
	Kind string
	// ID is the DiffID of a layer, the ChainID of a tree.
	ID v1.Hash
	// Blobs are those that the layer was read from.
	Blobs []Blob
	Bytes int64
	// Used is when it was last used.
	Used time.Time
	// InUse says that somebody has it open.
	InUse bool
	name  string
}

// Blob is a layer as stored: its digest, its size, and that of its plain tar.
type Blob struct {
	Digest        v1.Hash
	Stored, Plain int64
}

// Contents is what a cache holds.
type Contents struct {
	// Entries are those that were used last first.
	Entries []Entry
	// Others are directories of other versions of the layout, the oldest first.
	Others []Other
}

// Bytes is the size of all entries.
func (c Contents) Bytes() (n int64) {
	for _, e := range c.Entries {
		n += e.Bytes
	}
	return n
}

// List lists what is kept. It may come and go meanwhile.
func (c *Cache) List(ctx context.Context) (Contents, error) {
	var out Contents
	entries, err := c.entries(ctx)
	if err != nil {
		return out, err
	}
	blobs := map[v1.Hash][]Blob{}
	for _, name := range c.home().names("blobs") {
		if rec, err := c.readRecord(hashOf(name)); isHex(name) && err == nil {
			blobs[rec.diffID] = append(blobs[rec.diffID], Blob{Digest: rec.blob, Stored: rec.stored, Plain: rec.plain})
		}
	}
	for i, e := range entries {
		if e.Kind == KindLayer {
			entries[i].Blobs = blobs[e.ID]
		}
		entries[i].InUse = c.home().inUse(e.name)
	}
	slices.Reverse(entries)
	out.Entries = entries
	out.Others = c.others()
	return out, ctx.Err()
}

// entries lists what is kept, that first which was not used for longest.
func (c *Cache) entries(ctx context.Context) ([]Entry, error) {
	var list []Entry
	h := c.home()
	for _, folder := range []string{"layers", "trees"} {
		for _, base := range h.names(folder) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			e, ok := nameEntry(folder, base)
			e.name = folder + "/" + base
			st, err := h.stat(e.name)
			if err != nil || !ok || st.Mode&unix.S_IFMT != unix.S_IFDIR {
				continue // just gone, or nothing of ours
			}
			e.Bytes, e.Used = h.size(e.name), time.Unix(st.Mtim.Unix())
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b Entry) int { return cmp.Or(a.Used.Compare(b.Used), cmp.Compare(a.name, b.name)) })
	return list, nil
}

// nameEntry tells by the name of a directory what is in it.
func nameEntry(folder, name string) (e Entry, ok bool) {
	if folder == "layers" {
		return Entry{Kind: KindLayer, ID: hashOf(name)}, isHex(name)
	}
	e.ID, e.Kind, ok = parseTreeName(name)
	return e, ok
}

// inUse reports whether somebody has a file or directory of the cache locked.
func (h *home) inUse(name string) bool {
	f, err := h.open(name, unix.O_RDONLY)
	if err != nil {
		return false
	}
	busy := errors.Is(flock(f, unix.LOCK_EX), errBusy)
	return f.Close() == nil && busy
}
