package usersgroups

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/internal/scanlines"
)

// scannedFile keeps what a scan has found, below the cache directory, so that not all files are read again for each
// entity: what is applied is what was scanned.
const scannedFile = "scanned"

// scanned is a catalog as text: a line for each entity, with its ID and a record. One more line, of no entity, names the file
// that is unclear.
type scanned struct{ scanlines.Lines }

// record is what a scan has found of an entity. The numbers of accounts are pointers, so that 0 is not lost.
type record struct {
	ID                               *uint32  `json:",omitempty"`
	Comment, Home, LoginGroup, Shell string   `json:",omitempty"`
	Groups                           []string `json:",omitempty"`
	System, SkipBaseGroups           bool     `json:",omitempty"`
	CreateHome                       *bool    `json:",omitempty"`
	// Broken is definition.broken, and Orphan says that there is no definition.
	Broken string `json:",omitempty"`
	Orphan bool   `json:",omitempty"`
}

const unclearKey = "unclear"

// text writes the catalog.
func (c *catalog) text() (scanned, error) {
	var w scanlines.Writer
	w.Set(unclearKey, c.unclear)
	for _, id := range slices.Sorted(maps.Keys(c.defs)) {
		d := c.defs[id]
		w.Set(id, record{d.id, d.comment, d.home, d.loginGroup, d.shell, d.groups, d.system, d.skipBaseGroups, d.createHome, d.broken, false})
	}
	for _, id := range slices.Sorted(maps.Keys(c.orphans)) {
		w.Set(id, record{Orphan: true})
	}
	lines, err := w.Lines()
	return scanned{lines}, err
}

// keepScanned writes what a scan has found where apply and diff look for it. That it can't be written costs time only.
func keepScanned(cache holo.Dir, c *catalog) error {
	s, err := c.text()
	if err == nil {
		if m, err := ownerOf(cache); err == nil {
			m.Mode, m.Size = 0o600, int64(len(s.Lines))
			_ = cache.Put(scannedFile, m, strings.NewReader(string(s.Lines)))
		}
	}
	return err
}

// readScanned returns what the last scan has found, or scans.
func readScanned(ctx context.Context, env *holo.Env) (scanned, error) {
	text, err := readAll(env.Cache, scannedFile)
	if err == nil {
		return scanned{scanlines.Lines(text)}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return scanned{}, fmt.Errorf("reading %s: %w", env.Cache.Join(scannedFile), err)
	}
	c, err := readCatalog(ctx, env)
	if err != nil {
		return scanned{}, err
	}
	return c.text()
}

// record returns what is known of an account.
func (s scanned) record(a account) (r record, ok bool, err error) {
	ok, err = s.Get(a.entityID(), &r)
	return r, ok, err
}

// defined says whether there is a definition of an account, and orphaned that there is only a base image.
func (s scanned) defined(a account) bool {
	r, ok, err := s.record(a)
	return err == nil && ok && !r.Orphan
}

func (s scanned) orphaned(a account) bool {
	r, ok, err := s.record(a)
	return err == nil && ok && r.Orphan
}

// find looks up an entity that is to be applied. def is nil for an orphan.
func (s scanned) find(id string) (a account, def *account, err error) {
	a, known := accountOf(id)
	if !known {
		return a, nil, unknownEntity(id)
	}
	r, ok, err := s.record(a)
	var unclear string
	if err == nil {
		_, err = s.Get(unclearKey, &unclear)
	}
	switch {
	case err != nil:
		return a, nil, err
	case !ok:
		return a, nil, unknownEntity(id)
	case r.Broken != "":
		return a, nil, fmt.Errorf("%s: its definition in %s is invalid", id, r.Broken)
	case r.Orphan && unclear != "":
		return a, nil, fmt.Errorf("%s: not scrubbed, as long as %s is invalid", id, unclear)
	case r.Orphan:
		return a, nil, nil
	}
	return a, &account{a.kind, a.name, r.ID, r.Comment, r.Home, r.LoginGroup, r.Shell, r.Groups, r.System, r.SkipBaseGroups, r.CreateHome, false}, nil
}

func unknownEntity(id string) error { return fmt.Errorf("unknown entity ID %q", id) }
