package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// text is the answer for a person.
func (a answer) text() (string, error) {
	p := blamePrinter{answer: a, told: map[entityOf]bool{}}
	if a.path != "" {
		fmt.Fprintf(&p.b, "%s\n", printable(a.path))
		if err := a.each(p.sight, p.step); err != nil {
			return "", err
		}
	}
	if a.path != "" && len(a.tree) > 0 {
		p.b.WriteString("\nBelow it\n")
	}
	if err := p.tree(); err != nil {
		return "", err
	}
	for _, layer := range a.unread {
		fmt.Fprintf(&p.b, "\nNot known: what layer %d of %d changed, which has no log\n", layer, a.of)
	}
	return p.b.String(), nil
}

type blamePrinter struct {
	answer
	b strings.Builder
	// told are the entities that were described already.
	told map[entityOf]bool
}

// each calls see and step with what became of a path, layer by layer.
func (a answer) each(see func(sight) error, step func(blamedChange, changeRecord) error) error {
	seen := a.seen
	for _, c := range a.history {
		for ; len(seen) > 0 && seen[0].layer < c.layer; seen = seen[1:] {
			if err := see(seen[0]); err != nil {
				return err
			}
		}
		if err := decodeTo(c.record, func(r changeRecord) error { return step(c, r) }); err != nil {
			return err
		}
	}
	for _, s := range seen {
		if err := see(s); err != nil {
			return err
		}
	}
	return nil
}

// decodeTo decodes a record for what can fail.
func decodeTo[R record](line []byte, f func(R) error) (err error) {
	derr := decode(line, func(r R) { err = f(r) })
	if derr != nil {
		return derr
	}
	return err
}

// sight tells what a layer has of the path by itself.
func (p *blamePrinter) sight(s sight) error {
	what := map[string]string{doesWrite: "brings it", doesDelete: "deletes it"}[s.does]
	switch {
	case s.logged && p.path == "/"+applyLogPath:
		what = "the apply log itself, by holo-build"
	case s.logged:
		what += ": it came with the base, and no build has changed it"
	case s.layer < p.logged[0]:
		what += ": it came with the base"
	default:
		what += ", and has no log"
	}
	fmt.Fprintf(&p.b, "\nLayer %d of %d: %s\n", s.layer, p.of, what)
	return nil
}

// step tells of one change, and of each entity that it is by.
func (p *blamePrinter) step(c blamedChange, r changeRecord) error {
	what := map[rootfs.Kind]string{rootfs.Added: "added", rootfs.Modified: "modified", rootfs.Deleted: "deleted"}[r.Kind]
	if c.path != p.path {
		what = "gone with " + printable(c.path)
	}
	fmt.Fprintf(&p.b, "\nLayer %d of %d: %s by %s\n", c.layer, p.of, what, printable(describeAll(r)))
	if c.path == p.path {
		fmt.Fprintf(&p.b, "  before  %s\n  after   %s\n", printable(r.Before.text()), printable(r.After.text()))
		if r.LinkTo != "" {
			fmt.Fprintf(&p.b, "  a further name of %s\n", printable(r.LinkTo))
		}
	}
	for _, by := range r.By {
		e := entityOf{c.layer, by.Plugin, by.Entity}
		if by.Kind != "entity" || p.told[e] {
			continue
		}
		p.told[e] = true
		if err := p.entity(e); err != nil {
			return err
		}
	}
	return nil
}

// entity describes an entity, as the log of its layer does.
func (p *blamePrinter) entity(e entityOf) error {
	line, ok := p.entities[e]
	if !ok {
		return nil
	}
	err := decode(line, func(r entityRecord) {
		reason := ""
		if r.Reason != "" {
			reason = " (" + r.Reason + ")"
		}
		fmt.Fprintf(&p.b, "  %s of plugin %s: %s%s\n", printable(r.ID), printable(r.Plugin), printable(string(r.Outcome)), printable(reason))
		for _, s := range r.Sources {
			fmt.Fprintf(&p.b, "    from  %s\n", printable(people(s.Path, r.Plugin)))
			if s.Digest != "" {
				fmt.Fprintf(&p.b, "          %s\n", printable(s.Digest))
			}
		}
	})
	for _, line := range p.calls[e] {
		if err == nil {
			err = decode(line, func(r callRecord) {
				outcome := string(r.Outcome)
				if r.Mock != "" {
					outcome += ", as " + r.Mock + " says"
				}
				fmt.Fprintf(&p.b, "    used  %s  (%s)\n", printable(shellLine(r.Argv)), printable(outcome))
			})
		}
	}
	return err
}

// text describes a file in one line.
func (f *fileRecord) text() string {
	if f == nil {
		return "nothing"
	}
	s := fmt.Sprintf("%s %s %d:%d", f.Type, f.Mode, f.UID, f.GID)
	if f.Size != nil {
		s += fmt.Sprintf(", %d bytes, %s", *f.Size, f.Digest)
	}
	if f.Target != "" {
		s += " -> " + f.Target
	}
	if f.Device != "" {
		s += " " + f.Device
	}
	for _, name := range slices.Sorted(maps.Keys(f.Xattrs)) {
		s += ", " + name
	}
	return s
}

// actor says who somebody is that changed a path.
func (by byRecord) actor() string {
	switch by.Kind {
	case "entity":
		return by.Entity
	case "plugin":
		return "plugin " + by.Plugin
	case "generator":
		return "generator " + by.Entity
	case "build":
		return "holo-build"
	}
	return by.Kind
}

// describeAll names all who changed a path, in their order, and what kind of path it is.
func describeAll(r changeRecord) string {
	list := make([]string, len(r.By))
	for i, a := range r.By {
		list[i] = a.actor()
	}
	text := cmp.Or(strings.Join(list, ", then "), "nobody known")
	if r.Class != "" {
		text += ", " + r.Class
	}
	return text
}
