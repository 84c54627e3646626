package holo

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestParseHolorc(t *testing.T) {
	const text = "# comment\n\n  plugin files  \nplugin users-groups=/opt/x=y\n\tplugin   a = b\r\nplugin c="
	got, err := ParseHolorc("etc/holorc", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []HolorcLine{
		{"files", "", false, "etc/holorc", 3},
		{"users-groups", "/opt/x=y", true, "etc/holorc", 4},
		{"a ", " b", true, "etc/holorc", 5},
		{"c", "", true, "etc/holorc", 6},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, line := range []string{"plugin", "plugin\tfiles", "frob", "plugins files", "plugin:files"} {
		before, err := ParseHolorc("etc/holorc.d/1", strings.NewReader("plugin x\n"+line+"\n"))
		e, ok := errors.AsType[*HolorcError](err)
		if !ok || *e != (HolorcError{"etc/holorc.d/1", 2, line}) || !strings.Contains(err.Error(), "etc/holorc.d/1, line 2") || len(before) != 1 {
			t.Errorf("%q: got %v %v", line, before, err)
		}
	}
	if _, err := ParseHolorc("f", strings.NewReader("\nplugin "+strings.Repeat("x", maxHolorcLine))); err == nil ||
		!strings.Contains(err.Error(), "f, line 2") {
		t.Errorf("long line: got %v", err)
	}
	if _, err := ParseHolorc("f", iotest.ErrReader(io.ErrUnexpectedEOF)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestInfo(t *testing.T) {
	tests := []struct {
		name, text, err string
	}{
		{"plain", "MIN_API_VERSION=3\nMAX_API_VERSION=3\n", ""},
		{"range, other keys, no line break", "noise\nX=1\nMIN_API_VERSION=2\nMAX_API_VERSION=5", ""},
		{"later one counts", "MIN_API_VERSION=x\nMIN_API_VERSION=1\nMAX_API_VERSION=3\n", ""},
		{"version 4", "MIN_API_VERSION=4\nMAX_API_VERSION=5\n",
			"plugin holo-x is incompatible with this Holo (plugin min: 4, plugin max: 5, Holo: 3)"},
		{"version 2", "MIN_API_VERSION=1\nMAX_API_VERSION=2\n",
			"plugin holo-x is incompatible with this Holo (plugin min: 1, plugin max: 2, Holo: 3)"},
		{"empty", "", "reading info of plugin x: MIN_API_VERSION is missing"},
		{"no maximum", "MIN_API_VERSION=3\n", "reading info of plugin x: MAX_API_VERSION is missing"},
		{"blank", "MIN_API_VERSION= 3\nMAX_API_VERSION=3", `reading info of plugin x: MIN_API_VERSION is not a positive number: " 3"`},
		{"zero", "MIN_API_VERSION=0\nMAX_API_VERSION=3", `reading info of plugin x: MIN_API_VERSION is not a positive number: "0"`},
		{"zero at the other end", "MIN_API_VERSION=1\nMAX_API_VERSION=-0", `reading info of plugin x: MAX_API_VERSION is not a positive number: "0"`},
		{"huge", "MIN_API_VERSION=1\nMAX_API_VERSION=99999999999999999999",
			`reading info of plugin x: MAX_API_VERSION is not a positive number: "99999999999999999999"`},
		{"garbage", "\x00\xff\x7fELF", "reading info of plugin x: MIN_API_VERSION is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i, err := ParseInfo("x", strings.NewReader(tt.text))
			if err == nil {
				err = i.negotiate("x")
			}
			if got := text(err); got != tt.err {
				t.Errorf("got %q, want %q", got, tt.err)
			}
		})
	}
	var b bytes.Buffer
	if err := (Info{2, 7}).Write(&b); err != nil {
		t.Fatal(err)
	}
	if i, err := ParseInfo("x", &b); err != nil || i != (Info{2, 7}) {
		t.Errorf("got %v %v", i, err)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestMessages(t *testing.T) {
	for in, want := range map[string]Outcome{
		"":                                Applied,
		"not changed\n":                   NotChanged,
		"not changed":                     NotChanged,
		"requires --force to overwrite\n": NeedsForceOverwrite,
		"requires --force to restore\n":   NeedsForceRestore,
		"not changed \nNot changed\n":     Applied,
		"\x00\xff\n\n":                    Applied,
		"not changed\nrequires --force to restore\nrequires --force to overwrite\n": NeedsForceRestore,
	} {
		if got := outcomeOf(ParseMessages([]byte(in))); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
	for _, o := range []Outcome{Applied, NotChanged, NeedsForceOverwrite, NeedsForceRestore} {
		var b bytes.Buffer
		if err := WriteMessage(&b, o); err != nil {
			t.Fatal(err)
		}
		if got := outcomeOf(ParseMessages(b.Bytes())); got != o {
			t.Errorf("wrote %s, read %s", o, got)
		}
	}
}

func TestPaths(t *testing.T) {
	for in, want := range map[string][]string{
		"": nil, "a": nil, "a\x00": nil, "a\x00b": {"a", "b"}, "a\x00b\x00": {"a", "b"}, "a\x00b\x00c\x00": {"a", "b"},
		"a\x00\x00": {"a", ""}, "\x00b\x00": {"", "b"},
	} {
		from, to, ok := ParsePaths([]byte(in))
		var got []string
		if ok {
			got = []string{from, to}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if err := WritePaths(io.Discard, "a\x00b", "c"); err == nil {
		t.Error("a path with NUL was written")
	}
}

func TestNeutral(t *testing.T) {
	n := newNeutral("/tmp/st/root", false, locations("a", "tmp/holo.0"))
	for in, want := range map[string]string{
		"":                                    "",
		"/etc/foo":                            "/etc/foo",
		"/tmp/st/root":                        "$HOLO_ROOT_DIR",
		"'/tmp/st/root/etc/foo'":              "'$HOLO_ROOT_DIR/etc/foo'",
		"/tmp/st/root/etc:/tmp/st/root/usr\n": "$HOLO_ROOT_DIR/etc:$HOLO_ROOT_DIR/usr\n",
		"/tmp/st/root/tmp/holo.0/a/x":         "$HOLO_CACHE_DIR/x",
		"/tmp/st/root/tmp/holo.0/ab/x":        "$HOLO_ROOT_DIR/tmp/holo.0/ab/x",
		"/tmp/st/root/tmp/holo.0/generated-resources/a":                 "$HOLO_RESOURCE_DIR",
		"/tmp/st/root/tmp/holo.0/generated-resources/b/":                "$HOLO_ROOT_DIR/tmp/holo.0/generated-resources/b/",
		"in /tmp/st/root/var/lib/holo/a.":                               "in $HOLO_STATE_DIR.",
		"/tmp/st/root/var/lib/holo/a-b/x /tmp/st/root/var/lib/holo/a/x": "$HOLO_ROOT_DIR/var/lib/holo/a-b/x $HOLO_STATE_DIR/x",
	} {
		if got := n.text(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got := newNeutral("/", false, locations("a", "c")).text("/etc"); got != "/etc" {
		t.Errorf("a root at / made %q", got)
	}
}
