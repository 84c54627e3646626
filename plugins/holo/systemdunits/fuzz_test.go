package systemdunits

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/internal/units"
	"github.com/holo-build/holo-build/rootfs"
)

var fifo = rootfs.Meta{Type: rootfs.FIFO, Mode: 0o644}

// FuzzDocument: lines of items and complaints are lines of the file, and items have keys that there are.
func FuzzDocument(f *testing.F) {
	f.Add("enable = [\"a\",\n 'b', \"\"\"c\"\"\"]\ndefault-target = \"x\"\n")
	f.Add("a.b = 1\n[t]\nx = [1]\n[[enable]]\n")
	f.Add("preset-all = true\npresets = [\"enable *\", 1, {a = 1}]\nmask = 1979-05-27\n")
	f.Add("\xef\xbb\xbf\"enable\" = []\r\n'mask'=[\"\\u0000\"]")
	f.Fuzz(func(t *testing.T, text string) {
		items, wrong := parseDocument([]byte(text))
		lines := 1 + strings.Count(text, "\n")
		for _, i := range items {
			if i.line < 1 || i.line > lines || wants[i.key] == "" && i.key != presetsKey && i.key != presetAllKey && i.key != targetKey {
				t.Errorf("item %+v of %d lines", i, lines)
			}
		}
		for _, c := range wrong {
			if c.Line < 0 || c.Line > lines || c.Text == "" {
				t.Errorf("complaint %+v of %d lines", c, lines)
			}
		}
	})
}

// FuzzSnapshot: what is read lies in the configuration, and is the same when it is written and read again.
func FuzzSnapshot(f *testing.F) {
	f.Add("a.service b.socket\n/etc/systemd/system/x.wants/a.service -> /usr/lib/a.service\n")
	f.Add("a.service\n\"/etc/systemd/system/x \\n -> y/a.service\" -> \"\\xff\"\n")
	f.Add("a.service\n\n")
	f.Add("a.service\n/etc/systemd/system/../x -> y\n/etc/systemd/system/x -> \n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := decodeSnapshot(text)
		if err != nil {
			return
		}
		for _, l := range s.links {
			if !strings.HasPrefix(l.Path, "/etc/systemd/system/") || strings.Contains(l.Path+"/", "/../") || l.Target == "" {
				t.Errorf("link %q -> %q", l.Path, l.Target)
			}
		}
		again, err := decodeSnapshot(s.encode())
		if diff := cmp.Diff([]units.Link(s.links), []units.Link(again.links)); err != nil || diff != "" || !cmp.Equal(s.names, again.names) {
			t.Errorf("%v; -was +read again:\n%s", err, diff)
		}
	})
}
