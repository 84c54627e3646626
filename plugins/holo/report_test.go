package holo

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseReport(t *testing.T) {
	const text = `

ENTITY: file:/etc/locale.gen
store at: /var/lib/holo/base/etc/locale.gen
SOURCE: /usr/share/holo/files/00-base/etc/locale.gen
  apply: a: b:c

ENTITY: file:/gone
ACTION: Scrubbing (target was (really) deleted)
delete: x
ENTITY: c
ACTION: first (reason)
ACTION: second
SOURCE: s1
SOURCE: s2
MOOD: happy
MOOD: sad
ENTITY: d
ACTION: Working on
ENTITY: e
ACTION: (odd)` + "\n \n"
	got, err := ParseReport("x", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := Report{
		Entities: []Entity{
			{ID: "file:/etc/locale.gen", Sources: []string{"/usr/share/holo/files/00-base/etc/locale.gen"},
				Info: []InfoLine{{"store at", "/var/lib/holo/base/etc/locale.gen"}, {"apply", "a: b:c"}}},
			{ID: "file:/gone", Verb: "Scrubbing", Reason: "target was (really) deleted", Info: []InfoLine{{"delete", "x"}}},
			{ID: "c", Verb: "second", Sources: []string{"s1", "s2"}, Info: []InfoLine{{"MOOD", "happy"}, {"MOOD", "sad"}}},
			{ID: "d"},
			{ID: "e", Verb: "(odd)"},
		},
		Warnings: []string{`scan report of x: unknown key "MOOD" is taken as information`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if r, err := ParseReport("x", strings.NewReader(" \n\n")); err != nil || len(r.Entities) > 0 {
		t.Errorf("nothing: got %v %v", r, err)
	}
}

func TestParseReportErrors(t *testing.T) {
	const bad = "\nSOURCE: x\n\nENTITY: a\nnonsense\nkey:value\n: x\nkey: \n  \nENTITY: b"
	_, err := ParseReport("x", strings.NewReader(bad))
	want := `error in scan report of x, line 1: expected entity ID, found attribute "SOURCE: x"
error in scan report of x, line 4: parse error (line was "nonsense")
error in scan report of x, line 5: parse error (line was "key:value")
error in scan report of x, line 6: parse error (line was ": x")
error in scan report of x, line 7: parse error (line was "key: ")
error in scan report of x, line 8: parse error (line was "  ")`
	if diff := cmp.Diff(want, text(err)); diff != "" {
		t.Error(diff)
	}
}

func TestStrictReport(t *testing.T) {
	for id, want := range map[string]string{
		"/etc/foo": "looks like a path", "./x": "looks like a path", "../x": "looks like a path", ".": "looks like a path",
		"..": "looks like a path", "a\x00b": "has a NUL byte", "a": "is reported twice",
		"file:/etc/foo": "", ".hidden": "", "a/b": "", "-f": "", "...": "",
	} {
		r, err := ParseReport("x", strings.NewReader("ENTITY: a\nENTITY: "+id+"\n"))
		if err != nil || len(r.Entities) != 2 {
			t.Fatalf("%q: got %v %v", id, r, err)
		}
		got := ""
		if len(r.Strict) > 0 {
			e, ok := errors.AsType[*EntityIDError](r.Strict[0])
			if !ok || e.Entity != id || e.Plugin != "x" {
				t.Fatalf("%q: got %v", id, r.Strict)
			}
			got = e.Reason
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", id, got, want)
		}
	}
}

func TestWriteReportRefuses(t *testing.T) {
	for name, e := range map[string]Entity{
		"empty ID":       {},
		"line break":     {ID: "a\nENTITY: b"},
		"empty value":    {ID: "a", Info: []InfoLine{{"k", ""}}},
		"colon in key":   {ID: "a", Info: []InfoLine{{"k: l", "v"}}},
		"special key":    {ID: "a", Info: []InfoLine{{"SOURCE", "v"}}},
		"blank key":      {ID: "a", Info: []InfoLine{{" k", "v"}}},
		"source":         {ID: "a", Sources: []string{"x\ny"}},
		"reason":         {ID: "a", Reason: "x\ny"},
		"value has line": {ID: "a", Info: []InfoLine{{"k", "v\nENTITY: z"}}},
	} {
		var b bytes.Buffer
		if err := WriteReport(&b, []Entity{{ID: "ok"}, e}); err == nil {
			t.Errorf("%s: written as %q", name, b.String())
		} else if b.Len() > 0 {
			t.Errorf("%s: half a report: %q", name, b.String())
		}
	}
}
