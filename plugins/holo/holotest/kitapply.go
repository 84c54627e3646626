package holotest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
)

var applyChecks = []check{
	{"apply", "For each of the selected entities, the corresponding plugin will be called like this: $PLUGIN_BINARY apply $ENTITY_ID. " +
		"If an error occurred during provisioning, the plugin shall exit with non-zero exit code.", checkApply},
	{"messages", "The plugin process's file descriptor no. 3 is opened by Holo, and the plugin can write the following messages into this FD: " +
		"\"not changed\\n\", \"requires --force to overwrite\\n\", \"requires --force to restore\\n\".", checkMessages},
	{"not-changed", "\"not changed\": The entity is already in the desired state, so no changes have been made.", checkNotChanged},
	{"second-apply", "The entity is already in the desired state: what is applied twice changes nothing the second time.", checkSecond},
	{"reproducible", "The same resources give the same result, wherever the root directory is.", checkReproducible},
}

var pathChecks = []check{
	{"relative", "The paths may or may not be given as absolute paths, so plugins must be careful to handle relative paths correctly " +
		"if they change directories during operation.", checkRelative},
	{"variables", "Plugins SHALL always use the paths in the environment variables rather than trying to compute them by themselves.", checkVariables},
	{"outside", "In test mode, plugins SHOULD NOT write files outside the $HOLO_ROOT_DIR; with the exception of $HOLO_CACHE_DIR.", checkOutside},
}

func checkApply(ctx context.Context, k *kit) error {
	s, err := k.tell(ctx)
	if err != nil {
		return err
	}
	if len(s.entities) == 0 {
		return &notApplicable{"it finds no entity in the resources"}
	}
	for _, a := range s.first {
		switch {
		case a.failed() != nil:
			return fmt.Errorf("%s: %w", a.id, a.failed())
		case bytes.HasPrefix(a.stderr, []byte("!! ")) || bytes.Contains(a.stderr, []byte("\n!! ")):
			return fmt.Errorf("%s: it tells of an error, and exits with status 0: %s", a.id, firstLine(a.stderr))
		case a.demandsForce():
			return fmt.Errorf("%s: it demands force in a root that nobody else has changed", a.id)
		}
	}
	return nil
}

func checkMessages(ctx context.Context, k *kit) error {
	s, err := k.working(ctx)
	if err != nil {
		return err
	}
	for _, a := range append(append([]applied(nil), s.first...), s.second...) {
		if len(a.fd3) == 0 {
			continue
		}
		if !bytes.HasSuffix(a.fd3, []byte("\n")) {
			return fmt.Errorf("%s: the last message has no newline", a.id)
		}
		for line := range strings.Lines(string(a.fd3)) {
			if len(holo.ParseMessages([]byte(line))) != 1 {
				return fmt.Errorf("%s: %q is no message", a.id, line)
			}
		}
	}
	return nil
}

func checkNotChanged(ctx context.Context, k *kit) error {
	s, err := k.working(ctx)
	if err != nil {
		return err
	}
	said := false
	for _, a := range append(append([]applied(nil), s.first...), s.second...) {
		if !a.said(holo.NotChanged) {
			continue
		}
		said = true
		if len(a.changed.Entries) > 0 {
			return fmt.Errorf("%s: it says so, but changed %s", a.id, a.changed.nameList())
		}
	}
	if !said {
		return &notApplicable{"it never says so"}
	}
	return nil
}

func checkSecond(ctx context.Context, k *kit) error {
	s, err := k.working(ctx)
	if err != nil {
		return err
	}
	for _, a := range s.second {
		switch {
		case a.failed() != nil:
			return fmt.Errorf("%s: %w", a.id, a.failed())
		case a.demandsForce():
			return fmt.Errorf("%s: it demands force, though nobody else has changed anything", a.id)
		case len(a.changed.Entries) > 0 && !a.said(holo.NotChanged): // which is a check of its own
			return fmt.Errorf("%s: it changed %s", a.id, a.changed.nameList())
		}
	}
	return nil
}

func checkReproducible(ctx context.Context, k *kit) error {
	s, err := k.working(ctx)
	if err != nil {
		return err
	}
	again, err := k.tellAgain(ctx)
	if err != nil {
		return err
	}
	if err := s.differs(again); err != nil {
		return err
	}
	here := func(s *story) string { return strings.ReplaceAll(string(s.scan.stdout), s.w.dir, "") }
	if here(s) != here(again) {
		return errors.New("two scans report different things")
	}
	return nil
}

// tellAgain tells the story once more, in another site.
func (k *kit) tellAgain(ctx context.Context) (_ *story, err error) {
	if k.again == nil {
		k.again, err = k.tellNew(ctx)
	}
	return k.again, err
}

// differs says what another story has made of the root.
func (s *story) differs(o *story) error {
	if err := failedOf(o.first); err != nil {
		return err
	}
	if len(o.entities) != len(s.entities) {
		return fmt.Errorf("%d entities are found, where there were %d", len(o.entities), len(s.entities))
	}
	a, b := s.inRoot(), o.inRoot()
	if a.text() == b.text() {
		return nil
	}
	return fmt.Errorf("what is done to the root differs: %s", b.Since(a).nameList())
}

// comparable returns the story of a plugin that does the same each time, as far as is known.
func (k *kit) comparable(ctx context.Context) (*story, error) {
	s, err := k.working(ctx)
	if err != nil {
		return nil, err
	}
	again, err := k.tellAgain(ctx)
	if err == nil && s.differs(again) != nil {
		err = &notApplicable{"it does not do the same twice"}
	}
	return s, err
}

func checkRelative(ctx context.Context, k *kit) error {
	s, err := k.comparable(ctx)
	if err != nil {
		return err
	}
	w, err := k.newSite(k.usual())
	if err != nil {
		return err
	}
	w.relative = true
	o, err := w.tell(ctx)
	if err != nil {
		return err
	}
	return s.differs(o)
}

func checkVariables(ctx context.Context, k *kit) error {
	s, err := k.comparable(ctx)
	if err != nil {
		return err
	}
	usual := k.usual()
	w, err := k.newSite(layout{root: usual.root, resources: usual.resources, state: "elsewhere/state", cache: "elsewhere/cache"})
	if err != nil {
		return err
	}
	o, err := w.tell(ctx)
	if err != nil {
		return err
	}
	for _, e := range o.end.Since(o.before).Entries {
		for _, dir := range []string{usual.state, usual.cache} {
			if e.Name == dir || strings.HasPrefix(e.Name, dir+"/") {
				return fmt.Errorf("the variables name other places, and it writes to %s", e.Name)
			}
		}
	}
	return s.differs(o)
}

func checkOutside(ctx context.Context, k *kit) error {
	s, err := k.tell(ctx)
	if err != nil {
		return err
	}
	if t := s.w.changes(s.before, s.end, ofOthers); len(t.Entries) > 0 {
		return fmt.Errorf("it changed %s, where %s is the root, tmp is $TMPDIR, home is $HOME, and cwd the working directory", t.nameList(), s.w.root)
	}
	if len(s.entities) == 0 {
		return &notApplicable{"it finds no entity in the resources"}
	}
	return nil
}
