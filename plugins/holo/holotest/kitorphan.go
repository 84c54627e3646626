package holotest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

var orphanChecks = []check{
	{"orphans", "The ACTION key is used to signal that a deleted configuration file is being cleaned up after: what has lost its resources is reported, " +
		"and applying it is the end of it.", checkOrphans},
	{"force-orphans", "Plugins shall refuse to provision entities that appear to have been edited: also those that have lost their resources; " +
		"force-apply is the end of them.", checkForceOrphans},
}

func checkOrphans(ctx context.Context, k *kit) error {
	_, err := k.cleanUp(ctx)
	return err
}

// cleanUp takes the resources away from a site where nobody else has changed anything, and applies the orphans. It returns
// the names of what they change in the root.
func (k *kit) cleanUp(ctx context.Context) (names []string, err error) {
	s, err := k.provisioned(ctx)
	if err != nil {
		return nil, err
	}
	orphans, err := s.orphans(ctx)
	if err != nil {
		return nil, err
	}
	if len(orphans) == 0 {
		return nil, &notApplicable{"it reports nothing without resources"}
	}
	done, err := s.w.apply(ctx, orphans, "apply")
	if err == nil {
		err = failedOf(done)
	}
	if err != nil {
		return nil, err
	}
	for _, a := range done {
		if a.demandsForce() {
			return nil, fmt.Errorf("%s: it demands force, though nobody else has changed anything", a.id)
		}
		for _, e := range a.changed.Entries {
			names = append(names, e.Name)
		}
	}
	return names, s.w.forgotten(ctx, nil)
}

// orphans takes the resources away, and scans.
func (s *story) orphans(ctx context.Context) ([]holo.Entity, error) {
	if err := s.w.clearResources(); err != nil {
		return nil, err
	}
	orphans, c, changed, err := s.w.scanWatched(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.failed(); err != nil {
		return nil, fmt.Errorf("scan without resources: %w", err)
	}
	if len(changed.Entries) > 0 {
		return nil, fmt.Errorf("scan without resources changed %s, which is for apply to do", changed.nameList())
	}
	return orphans, nil
}

// scanWatched is scan, and what that has changed in the root.
func (w *site) scanWatched(ctx context.Context) (list []holo.Entity, c called, changed *Tree, err error) {
	before, err := w.snapshot()
	if err != nil {
		return nil, c, nil, err
	}
	list, c = w.scan(ctx)
	after, err := w.snapshot()
	if err != nil {
		return nil, c, nil, err
	}
	return list, c, w.changes(before, after, ofRoot), nil
}

// forgotten says what is still reported after all orphans were applied, some by force.
func (w *site) forgotten(ctx context.Context, forced []holo.Entity) error {
	left, c := w.scan(ctx)
	if err := c.failed(); err != nil {
		return fmt.Errorf("scan after that: %w", err)
	}
	if len(left) == 0 {
		return nil
	}
	if slices.ContainsFunc(forced, func(e holo.Entity) bool { return e.ID == left[0].ID }) {
		return fmt.Errorf("%s was applied by force, and is still reported", left[0].ID)
	}
	return fmt.Errorf("%s was applied, demanded no force, and is still reported", left[0].ID)
}

// clearResources takes all resources away.
func (w *site) clearResources() (err error) {
	host, err := rootfs.OpenHost(w.dir)
	if err != nil {
		return own(err)
	}
	defer func() { err = errors.Join(err, own(host.Close())) }()
	if err := removeAll(host, w.resources); err != nil {
		return own(err)
	}
	return own(host.Mkdir(w.resources, mine(rootfs.Meta{Type: rootfs.Directory, Mode: 0o755})))
}

// checkForceOrphans edits or removes what a plugin cleans up, and has it do so.
func checkForceOrphans(ctx context.Context, k *kit) error {
	names, err := k.cleanUp(ctx)
	if _, ok := errors.AsType[*ownError](err); ok || ctx.Err() != nil {
		return err
	}
	if err != nil {
		return &notApplicable{"what has lost its resources is not cleaned up even if nobody has edited it; see the check orphans"}
	}
	for _, remove := range []bool{false, true} {
		if err := k.forceOrphans(ctx, names, remove); err != nil {
			return err
		}
	}
	return nil
}

func (k *kit) forceOrphans(ctx context.Context, names []string, remove bool) error {
	s, err := k.provisioned(ctx)
	if err != nil {
		return err
	}
	files := slices.DeleteFunc(s.files(k.story), func(e Entry) bool { return !slices.Contains(names, e.Name) })
	if len(files) == 0 {
		return &notApplicable{"it cleans up no file that it has written in the root"}
	}
	if err := s.w.meddle(files, remove); err != nil {
		return err
	}
	orphans, err := s.orphans(ctx)
	if err != nil {
		return err
	}
	refused, err := s.w.cleanMeddled(ctx, orphans, files, remove)
	if err != nil {
		return err
	}
	return s.w.endOrphans(ctx, refused, files)
}

// cleanMeddled applies orphans of which somebody else has edited or removed the files, and returns those that were refused. A
// plugin that shares a file with others may do its part without force, and leave the edit.
func (w *site) cleanMeddled(ctx context.Context, orphans []holo.Entity, files []Entry, removed bool) (refused []holo.Entity, err error) {
	done, err := w.apply(ctx, orphans, "apply")
	if err != nil {
		return nil, err
	}
	for i, a := range done {
		if !removed && a.said(holo.NeedsForceRestore) {
			return nil, fmt.Errorf("%s: %w", a.id, errNotRemoved)
		}
		if a.failed() == nil && !a.demandsForce() {
			continue
		}
		if len(a.changed.Entries) > 0 {
			return nil, fmt.Errorf("%s: it is not applied without force, and yet %s changed", a.id, a.changed.nameList())
		}
		refused = append(refused, orphans[i])
	}
	now, err := w.now(files)
	if err != nil {
		return nil, err
	}
	for _, e := range files {
		text, there := now[e.Name]
		switch {
		case removed && there:
			return nil, fmt.Errorf("%s was removed and has lost its resources, and apply%s has made it anew", e.Name, whoDid(done, e.Name))
		case !removed && !strings.Contains(text, editedLine):
			return nil, fmt.Errorf("%s was edited and has lost its resources, and apply%s has not kept the edit", e.Name, whoDid(done, e.Name))
		}
	}
	return refused, nil
}

// whoDid names the entity of which the application changed a file.
func whoDid(done []applied, name string) string {
	for _, a := range done {
		if slices.ContainsFunc(a.changed.Entries, func(e Entry) bool { return e.Name == name }) {
			return " " + a.id
		}
	}
	return ""
}

// endOrphans applies by force what was refused, which is the end of it.
func (w *site) endOrphans(ctx context.Context, refused []holo.Entity, files []Entry) error {
	before, err := w.now(files)
	if err != nil {
		return err
	}
	if err := w.forceAll(ctx, refused); err != nil {
		return err
	}
	after, err := w.now(files)
	if err != nil {
		return err
	}
	for _, e := range files {
		edited := string(e.Content) + editedLine
		if len(refused) > 0 && before[e.Name] == edited && after[e.Name] == edited {
			return fmt.Errorf("%s is as somebody else has edited it, although force was demanded and given", e.Name)
		}
	}
	return w.forgotten(ctx, refused)
}
