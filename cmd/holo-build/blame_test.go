package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs"
)

// blameText is what blame prints for some logs, a layer each, of an image that has no other layers.
func blameText(l rootfs.Limits, name string, logs ...string) (text, lines string, err error) {
	b := newBlamed(l.WithDefaults())
	for i, log := range logs {
		if err := b.read(i+1, []byte(log)); err != nil {
			return "", "", err
		}
	}
	a := answer{blamed: b, of: len(logs), path: name, tree: b.latest("/")}
	if name != "" {
		a.history, a.tree = b.history(name), nil
	}
	text, err = a.text()
	lines, jerr := a.json()
	return text, lines, errors.Join(err, jerr)
}

// changeLine is a change record of a log.
func changeLine(path, kind, after, by string) string {
	return fmt.Sprintf(`{"type":"change","path":%s,"kind":%q,"after":{"type":%q,"mode":"0644"},"by":[{"kind":"entity","plugin":"p","entity":%s}]}`+"\n",
		quoted(path), kind, after, quoted(by))
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestBlameLayers follows paths through layers in which directories come and go.
func TestBlameLayers(t *testing.T) {
	deleted := func(path, by string) string {
		return fmt.Sprintf(`{"type":"change","path":%q,"kind":"delete","by":[{"kind":"generator","entity":%q}]}`+"\n", path, by)
	}
	logs := []string{
		changeLine("/a", "add", "directory", "p:1") + changeLine("/a/b", "add", "file", "p:1") + changeLine("/ab", "add", "file", "p:1"),
		deleted("/a", "01"),
		changeLine("/a", "add", "directory", "p:2") + changeLine("/a/c", "add", "file", "p:2") + `{"type":"change","path":"/lost","kind":"add"}`,
		`{"type":"change","path":"/a","kind":"modify","after":{"type":"symlink","mode":"0777","target":"/x"},"by":[{"kind":"plugin","plugin":"p"},{"kind":"build"}]}`,
	}
	for _, c := range []struct{ name, want string }{
		{"", `  /
~   a     plugin p, then holo-build, layer 4
+   ab    p:1, layer 1
+   lost  unattributed, layer 3

1 path is claimed by nobody
`},
		{"/a/b", `/a/b

Layer 1 of 4: added by p:1
  before  nothing
  after   file 0644 0:0

Layer 2 of 4: gone with /a by generator 01
`},
		{"/a/c", `/a/c

Layer 2 of 4: gone with /a by generator 01

Layer 3 of 4: added by p:2
  before  nothing
  after   file 0644 0:0

Layer 4 of 4: gone with /a by plugin p, then holo-build
`},
	} {
		got, _, err := blameText(rootfs.Limits{}, c.name, logs...)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%q: %v, -want +got:\n%s", c.name, err, diff)
		}
	}
}

// TestBlameForeignLayers asks for paths that layers without a log bring, write over and delete.
func TestBlameForeignLayers(t *testing.T) {
	log := `{"type":"build","base":{},"epoch":"","flags":{}}` + "\n" + changeLine("/etc/motd", "modify", "file", "file:/etc/motd") +
		changeLine("/srv/kept", "add", "file", "p:kept")
	img := ocitest.Image(t, ocitest.Options{CreatedBy: historyPrefix},
		[]ocitest.Entry{ocitest.File("etc/motd", "base"), ocitest.File("etc/base", "base"), ocitest.File("etc/gone", "base"), ocitest.Link("bin", "usr/bin")},
		[]ocitest.Entry{ocitest.File("etc/motd", "ours"), ocitest.File("srv/kept", "ours"), ocitest.File(applyLogPath, log)},
		[]ocitest.Entry{ocitest.File("etc/motd", "theirs"), ocitest.File("etc/.wh.gone", "")},
		[]ocitest.Entry{ocitest.File("etc/.wh..wh..opq", "")},
	)
	dir := ocitest.Layout(t, img)
	for _, c := range []struct{ name, want string }{
		{"/etc/motd", `^/etc/motd\n\nLayer 2 of 4: modified by file:/etc/motd\n(  .*\n)*\nLayer 3 of 4: brings it, and has no log\n\nLayer 4 of 4: deletes it, and has no log\n$`},
		{"/etc/base", `^/etc/base\n\nLayer 1 of 4: brings it: it came with the base\n\nLayer 4 of 4: deletes it, and has no log\n$`},
		{"/etc/gone", `^/etc/gone\n\nLayer 1 of 4: brings it: it came with the base\n\nLayer 3 of 4: deletes it, and has no log\n\nLayer 4`},
		{"/srv/kept", `^/srv/kept\n\nLayer 2 of 4: added by p:kept\n(  .*\n)*$`},
		{"/srv", `^/srv\n\nBelow it\n\+ /srv/kept  p:kept\n\nNot known: what layer 3 of 4 changed, which has no log\n\nNot known: what layer 4 of 4`},
	} {
		var out bytes.Buffer
		status := run([]string{"holo-build", "blame", "oci:" + dir, c.name}, testProcess(t.TempDir(), &out))
		if status != 0 || !regexp.MustCompile(c.want).MatchString(out.String()) {
			t.Errorf("%s: status %d, got:\n%s", c.name, status, out.String())
		}
	}
}

// TestBlameHostile reads logs that somebody has made up: they are an error, or what is printed is safe, and not much
// larger than they are.
func TestBlameHostile(t *testing.T) {
	small := rootfs.Limits{OutputBytes: 1 << 20, NameBytes: 1000, Entries: 1000}
	deep := strings.Builder{}
	for i := range 100 {
		deep.WriteString(changeLine("/"+strings.Repeat("d/", i*4)+"f", "add", "file", "p:1"))
	}
	for _, c := range []struct{ name, log, path, want string }{
		{"no JSON", "This is no log.", "", `line 1: invalid character`},
		{"a type that is none", `{"type":"change","path":7}`, "", `cannot unmarshal number`},
		{"deep JSON", strings.Repeat("[", 100_000), "", `exceeded max depth`},
		{"relative", changeLine("etc", "add", "file", "x"), "", `the path "etc" is not absolute`},
		{"empty", `{"type":"change","kind":"add"}`, "", `the path "" is not absolute`},
		{"upwards", changeLine("/a/../../etc", "add", "file", "x"), "", `not in its shortest form`},
		{"a lie about bytes", `{"type":"change","path":"/a","rawPath":"2f62"}`, "", `the path "/a" can't have the bytes "2f62"`},
		{"another lie", `{"type":"change","path":"/a","rawPath":"2fff"}`, "", `can't have the bytes`},
		{"no hexadecimal", `{"type":"change","path":"/a","rawPath":"xx"}`, "", `can't have the bytes`},
		{"a long name", changeLine("/"+strings.Repeat("x", 1001), "add", "file", "x"), "", `a path of 1002 bytes: .*limit`},
		{"many", strings.Repeat(changeLine("/a", "add", "file", "x"), 1001), "", `more than 1000 changes: .*limit`},
		{"large", strings.Repeat("\n", 1<<20+1), "", `more than 1048576 bytes together: .*limit`},
		{"escapes", changeLine("/a\n\x1b[2J\u009b", "add", "file", "p\n+ /etc/shadow"), "", `a\\x0a\\x1b\[2J\\xc2\\x9b  p\\x0a\+ /etc/shadow`},
		{"escapes in a history", strings.ReplaceAll(changeLine("/a", "add", "fi\u009b", "x"), `"p"`, `"p\n"`), "/a", `fi\\xc2\\x9b`},
		{"unknown", `{"type":"surprise"}` + "\n" + `{"type":"change","path":"/a","kind":"odd","surprise":[]}`, "", `  /a  unattributed`},
		{"deep paths", deep.String(), "", `\+ +f  p:1`},
		{"one entity, many times", `{"type":"entity","id":"p:1","plugin":"p","outcome":"` + strings.Repeat("x", 100_000) + "\"}\n" +
			strings.Repeat(changeLine("/a", "add", "file", "p:1"), 500), "/a", `p:1 of plugin p`},
		{"itself above itself", `{"type":"change","path":"/a","kind":"add","linkTo":"/a","after":{"type":"file"}}`, "/a", `a further name of /a`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, lines, err := blameText(small, c.path, c.log)
			got := text
			if err != nil {
				got = err.Error()
			}
			if !regexp.MustCompile(c.want).MatchString(got) {
				t.Errorf("got %.1000q, want %q", got, c.want)
			}
			if len(text)+len(lines) > 4*len(c.log)+1000 {
				t.Errorf("%d and %d bytes of %d", len(text), len(lines), len(c.log))
			}
			if printableLines(text) != text {
				t.Errorf("not for terminals: %.1000q", text)
			}
		})
	}
}

// FuzzBlame: whatever a log says, it is an error, or what is printed is safe for a terminal and bounded by it.
func FuzzBlame(f *testing.F) {
	f.Add([]byte(changeLine("/a/b", "add", "file", "p:1")+changeLine("/a", "modify", "symlink", "p:2")), "/a/b")
	f.Add([]byte(`{"type":"change","path":"/\ufffd","rawPath":"2fff","by":[{},{"kind":"x"}]}`), "")
	f.Add([]byte(`{"type":"entity","id":"e","plugin":"p","sources":[{}]}{"type":"call","argv":[""]}`), "/")
	f.Fuzz(func(t *testing.T, log []byte, name string) {
		if name != "" {
			name = path.Clean("/" + name)
		}
		text, lines, err := blameText(rootfs.Limits{OutputBytes: 1 << 16}, name, string(log), string(log))
		if err != nil {
			return
		}
		if printableLines(text) != text {
			t.Errorf("not for terminals: %q", text)
		}
		if most := 30*(2*len(log)+len(name)) + 1000; len(text) > most || len(lines) > most {
			t.Errorf("%d and %d bytes of %d", len(text), len(lines), len(log))
		}
	})
}
