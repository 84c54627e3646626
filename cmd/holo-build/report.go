package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/mock/firstboot"
)

// people turns the variables by which plugins' paths are told into the paths as the image has them. The cache is gone when
// somebody reads of it: what is there has names like "users-groups/user:app/actual.toml", which say what it is about and look
// like no path in the image.
func people(text, plugin string) string {
	return strings.NewReplacer(
		"$HOLO_RESOURCE_DIR", "/usr/share/holo/"+plugin,
		"$HOLO_STATE_DIR", "/var/lib/holo/"+plugin,
		"$HOLO_CACHE_DIR/", plugin+"/",
		"$HOLO_CACHE_DIR", "the cache of "+plugin,
		"$HOLO_ROOT_DIR/", "/",
		"$HOLO_ROOT_DIR", "/",
	).Replace(text)
}

// entity is the report on one entity, in Holo's own manner; empty where there is nothing to tell.
func (u *ui) entity(e *holo.Scanned, r holo.Result) string {
	silent := len(r.Stdout) == 0 && len(r.Stderr) == 0
	if r.Outcome == holo.NotChanged && silent && r.Err == nil {
		return ""
	}
	var b strings.Builder
	verb := cmp.Or(e.Verb, holo.DefaultVerb)
	fmt.Fprintf(&b, "\n%s %s", printable(verb), u.paint(bold, printable(e.ID)))
	if e.Reason != "" {
		fmt.Fprintf(&b, " (%s)", printable(e.Reason))
	}
	b.WriteByte('\n')
	for _, l := range e.Info {
		fmt.Fprintf(&b, "%*s %s\n", len(verb), printable(l.Key), printable(people(l.Value, e.Plugin)))
	}
	var said strings.Builder
	if out := strings.TrimSuffix(string(r.Stdout), "\n"); out != "" {
		said.WriteString(printableLines(people(out, e.Plugin)) + "\n")
	}
	said.WriteString(u.colored(string(r.Stderr), e.Plugin))
	switch {
	case r.Outcome == holo.NeedsForceOverwrite:
		said.WriteString(u.paint(red, "!! Entity has been modified by somebody else (use --force to overwrite)") + "\n")
		for line := range strings.Lines(string(r.Diff)) {
			said.WriteString("    " + printableLines(people(line, e.Plugin)))
		}
	case r.Outcome == holo.NeedsForceRestore:
		said.WriteString(u.paint(red, "!! Entity has been deleted by somebody else (use --force to restore)") + "\n")
	case r.Err != nil && !r.Complained: // else the plugin has said it
		said.WriteString(u.paint(red, "!! "+printableLines(people(reason(r.Err, nil), e.Plugin))) + "\n")
	}
	if said.Len() > 0 {
		b.WriteByte('\n')
		b.WriteString(strings.TrimRight(said.String(), "\n"))
		b.WriteByte('\n')
	}
	return b.String()
}

// colored is what a plugin has written to its standard error, with errors and warnings in their colours.
func (u *ui) colored(text, plugin string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = printableLines(people(strings.TrimSuffix(line, "\n"), plugin))
		switch {
		case strings.HasPrefix(line, "!! "):
			line = u.paint(red, line)
		case strings.HasPrefix(line, ">> "):
			line = u.paint(yellow, line)
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// output shows what a plugin has written to its standard error outside of any entity.
func (u *ui) output(plugin string, text []byte) {
	if len(text) > 0 {
		u.print("output", u.colored(string(text), plugin))
	}
}

// counts says what came of the entities.
func (p provisioned) counts() string {
	applied, same, failed := 0, 0, 0
	for _, e := range p.entities {
		switch e.Outcome {
		case holo.Applied:
			applied++
		case holo.NotChanged:
			same++
		default:
			failed++
		}
	}
	return fmt.Sprintf("\n%s applied, %d unchanged, %d failed\n%s", count(applied, "entity", "entities"), same, failed, p.left())
}

// left tells what is not done: what tools could not do while nothing runs, and what plugins only say that they would do.
func (p provisioned) left() string {
	const undone = "left for the running system, not done:\n"
	if p.firstBoot {
		return p.leftAs("left for the first boot, "+firstboot.Unit+":\n", mock.Deferred) + p.leftAs(undone, mock.Declared)
	}
	return p.leftAs(undone, mock.Deferred, mock.Declared)
}

// leftAs lists calls with one of some outcomes.
func (p provisioned) leftAs(head string, outcomes ...mock.Outcome) string {
	var lines []string
	told := map[string]bool{}
	for _, c := range p.calls.records(p.plugins) {
		who := printable(cmp.Or(c.Entity, c.Plugin))
		if c.Outcome == mock.Declared {
			who += ", which only says so"
		}
		line := "  " + printable(shellLine(c.Argv)) + "  (" + who + ")\n"
		if slices.Contains(outcomes, c.Outcome) && !told[line] {
			lines, told[line] = append(lines, line), true
		}
	}
	if len(lines) == 0 {
		return ""
	}
	const most = 10
	rest := ""
	if n := len(lines) - most; n > 0 {
		rest = fmt.Sprintf("  and %d more, which the log has\n", n)
	}
	return head + strings.Join(lines[:min(most, len(lines))], "") + rest
}

// summary ends the report of a build that is done.
func (b *build) summary(out outcome) {
	s := out.counts()
	switch {
	case out.layer == nil && b.configured(out):
		s += "the configuration changed, and no file: there is no layer"
	case out.layer == nil:
		s += "nothing changed: the base comes out as it is"
	default:
		d := out.layer.Descriptor
		s += fmt.Sprintf("layer %s: %s, %s changed", d.Digest, sizeText(d.Size), count(len(out.changes), "path", "paths"))
	}
	s += "; staged as a " + out.way + "\n"
	if b.o.dryRun {
		s += "dry run: nothing was saved\n"
	}
	b.ui.report(s)
}
