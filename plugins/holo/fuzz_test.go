package holo

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParseHolorc: lines that were read can be written and are read as the same; errors name their line.
func FuzzParseHolorc(f *testing.F) {
	for _, s := range []string{"", "plugin a\nplugin b=/c", "#x\n plugin \x00=\xff", "plugin\t\n", "plugin  a = b\r\n\n#\nplugin =\n", "frob"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := ParseHolorc("f", strings.NewReader(text))
		if err != nil {
			if !strings.Contains(err.Error(), "f, line ") {
				t.Errorf("error without a place: %v", err)
			}
			return
		}
		var b strings.Builder
		var want []HolorcLine
		for i, l := range lines {
			if l.Number < 1 || i > 0 && l.Number <= lines[i-1].Number || strings.ContainsAny(l.ID+l.Path, "\n") || strings.Contains(l.ID, "=") {
				t.Errorf("%+v", l)
			}
			b.WriteString("plugin " + l.ID)
			if l.Explicit {
				b.WriteString("=" + l.Path)
			}
			b.WriteByte('\n')
			l.Number = i + 1
			want = append(want, l)
		}
		again, err := ParseHolorc("f", strings.NewReader(b.String()))
		if diff := cmp.Diff(want, again); diff != "" || err != nil {
			t.Errorf("%v; -was +read again:\n%s", err, diff)
		}
	})
}

func FuzzParseInfo(f *testing.F) {
	for _, s := range []string{"MIN_API_VERSION=3\nMAX_API_VERSION=3\n", "MAX_API_VERSION=+5\nMIN_API_VERSION=0x1", "MIN_API_VERSION=1\nMIN_API_VERSION=2\nMAX_API_VERSION=99", "=\n\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		i, err := ParseInfo("x", strings.NewReader(s))
		if err != nil {
			e, ok := errors.AsType[*InfoError](err)
			if text := err.Error(); !ok || e.Plugin != "x" || len(text) > 400 || strings.ContainsAny(text, "\n\x00\x1b") {
				t.Errorf("%v", err)
			}
			return
		}
		var b bytes.Buffer
		if err := i.Write(&b); err != nil {
			t.Fatal(err)
		}
		again, err := ParseInfo("x", &b)
		if err != nil || again != i {
			t.Errorf("%+v became %+v, %v", i, again, err)
		}
		// That we are spoken to is a matter of both ends of the range.
		if got := i.negotiate("x") == nil; got != (1 <= i.Min && i.Min <= APIVersion && APIVersion <= i.Max) {
			t.Errorf("%+v: %v", i, got)
		}
		if got := i.Compatible("x") == nil; got != (i.Min <= APIVersion && APIVersion <= i.Max) {
			t.Errorf("%+v: %v", i, got)
		}
	})
}

func FuzzFD3(f *testing.F) {
	for _, s := range []string{"", "a\x00b\x00", "a\x00b", "a\x00", "\x00\x00", "a\x00\x00", "\x00b\x00", "not changed\n",
		"requires --force to restore\nnot changed\nrequires --force to overwrite"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list := ParseMessages([]byte(s))
		var messages bytes.Buffer
		for _, o := range list {
			if !strings.Contains(s, message(o)) {
				t.Errorf("%q holds no %s", s, o)
			}
			if err := WriteMessage(&messages, o); err != nil {
				t.Fatal(err)
			}
		}
		if again := ParseMessages(messages.Bytes()); !slices.Equal(again, list) {
			t.Errorf("%v became %v", list, again)
		}
		from, to, ok := ParsePaths([]byte(s))
		if !ok && (from != "" || to != "") {
			t.Errorf("paths %q %q, but no diff", from, to)
		}
		if from == "" && to == "" {
			return
		}
		var b bytes.Buffer
		if err := WritePaths(&b, from, to); err != nil {
			t.Fatal(err)
		}
		if f2, t2, ok := ParsePaths(b.Bytes()); !ok || f2 != from || t2 != to {
			t.Errorf("%q %q became %q %q", from, to, f2, t2)
		}
	})
}

func FuzzReport(f *testing.F) {
	for _, s := range []string{
		"", "ENTITY: a\nACTION: Scrubbing (x)\nSOURCE: s\nfoo: bar\n", "ENTITY: a\nENTITY: a\nX: y", "SOURCE: x\n",
		"ENTITY: a\nACTION: Working on (why)\n\n\n", "\xff: \xfe\nENTITY: \x00", "ENTITY: a\nfoo: x \nACTION: y",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseReport("x", strings.NewReader(s))
		if err != nil {
			e, ok := errors.AsType[*ReportError](err)
			if lines := strings.Count(s, "\n") + 1; !ok || e.Plugin != "x" || e.Number < 1 || e.Number > lines || strings.Contains(e.Text, "\n") {
				t.Errorf("%v", err)
			}
			return
		}
		seen := map[string]bool{}
		repeated := false
		for _, e := range r.Entities {
			repeated = repeated || seen[e.ID]
			seen[e.ID] = true
		}
		if repeated && len(r.Strict) == 0 {
			t.Errorf("an entity twice: %q", s)
		}
		var b bytes.Buffer
		if err := WriteReport(&b, r.Entities); err != nil {
			t.Fatal(err)
		}
		// Space at the very end of a report is not part of its last value.
		if text := b.String(); strings.TrimSpace(text) != strings.TrimSuffix(text, "\n") {
			return
		}
		again, err := ParseReport("x", &b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r.Entities, again.Entities); diff != "" {
			t.Error(diff)
		}
	})
}

// FuzzNeutral: no text keeps the place of the staging root, and what has none of it stays as it is.
func FuzzNeutral(f *testing.F) {
	const dir = "/st/root"
	n := newNeutral(dir, false, locations("a", "tmp/holo.0"))
	for _, s := range []string{"", dir, dir + "/tmp/holo.0/a/x", dir + "/var/lib/holo/a-b", "/st" + dir + "/root", dir + dir + "s", "/st/roo/st/roott"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := n.text(s)
		if strings.Contains(got, dir) || n.text(got) != got || !strings.Contains(s, dir) && got != s {
			t.Errorf("%q became %q", s, got)
		}
		// With the variables' values put in again, it is what it was.
		back := got
		if strings.Contains(s, "$") {
			return
		}
		for _, l := range locations("a", "tmp/holo.0") {
			back = strings.ReplaceAll(back, "$"+l.variable, strings.TrimSuffix(dir+"/"+l.name, "/."))
		}
		if back != s {
			t.Errorf("%q became %q, which means %q", s, got, back)
		}
	})
}

// FuzzSelection: whatever flags and holorc lines say, each plugin is loaded once, under an ID that is one, in the order
// of the first mention; nothing that was asked for is passed over without an error.
func FuzzSelection(f *testing.F) {
	f.Add("files\nx=/bin/true", "plugin users\nplugin files", "ssh-keys")
	f.Add("a=b\na=c", "plugin a=/x\nplugin ../x\nplugin generators\n", "-x\nfiles")
	f.Add("=\nfiles=", "plugin files=/usr/lib/holo/holo-files", "")
	id := regexp.MustCompile(`\A[a-z0-9][a-z0-9-]*\z`) // holo-plugin-interface(7)
	bundled := []Bundled{{ID: "files", Order: 10}, {ID: "users", Order: 20}, {ID: "ssh-keys", Order: 25}}
	split := func(s string) []string {
		return slices.DeleteFunc(strings.Split(s, "\n"), func(l string) bool { return l == "" })
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, flags, rc, brought string) {
		lines, err := ParseHolorc("etc/holorc", strings.NewReader(rc))
		if err != nil || strings.Contains(flags, "\x00") {
			return
		}
		s := Selection{Flags: split(flags), Holorc: lines, Brought: split(brought), Bundled: bundled, Dir: dir}
		specs, err := s.Specs()
		var mentioned []string
		for _, v := range s.Flags {
			v, _, _ = strings.Cut(v, "=")
			mentioned = append(mentioned, v)
		}
		for _, l := range lines {
			mentioned = append(mentioned, l.ID)
		}
		at := -1
		for i, sp := range specs {
			if !id.MatchString(sp.ID) || slices.ContainsFunc(specs[:i], func(o Spec) bool { return o.ID == sp.ID }) {
				t.Errorf("plugin %q is loaded, or twice", sp.ID)
			}
			if now := slices.Index(mentioned, sp.ID); now >= 0 {
				if now < at {
					t.Errorf("%q out of order", sp.ID)
				}
				at = now
			} else if !slices.Contains(s.Brought, sp.ID) {
				t.Errorf("nobody asked for %q", sp.ID)
			}
		}
		for _, want := range append(mentioned, s.Brought...) {
			if err == nil && !slices.ContainsFunc(specs, func(o Spec) bool { return o.ID == want }) {
				t.Errorf("%q was asked for and is passed over", want)
			}
		}
	})
}
