package confd

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestLines: ends of lines, of which each kind counts once in a row.
func TestLines(t *testing.T) {
	var got []string
	text := "a\n\r b \n\n\x00#c\r\x00d\r\re\x00\nf\r\n\x00g"
	if err := EachLine(strings.NewReader(text), func(n int, line string) { got = append(got, fmt.Sprint(n, line)) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1a", "2b", "5d", "7e", "9f", "10g"}, got); diff != "" {
		t.Error(diff)
	}
	s := bufio.NewScanner(io.MultiReader(strings.NewReader("a\r"), strings.NewReader("\nb"))) // read in pieces
	s.Split(ScanLines)
	n := 0
	for s.Scan() {
		n++
	}
	if n != 2 {
		t.Errorf("%d lines", n)
	}
}

// TestWords: quotes, backslashes, escapes.
func TestWords(t *testing.T) {
	for _, tt := range []struct {
		line    string
		escapes bool
		want    []string
		rest    string
		ok      bool
	}{
		{"a  b\tc", false, []string{"a", "b"}, "c", true},
		{"'a b' \"c\"d'e'", false, []string{"a b", "cde"}, "", true},
		{"a\\ b \\x41", false, []string{"a b", "x41"}, "", true},
		{"\"\" x", false, []string{"", "x"}, "", true},
		{"a 'b", false, []string{"a"}, "", false},
		{"a\\", false, nil, "", false},
		{"\\x41\\n \\101\\u00e9", true, []string{"A\n", "A\u00e9"}, "", true},
		{"\\q", true, nil, "", false},
		{"\\x00", true, nil, "", false},
		{"", true, nil, "", true},
	} {
		words, rest, ok := Words(tt.line, 2, tt.escapes)
		if diff := cmp.Diff(tt.want, words); diff != "" || rest != tt.rest || ok != tt.ok {
			t.Errorf("%q: rest %q, %v, %s", tt.line, rest, ok, diff)
		}
	}
}

// TestFiles: which files count, by which names they are found, and which one more replaces.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	base, err := rootfs.ReadBase(t.Context(), []rootfs.Layer{rootfstest.Tar(t, rootfstest.Dir("etc", 0o755), rootfstest.Dir("etc/x.d", 0o755), rootfstest.Dir("usr", 0o755),
		rootfstest.Dir("usr/lib", 0o755), rootfstest.Dir("usr/lib/x.d", 0o755), rootfstest.File("usr/lib/x.d/a.conf", 0o644, "vendor"), rootfstest.File("usr/lib/x.d/b.conf", 0o644, "b"),
		rootfstest.File("etc/x.d/a.conf", 0o644, "admin"), rootfstest.Symlink("etc/x.d/b.conf", "/dev/null"), rootfstest.File("etc/x.d/c.txt", 0o644, ""),
		rootfstest.Symlink("usr/lib/x.d/d.conf", "../../../../../../etc/x.d/a.conf"), rootfstest.Symlink("lib", "usr/lib"))}, dir, rootfs.BaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := rootfs.Stage(base, rootfs.StageOptions{Dir: dir, Start: rootfstest.Epoch})
	defer s.Close()
	d := Dirs{s.Root(rootfs.Actor{}), "x.d"}
	files, err := d.Files()
	want := []string{"etc/x.d/a.conf", "etc/x.d/b.conf", "usr/lib/x.d/d.conf"}
	if diff := cmp.Diff(want, files); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for name, want := range map[string]string{"a.conf": "admin", "b.conf": "", "d.conf": "admin", "../x.d/a.conf": "admin"} {
		file, err := d.Find(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		f, err := d.Open(file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if content, err := io.ReadAll(f); err != nil || string(content) != want {
			t.Errorf("%s has %q, %v", name, content, err)
		}
	}
	if file, err := d.Find("nope"); !Missing(err) {
		t.Errorf("found %s, %v", file, err)
	}
	for name, want := range map[string]int{"etc/x.d/a.conf": 0, "usr/lib/x.d/a.conf": -1, "run/x.d/d.conf": 2, "opt/d.conf": -1, "opt/aa.conf": 1, "usr/lib/x.d/z.conf": 3} {
		if all, at := d.With(files, name); at != want || at >= 0 && all[at] != name || len(files) != 3 {
			t.Errorf("%s is at %d of %q", name, at, all)
		}
	}
}

// FuzzWords: words and rest are what was there, and a word that is quoted is the same again.
func FuzzWords(f *testing.F) {
	f.Add("u app - \"An app\" '/srv/a b' \\x41", true)
	f.Add("a\\ b'c\"", false)
	f.Fuzz(func(t *testing.T, line string, escapes bool) {
		words, rest, ok := Words(line, 3, escapes)
		if len(words) > 3 || !strings.HasSuffix(line, rest) && ok || ok && rest != "" && len(words) < 3 {
			t.Fatalf("%q: %q %q %v", line, words, rest, ok)
		}
		for _, w := range words {
			quoted := "'" + strings.NewReplacer("\\", "\\\\", "'", "\\'").Replace(w) + "'"
			if again, rest, ok := Words(quoted, 3, escapes); !ok || rest != "" || len(again) != 1 || again[0] != w {
				t.Errorf("%q is quoted %q, and that is %q %q %v", w, quoted, again, rest, ok)
			}
		}
	})
}
