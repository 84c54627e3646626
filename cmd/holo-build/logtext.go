package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// printLog prints a log for a person. Records of types that this version does not know are left out.
func printLog(w io.Writer, title string, log []byte) error {
	p := &logPrinter{}
	fmt.Fprintf(&p.b, "%s\n", title)
	for line := range bytes.Lines(log) {
		var kind struct{ Type string }
		err := json.Unmarshal(line, &kind)
		if err == nil {
			err = p.record(kind.Type, line)
		}
		if err != nil {
			return fmt.Errorf("reading the apply log: %w", err)
		}
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

type logPrinter struct {
	b    strings.Builder
	last string // type of the record before
}

func (p *logPrinter) record(kind string, line []byte) error {
	defer func() { p.last = kind }()
	switch kind {
	case "build":
		return decode(line, p.build)
	case "plugin":
		return decode(line, func(r pluginRecord) { fmt.Fprintf(&p.b, "  plugin     %s\n", printable(r.ID)) })
	case "entity":
		return decode(line, p.entity)
	case "call":
		return decode(line, p.call)
	case "setting":
		return decode(line, p.setting)
	case "change":
		return decode(line, p.change)
	case "result":
		return decode(line, p.result)
	}
	return nil
}

func decode[R record](line []byte, f func(R)) error {
	var r R
	err := json.Unmarshal(line, &r)
	if err == nil {
		f(r)
	}
	return err
}

func (p *logPrinter) build(r buildRecord) {
	fmt.Fprintf(&p.b, "  base       %s\n", printable(cmp.Or(r.Base.ChainID, "none")))
	fmt.Fprintf(&p.b, "  resources  %s\n", printable(cmp.Or(r.Resources, "none")))
	fmt.Fprintf(&p.b, "  epoch      %s\n", printable(r.Epoch))
}

func (p *logPrinter) entity(r entityRecord) {
	if p.last != "entity" {
		p.b.WriteString("\nEntities\n")
	}
	reason := ""
	if r.Reason != "" {
		reason = " (" + printable(r.Reason) + ")"
	}
	fmt.Fprintf(&p.b, "  %-11s %s%s\n", printable(string(r.Outcome)), printable(r.ID), reason)
	for _, s := range r.Sources {
		fmt.Fprintf(&p.b, "  %11s %s\n", "from", printable(people(s.Path, r.Plugin)))
	}
}

func (p *logPrinter) call(r callRecord) {
	if p.last != "call" {
		p.b.WriteString("\nUses of stand-ins for the system's tools, each with whoever used it\n")
	}
	exit := ""
	if r.Exit != 0 {
		exit = fmt.Sprintf(", exit status %d", r.Exit)
	}
	if r.Mock != "" {
		exit += ", as " + printable(r.Mock) + " says"
	}
	fmt.Fprintf(&p.b, "  %-11s %s  (%s%s)\n", printable(string(r.Outcome)), printable(shellLine(r.Argv)), printable(cmp.Or(r.Entity, r.Plugin)), exit)
}

func (p *logPrinter) setting(r settingRecord) {
	if p.last != "setting" {
		p.b.WriteString("\nConfiguration of the image\n")
	}
	value := func(list []string) string {
		switch {
		case list == nil:
			return "not set"
		case len(list) == 0:
			return "set"
		}
		return strconv.Quote(strings.Join(list, " "))
	}
	fmt.Fprintf(&p.b, "  %s: %s, was %s  (%s)\n", printable(r.Name), value(r.After), value(r.Before), printable(describeBy(r.By)))
}

func (p *logPrinter) change(r changeRecord) {
	if p.last != "change" {
		p.b.WriteString("\nPaths, each with whoever changed it last\n")
	}
	slash := ""
	if f := r.After; f != nil && f.Type == rootfs.Directory.String() && r.Path != "/" {
		slash = "/"
	}
	by := describeBy(r.By)
	if r.Class != "" {
		by += ", " + r.Class
	}
	fmt.Fprintf(&p.b, "  %1s %s%s  (%s)\n", changeMark(r.Kind), printable(r.Path), slash, printable(by))
}

func (p *logPrinter) result(r resultRecord) {
	if n := len(r.Unattributed); n > 0 {
		fmt.Fprintf(&p.b, "\n%s\n", claimedByNobody(n))
	}
	for i, c := range r.Conflicts {
		if i == 0 {
			p.b.WriteString("\nPaths that more than one entity has changed\n")
		}
		fmt.Fprintf(&p.b, "  %s  (%s)\n", printable(c.Path), printable(c.who()))
	}
}

// describeBy says in a few words who changed a path.
func describeBy(by []byRecord) string {
	if len(by) == 0 {
		return "unattributed"
	}
	last := by[len(by)-1]
	return cmp.Or(last.Entity, last.Plugin, last.Kind)
}
