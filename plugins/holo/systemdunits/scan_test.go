package systemdunits

import (
	"strings"
	"testing"

	"github.com/holo-build/holo-build/plugins/holo"
)

func TestScan(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"nothing", map[string]string{"README": "x = ", "d.toml.bak": "x"}, ""},
		{"lists stack", map[string]string{"1.toml": "enable = [\"a\", \"b.service\"]\n", "2.toml": "\n\nenable = [\n  'a.service',\n]\ndefault-target = 'graphical'\n"},
			"default-target:system | found in R/2.toml | target graphical.target\n" +
				"unit:a.service | found in R/1.toml | found in R/2.toml | is to be enabled\nunit:b.service | found in R/1.toml | is to be enabled\n"},
		{"contradictions", map[string]string{"1.toml": "enable = [\n\"a\",\n\"b\"]\nmask = [\"c\"]\n", "2.toml": "mask = [\"a.service\"]\ndefault-target = \"x\"", "3.toml": "default-target = \"y.target\"\n"},
			"unit:b.service | found in R/1.toml | is to be enabled\nunit:c.service | found in R/1.toml | is to be masked\n" +
				"!! R/2.toml, line 1: unit a.service is to be masked, but enabled in R/1.toml, line 2\n" +
				"!! R/3.toml, line 1: the default target is to be y.target, but x.target in R/2.toml, line 2\n"},
		{"contradictions in one file", map[string]string{"1.toml": "enable = [\"a\"]\ndisable = [\"a.service\"]\n"},
			"!! R/1.toml, line 2: unit a.service is to be disabled, but enabled in R/1.toml, line 1\n"},
		{"an alias is its unit", map[string]string{"1.toml": "enable = [\"alias\"]\n"}, "unit:a.service | found in R/1.toml | is to be enabled\n"},
		{"contradiction by an alias", map[string]string{"1.toml": "enable = [\"alias\"]\nmask = [\"a\"]\n"},
			"!! R/1.toml, line 2: unit a.service is to be masked, but enabled in R/1.toml, line 1\n"},
		{"names", map[string]string{"1.toml": "enable = [\"a/b\", \"\", \"x y\"]\ndisable = [\"../a.service\", \"default.target\"]\n", "2.toml": "default-target = \"a@b\"\n", "3.toml": "enable = [\"a\\nb\"]\nmask = [\"b\"]\n"},
			"unit:b.service | found in R/3.toml | is to be masked\n" +
				"!! R/1.toml, line 1: enable: \"a/b\" is no name of a unit\n!! R/1.toml, line 1: enable: \"\" is no name of a unit\n" +
				"!! R/1.toml, line 1: enable: \"x y\" is no name of a unit\n!! R/1.toml, line 2: disable: \"../a.service\" is no name of a unit\n" +
				"!! R/1.toml, line 2: disable: what default.target is, default-target says\n" +
				"!! R/2.toml, line 1: default-target: \"a@b\" is no name of a target\n!! R/3.toml, line 1: enable: \"a\\nb\" is no name of a unit\n"},
		{"keys and types", map[string]string{"1.toml": "enable = \"a\"\nenabel = [\"a\"]\nmask = [1, [\"a\"]]\ndefault-target = [\"x\"]\npreset-all = 1\na.b = 1\n[enable2]\nx = 1\n[[unit]]\n", "2.toml": "enable = [\"b\"]\n"},
			"unit:b.service | found in R/2.toml | is to be enabled\n" +
				"!! R/1.toml, line 1: enable: a list of strings is wanted\n!! R/1.toml, line 2: unknown key \"enabel\"\n" +
				"!! R/1.toml, line 3: mask: a string is wanted, and this is of type integer\n!! R/1.toml, line 3: mask: a string is wanted, and this is of type array\n" +
				"!! R/1.toml, line 4: default-target: a string is wanted, and this is of type array\n!! R/1.toml, line 5: preset-all: true or false is wanted\n" +
				"!! R/1.toml, line 6: unknown key \"a\", with a dot\n!! R/1.toml, line 7: unknown table \"enable2\"\n!! R/1.toml, line 9: unknown table \"unit\"\n"},
		{"syntax", map[string]string{"1.toml": "enable = [\"a\"\n\nx =\n"}, "!! R/1.toml, line 3: column 1: expected ',' or ']' after array value\n"},
		{"twice", map[string]string{"1.toml": "enable = [\"a\"]\nenable = [\"b\"]\n"}, "!! R/1.toml, line 2: column 1: key enable is already defined\n"},

		{"preset rules", map[string]string{"50-x.preset": "# c\nenable a.service\ndisable ?.service\n", "20-y.toml": "presets = [\"disable b.service\",\n\"enable c.*\"]\nmask = [\"k\"]\n"},
			"unit:a.service | found in R/50-x.preset | is to be enabled | rule enable a.service\n" +
				"unit:b.service | found in R/20-y.toml | is to be disabled | rule disable b.service\n" +
				"unit:c.service | found in R/20-y.toml | is to be enabled | rule enable c.*\nunit:k.service | found in R/20-y.toml | is to be masked\n"},
		{"preset rules for all", map[string]string{"1.preset": "enable t@.service x y\nenable u@.service\nenable k*\ndisable *\n"},
			"unit:a.service | found in R/1.preset | is to be disabled | rule disable *\nunit:b.service | found in R/1.preset | is to be disabled | rule disable *\n" +
				"unit:c.service | found in R/1.preset | is to be disabled | rule disable *\nunit:d.socket | found in R/1.preset | is to be disabled | rule disable *\n" +
				"unit:k.service | found in R/1.preset | is to be enabled | rule enable k*\n" +
				"unit:t@x.service | found in R/1.preset | is to be enabled | rule enable t@.service x y\nunit:t@y.service | found in R/1.preset | is to be enabled | rule enable t@.service x y\n" +
				"unit:u@.service | found in R/1.preset | is to be enabled | rule enable u@.service\n"},
		{"a unit that a rule names need not be there", map[string]string{"1.preset": "enable later.service\nenable later-*\nenable s.service\n"},
			"unit:later.service | found in R/1.preset | is to be enabled | rule enable later.service\n"},
		{"the root's presets", map[string]string{"1.toml": "preset-all = true\npresets = [\"disable a.service\"]\n", "2.toml": "preset-all = false\n"},
			"unit:a.service | found in R/1.toml | is to be disabled | rule disable a.service\nunit:b.service | found in R/1.toml | is to be disabled | rule preset-all\n" +
				"unit:c.service | found in R/1.toml | is to be enabled | rule preset-all\nunit:d.socket | found in R/1.toml | is to be enabled | rule preset-all\n" +
				"unit:k.service | found in R/1.toml | is to be enabled | rule preset-all\nunit:u@.service | found in R/1.toml | is to be enabled | rule preset-all\n"},
		{"lines that are no rules", map[string]string{"1.preset": "enable a.service\nfoo\nenable\n", "2.toml": "presets = [\"mask a\"]\ndisable = [\"b\"]\n"},
			"unit:b.service | found in R/2.toml | is to be disabled\n" +
				"!! R/1.preset, line 2: no preset rule: \"foo\"\n!! R/1.preset, line 3: no preset rule: \"enable\"\n!! R/2.toml, line 1: no preset rule: \"mask a\"\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, true)
			w.link(lib+"/alias.service", "a.service")
			w.put("usr/lib/systemd/system-preset/9.preset", "disable b.service\n")
			for name, text := range c.files {
				w.resource(name, text)
			}
			equal(t, "scan", c.want, w.scan())
		})
	}
}

// TestUnreadable: while a file can't be understood, nothing is scrubbed, and no rule is applied.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	w.resource("1.toml", "enable = [\"a\"]\n")
	w.applyAll()
	equal(t, "scan", "unit:a.service | found in R/1.toml | is to be enabled\n", w.scan())
	w.resource("1.toml", "enable = [\"a\"\n")
	w.resource("2.toml", "mask = [\"b\"]\npresets = [\"disable *\"]\n")
	if got := w.scan(); strings.Contains(got, "unit:a.service") || !strings.Contains(got, "unit:b.service") || strings.Contains(got, "c.service") {
		t.Errorf("scan:\n%s", got)
	}
	w.want("unit:a.service", true, `unknown entity ID "unit:a.service"`)
	equal(t, "links", "multi-user.target.wants/a.service"+toA, w.links())
	w.resource("1.toml", "")
	w.resource("2.toml", "mask = [\"b\"]\n")
	equal(t, "scan", "unit:b.service | found in R/2.toml | is to be masked\n"+
		"unit:a.service Scrubbing (all definition files have been deleted) | restore S/base/a.service\n", w.scan())
}

// TestRules: what rules are for is provisioned, and masked units are let be.
func TestRules(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.link(etc+"/c.service", "/dev/null")
		w.link(etc+"/multi-user.target.wants/b.service", "/usr/lib/systemd/system/b.service")
		w.resource("1.preset", "enable a.*\nenable later.service\nenable t@.service x\ndisable *\n")
		w.applyAll()
		want := "c.service -> /dev/null\nmulti-user.target.wants/a.service" + toA + "multi-user.target.wants/t@x.service -> /usr/lib/systemd/system/t@.service\n"
		equal(t, "links", want, w.links())
		if n := w.applyAll(); n != 0 {
			t.Errorf("%d entities applied again", n)
		}
		// One that somebody masks is no orphan by that.
		w.link(etc+"/b.service", "/dev/null")
		w.want("unit:b.service", false, "not-changed")
		w.remove(etc + "/b.service")
		w.put(lib+"/later.service", "[Install]\nWantedBy=multi-user.target\n")
		w.want("unit:later.service", false, "applied")
		w.resource("1.preset", "")
		w.applyAll()
		equal(t, "links", "c.service -> /dev/null\nmulti-user.target.wants/b.service -> /usr/lib/systemd/system/b.service\n", w.links())
	})
}

func TestDiff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	w.resource("1.toml", "enable = [\"a\"]\n")
	diff := func() (string, string) {
		t.Helper()
		w.scan()
		from, to, err := (Plugin{}).Diff(t.Context(), w.env(), "unit:a.service")
		must(t, err)
		return from, to
	}
	from, to := diff()
	equal(t, "paths", " ", from+" "+to)
	w.link(etc+"/more.target.wants/a.service", "../../../../usr/lib/systemd/system/a.service")
	from, to = diff()
	equal(t, "paths", "S/provisioned/a.service C/now/a.service", from+" "+to)
	equal(t, "now", "a.service: a.service; /etc/systemd/system/more.target.wants/a.service -> ../../../../usr/lib/systemd/system/a.service\n", w.tree(cacheAt+"/now"))
	w.remove(etc + "/more.target.wants/a.service")
	w.want("unit:a.service", false, string(holo.Applied))
	w.link(etc+"/a.service", "/dev/null")
	diff()
	equal(t, "now", "a.service: a.service; /etc/systemd/system/a.service -> /dev/null; /etc/systemd/system/multi-user.target.wants/a.service -> /usr/lib/systemd/system/a.service\n",
		w.tree(cacheAt+"/now"))
	if _, _, err := (Plugin{}).Diff(t.Context(), w.env(), "unit:b.service"); err == nil {
		t.Error("a diff of what is no entity")
	}
}

// TestOddResources: what can't be read is told, and hangs nobody.
func TestOddResources(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	must(t, w.root.Put(resDir+"/1.toml", fifo, nil))
	w.link(resDir+"/2.toml", "/nowhere")
	w.resource("3.toml", "# "+strings.Repeat("x", maxFile)+"\n")
	w.resource("4.preset", "enable "+strings.Repeat("x", 2<<20)+"\n")
	w.resource("5\n.toml", "enable = [\"a\"]\n")
	w.resource("6.toml", "\xef\xbb\xbfenable = [\"b\"]\r\n")
	got := w.scan()
	for _, want := range []string{"unit:b.service", "!! R/1.toml: ", "!! R/2.toml: ", "!! R/3.toml: it has more than", "!! R/4.preset: line 1: longer than", `!! "R/5\n.toml": its name has a line break`} {
		if !strings.Contains(got, want) {
			t.Errorf("scan does not say %q:\n%.2000s", want, got)
		}
	}
}
