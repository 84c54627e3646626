package frontend

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/holo-build/holo-build/plugins/holo"
)

// scanColumns is the width of the keys in what scan shows; 1.6.
const scanColumns = 12

// report is the operation scan; 1.6.
func (r *run) report(entities []entity, o operation) {
	for _, e := range entities {
		switch {
		case o.porcelain:
			r.out(e.porcelain())
			r.endParagraph()
		case o.short:
			r.bare(r.stdout, e.ID+"\n")
		default:
			r.out(e.title() + e.info(scanColumns))
			r.endParagraph()
		}
		if r.broken() != nil {
			return
		}
	}
}

// title is the entity's ID, with the reason for what is done to it.
func (e entity) title() string {
	title := bold + e.ID + plain
	if e.Reason != "" {
		title += " (" + e.Reason + ")"
	}
	return title + "\n"
}

// info lists what is known of an entity, with keys in columns.
func (e entity) info(columns int) string {
	var b strings.Builder
	for _, l := range e.Info {
		fmt.Fprintf(&b, "%*s %s\n", columns, l.Key, l.Value)
	}
	return b.String()
}

// heading is what apply shows above an entity's output; 1.7.
func (e entity) heading() string {
	verb := cmp.Or(e.Verb, holo.DefaultVerb)
	return verb + " " + e.title() + e.info(utf8.RuneCountInString(verb))
}

// porcelain is the entity in the form of a scan report.
func (e entity) porcelain() string {
	var b strings.Builder
	b.WriteString("ENTITY: " + e.ID + "\n")
	switch {
	case e.Reason != "":
		b.WriteString("ACTION: " + cmp.Or(e.Verb, holo.DefaultVerb) + " (" + e.Reason + ")\n")
	case e.Verb != "":
		b.WriteString("ACTION: " + e.Verb + "\n")
	}
	for _, s := range e.Sources {
		b.WriteString("SOURCE: " + s + "\n")
	}
	for _, l := range e.Info {
		b.WriteString(l.Key + ": " + l.Value + "\n")
	}
	return b.String()
}
