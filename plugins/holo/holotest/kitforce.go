package holotest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

var errorChecks = []check{
	{"unknown-entity", "If an error occurred during provisioning, the plugin shall exit with non-zero exit code.", checkUnknown},
	{"errors", "Informational output shall be printed on stdout, errors and warnings shall be printed on stderr.", checkErrors},
}

var forceChecks = []check{
	{"force-overwrite", "During the apply operation, plugins shall refuse to provision entities that appear to have been edited " +
		"by the user or an external application.", checkOverwrite},
	{"force-restore", "During the apply operation, plugins shall refuse to provision entities that appear to have been deleted " +
		"by the user or an external application.", checkRestore},
	{"force-apply", "Then the plugin shall overwrite any external changes to the selected entity and bring it into the desired target state " +
		"with all means possible.", checkForce},
}

// unknownID is an entity that no plugin has reported.
const unknownID = "holo-build-conformance:no-such-entity"

func (k *kit) unknown(ctx context.Context) (called, error) {
	w, err := k.newSite(k.usual())
	if err != nil {
		return called{}, err
	}
	c := w.call(ctx, []string{"apply", unknownID})
	return c, c.err
}

func checkUnknown(ctx context.Context, k *kit) error {
	c, err := k.unknown(ctx)
	if err != nil {
		return err
	}
	if c.exit.OK() {
		return fmt.Errorf("it applies %s, which does not exist, with exit status 0", unknownID)
	}
	return nil
}

func checkErrors(ctx context.Context, k *kit) error {
	c, err := k.unknown(ctx)
	switch {
	case err != nil:
		return err
	case c.exit.OK():
		return &notApplicable{"it makes no error of an entity that does not exist"}
	case len(bytes.TrimSpace(c.stderr)) == 0:
		return fmt.Errorf("it can't apply %s, and says nothing on standard error", unknownID)
	}
	return nil
}

// provisioned makes a site in which all entities were applied.
func (k *kit) provisioned(ctx context.Context) (*story, error) {
	if _, err := k.working(ctx); err != nil {
		return nil, err
	}
	return k.tellNew(ctx)
}

const editedLine = "# edited by the conformance kit\n"

// meddle edits files that were provisioned, or removes them.
func (w *site) meddle(files []Entry, remove bool) (err error) {
	host, err := rootfs.OpenHost(w.dir)
	if err != nil {
		return own(err)
	}
	defer func() { err = errors.Join(err, own(host.Close())) }()
	for _, e := range files {
		if remove {
			err = host.Remove(e.Name)
		} else {
			edited := e
			edited.Content = append(bytes.Clone(e.Content), editedLine...)
			err = edited.make(host)
		}
		if err != nil {
			return own(err)
		}
	}
	return nil
}

// now returns the contents of files; what is missing is not there.
func (w *site) now(files []Entry) (_ map[string]string, err error) {
	host, err := rootfs.OpenHost(w.dir)
	if err != nil {
		return nil, own(err)
	}
	defer func() { err = errors.Join(err, own(host.Close())) }()
	out := make(map[string]string)
	for _, e := range files {
		b, err := readFile(host, e.Name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, own(err)
		}
		out[e.Name] = string(b)
	}
	return out, nil
}

// meddled is what came of applying after somebody else has edited or removed files.
type meddled struct {
	*story
	files   []Entry
	asked   []applied
	demands bool
	// now are the contents after that.
	now map[string]string
}

// meddled does so once for either kind of change.
func (k *kit) meddled(ctx context.Context, remove bool) (*meddled, error) {
	at := &k.edited
	if remove {
		at = &k.removed
	}
	if *at != nil {
		return *at, nil
	}
	m, err := k.meddleNew(ctx, remove)
	if err == nil {
		*at = m
	}
	return m, err
}

func (k *kit) meddleNew(ctx context.Context, remove bool) (*meddled, error) {
	s, err := k.provisioned(ctx)
	if err != nil {
		return nil, err
	}
	m := &meddled{story: s, files: s.files(k.story)}
	if len(m.files) == 0 {
		return nil, &notApplicable{"it writes no file in the root"}
	}
	if err := s.w.meddle(m.files, remove); err != nil {
		return nil, err
	}
	if m.asked, err = s.w.apply(ctx, s.entities, "apply"); err != nil {
		return nil, err
	}
	for _, a := range m.asked {
		m.demands = m.demands || a.demandsForce()
	}
	m.now, err = s.w.now(m.files)
	return m, err
}

// errNotRemoved is the wrong demand: holo tells the user that the entity was deleted, and shows no diff.
var errNotRemoved = errors.New(`it was edited, and not removed, and yet it "requires --force to restore"`)

func checkOverwrite(ctx context.Context, k *kit) error {
	m, err := k.meddled(ctx, false)
	if err != nil {
		return err
	}
	for _, a := range m.asked {
		if a.said(holo.NeedsForceRestore) {
			return fmt.Errorf("%s: %w", a.id, errNotRemoved)
		}
	}
	for _, e := range m.files {
		now, there := m.now[e.Name]
		if !there || now != string(e.Content)+editedLine {
			return fmt.Errorf("%s was edited, and apply has overwritten it", e.Name)
		}
	}
	return nil
}

func checkRestore(ctx context.Context, k *kit) error {
	m, err := k.meddled(ctx, true)
	if err != nil {
		return err
	}
	for _, e := range m.files {
		if _, there := m.now[e.Name]; there {
			return fmt.Errorf("%s was removed, and apply has made it anew", e.Name)
		}
	}
	return nil
}

func checkForce(ctx context.Context, k *kit) error {
	for _, remove := range []bool{false, true} {
		m, err := k.meddled(ctx, remove)
		if err != nil {
			return err
		}
		if err := m.force(ctx); err != nil {
			return err
		}
	}
	return nil
}

// forceAll applies entities by force, which must not fail, nor ask for force once more.
func (w *site) forceAll(ctx context.Context, entities []holo.Entity) error {
	done, err := w.apply(ctx, entities, "force-apply")
	if err != nil {
		return err
	}
	for _, a := range done {
		if err := a.failed(); err != nil {
			return fmt.Errorf("%s: force-apply, after somebody else has changed it: %w", a.id, err)
		}
		if a.demandsForce() {
			return fmt.Errorf("%s: force-apply demands force", a.id)
		}
	}
	return nil
}

// force applies by force, after which all that was refused must be as it was.
func (m *meddled) force(ctx context.Context) error {
	if err := m.w.forceAll(ctx, m.entities); err != nil {
		return err
	}
	now, err := m.w.now(m.files)
	if err != nil {
		return err
	}
	for _, e := range m.files {
		if m.demands && now[e.Name] != string(e.Content) {
			return fmt.Errorf("%s is not what it was before somebody changed it, although force was demanded and given", e.Name)
		}
	}
	again, err := m.w.apply(ctx, m.entities, "apply")
	if err != nil {
		return err
	}
	for _, a := range again {
		if a.demandsForce() {
			return fmt.Errorf("%s: it demands force again, after force-apply", a.id)
		}
	}
	return nil
}

var diffChecks = []check{
	{"diff", "Two NUL-terminated filesystem paths must be printed on file descriptor 3; if the entity does not have a meaningful diff, " +
		"the plugin shall exit with zero exit code without doing anything.", checkDiff},
}

func checkDiff(ctx context.Context, k *kit) error {
	s, err := k.working(ctx)
	if err != nil {
		return err
	}
	some := false
	for i, c := range s.diffs {
		id := s.entities[i].ID
		if err := c.failed(); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		if len(c.fd3) == 0 {
			continue
		}
		some = true
		parts := strings.Split(string(c.fd3), "\x00")
		if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] != "" {
			return fmt.Errorf("%s: %.200q is no pair of paths", id, c.fd3)
		}
		if expected, actual, ok := holo.ParsePaths(c.fd3); !ok || strings.Contains(expected+actual, "\n") {
			return fmt.Errorf("%s: %.200q is no pair of paths", id, c.fd3)
		}
	}
	if t := s.w.changes(s.after, s.end, ofRoot); some && len(t.Entries) > 0 && len(s.restless()) == 0 {
		return fmt.Errorf("it changed %s", t.nameList())
	}
	if !some {
		return &notApplicable{"no entity has a diff"}
	}
	return nil
}

// restless are the entities that changed something in the second round.
func (s *story) restless() (list []string) {
	for _, a := range s.second {
		if len(a.changed.Entries) > 0 {
			list = append(list, a.id)
		}
	}
	return list
}
