package holotest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
)

var infoChecks = []check{
	{"info", "The plugin shall then report metadata about itself on stdout, as key-value pairs in the form key=value, with a newline after each value. " +
		"MIN_API_VERSION, MAX_API_VERSION (required). Versions are single, positive integers.", checkInfo},
	{"info-version", "Plugins SHALL NOT require that $HOLO_API_VERSION be defined for the info operation.", checkInfoVersion},
	{"version", "Plugins SHOULD verify that they support the specified version for all other operations.", checkVersion},
}

var scanChecks = []check{
	{"scan", "At the end of scanning, the plugin shall provide on stdout a report for each of the entities found. Each line has the form key: value.", checkScan},
	{"entity-ids", "Entity IDs MUST NOT look like filesystem paths.", checkIDs},
	{"keys", "Keys with all capital letters are reserved for special semantics.", checkKeys},
	{"sources", "The SOURCE key names a resource file (below $HOLO_RESOURCE_DIR) from which the entity in question has been read.", checkSources},
	{"empty", "The plugin shall then scan its $HOLO_RESOURCE_DIR for entities that it can provision.", checkEmpty},
}

// checkInfo is done without the directories, which need not exist yet.
func checkInfo(ctx context.Context, k *kit) error {
	w, err := k.newSite(k.usual())
	if err != nil {
		return err
	}
	w.state, w.cache = w.state+"/none", w.cache+"/none"
	c := w.call(ctx, []string{"info"})
	if err := c.failed(); err != nil {
		return err
	}
	if !bytes.HasSuffix(c.stdout, []byte("\n")) {
		return errors.New("the last line has no newline")
	}
	values := make(map[string]string)
	for _, line := range strings.Split(strings.TrimSuffix(string(c.stdout), "\n"), "\n") {
		key, value, ok := strings.Cut(line, "=")
		if !ok || key == "" {
			return fmt.Errorf("%q has not the form key=value", line)
		}
		values[key] = value
	}
	var versions [2]int
	for i, key := range []string{"MIN_API_VERSION", "MAX_API_VERSION"} {
		if versions[i], err = strconv.Atoi(values[key]); err != nil || versions[i] < 1 || strconv.Itoa(versions[i]) != values[key] {
			return fmt.Errorf("%s is %q, and no positive number", key, values[key])
		}
	}
	if versions[0] > holo.APIVersion || versions[1] < holo.APIVersion {
		return fmt.Errorf("it speaks versions %d to %d, and not %d", versions[0], versions[1], holo.APIVersion)
	}
	return nil
}

func checkInfoVersion(ctx context.Context, k *kit) error {
	w, err := k.newSite(k.usual())
	if err != nil {
		return err
	}
	return w.call(ctx, []string{"info"}, "HOLO_API_VERSION").failed()
}

func checkVersion(ctx context.Context, k *kit) error {
	w, err := k.newSite(k.usual())
	if err != nil {
		return err
	}
	c := w.call(ctx, []string{"scan"}, "HOLO_API_VERSION=9999")
	if c.err != nil {
		return c.err
	}
	if c.exit.OK() {
		return errors.New("it scans where version 9999 is spoken")
	}
	return nil
}

func checkScan(ctx context.Context, k *kit) error {
	s, err := k.tell(ctx)
	if err != nil {
		return err
	}
	if err := s.scan.failed(); err != nil {
		return err
	}
	if _, err := holo.ParseReport(k.id, bytes.NewReader(s.scan.stdout)); err != nil {
		return err
	}
	switch {
	case len(s.scan.stdout) > 0 && !bytes.HasSuffix(s.scan.stdout, []byte("\n")):
		return errors.New("the last line has no newline")
	case len(s.scanned.Entries) > 0:
		return fmt.Errorf("it changed %s, which is for apply to do", s.scanned.nameList())
	case len(s.entities) == 0 && len(k.resources.Entries) > 1: // the directory itself is one
		return errors.New("it finds no entity in the resources that it is given")
	case len(s.entities) == 0:
		return &notApplicable{"it has no resources"}
	}
	return nil
}

func checkIDs(ctx context.Context, k *kit) error {
	return k.reported(ctx, func(r holo.Report) error { return errors.Join(r.Strict...) })
}

func checkKeys(ctx context.Context, k *kit) error {
	return k.reported(ctx, func(r holo.Report) error {
		if len(r.Warnings) > 0 {
			return errors.New(strings.Join(r.Warnings, "; "))
		}
		return nil
	})
}

// reported looks at the report of the story.
func (k *kit) reported(ctx context.Context, look func(holo.Report) error) error {
	s, err := k.tell(ctx)
	if err != nil {
		return err
	}
	if len(s.entities) == 0 {
		return &notApplicable{"it finds no entity in the resources"}
	}
	r, _ := holo.ParseReport(k.id, bytes.NewReader(s.scan.stdout)) // what is wrong with the lines is a check of its own
	return look(r)
}

func checkSources(ctx context.Context, k *kit) error {
	s, err := k.tell(ctx)
	if err != nil {
		return err
	}
	there := make(map[string]bool)
	for _, e := range s.before.Entries {
		there[e.Name] = true
	}
	n := 0
	for _, e := range s.entities {
		for _, source := range e.Sources {
			n++
			name, ok := strings.CutPrefix(source, s.w.path(s.w.resources)+"/")
			if !ok {
				return fmt.Errorf("%s: %s is not below $HOLO_RESOURCE_DIR", e.ID, source)
			}
			if !there[s.w.resources+"/"+name] {
				return fmt.Errorf("%s: there is no %s", e.ID, source)
			}
		}
	}
	if n == 0 {
		return &notApplicable{"no entity has a SOURCE"}
	}
	return nil
}

func checkEmpty(ctx context.Context, k *kit) error {
	bare := *k
	bare.resources = &Tree{}
	w, err := bare.newSite(k.usual())
	k.sites = bare.sites
	if err != nil {
		return err
	}
	list, c := w.scan(ctx)
	if err := c.failed(); err != nil {
		return err
	}
	if len(list) > 0 {
		return fmt.Errorf("without any resources, it finds %s", list[0].ID)
	}
	return nil
}
