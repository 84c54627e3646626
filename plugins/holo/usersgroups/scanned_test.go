package usersgroups

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestScanned: what is kept of a scan is what a scan finds, to the last attribute.
func TestScanned(t *testing.T) {
	full := account{kind: user, name: "full", id: number(0), comment: "c\t\u2028\u00fc", home: "/h", loginGroup: "g", shell: "/s", groups: []string{"y", "x"},
		system: true, skipBaseGroups: true, createHome: boolean(false)}
	c := &catalog{
		defs: map[string]*definition{
			"user:full":  {account: full},
			"group:a":    {account: account{kind: group, name: "a"}},
			"user:bad":   {account: account{kind: user, name: "bad"}, broken: "R/\t1.toml"},
			"user:full2": {account: account{kind: user, name: "full2", createHome: boolean(true), id: number(maxID)}},
		},
		orphans: map[string]account{"user:old": {kind: user, name: "old"}},
	}
	s, err := c.text()
	check(t, err)
	for _, id := range []string{"user:full", "user:full2", "group:a"} {
		a, def, err := s.find(id)
		if err != nil || a.entityID() != id || def == nil {
			t.Fatalf("%s: %v %v %v", id, a, def, err)
		}
		if d := diffAccounts(c.defs[id].account, *def); d != "" {
			t.Error(d)
		}
		if !s.defined(a) || s.orphaned(a) {
			t.Errorf("%s is defined", id)
		}
	}
	old := account{kind: user, name: "old"}
	if a, def, err := s.find("user:old"); err != nil || def != nil || a.entityID() != "user:old" || s.defined(old) || !s.orphaned(old) {
		t.Errorf("orphan: %v %v %v", a, def, err)
	}
	for id, want := range map[string]string{
		"user:bad": "user:bad: its definition in R/\t1.toml is invalid", "user:ful": `unknown entity ID "user:ful"`, "": `unknown entity ID ""`,
		"unclear": `unknown entity ID "unclear"`, "user:full\t{}\nuser:x": `unknown entity ID "user:full\t{}\nuser:x"`,
	} {
		if _, _, err := s.find(id); err == nil || err.Error() != want {
			t.Errorf("%q: %v", id, err)
		}
	}
	c.unclear = "R/2.toml"
	s, err = c.text()
	check(t, err)
	if _, _, err := s.find("user:old"); err == nil || err.Error() != "user:old: not scrubbed, as long as R/2.toml is invalid" {
		t.Error(err)
	}
}

// TestScannedLife: what was scanned is applied, until the next scan; a failed one leaves nothing to go by.
func TestScannedLife(t *testing.T) {
	w := newWorld(t, "", "[[group]]\nname='g'\ngid=5\n")
	scan := func() error {
		_, err := Plugin{}.Scan(t.Context(), w.env)
		return err
	}
	check(t, scan())
	w.write(t, resourceDir+"/10.toml", "[[group]]\nname='g'\ngid=6\n")
	w.expect(t, "group:g", "applied\nMOCK: groupadd --gid 5 g\n")
	check(t, scan())
	w.write(t, "etc/group", "g:x:6:\n")
	w.expect(t, "group:g", "not-changed\n") // the new definition is what somebody has made already
	check(t, os.RemoveAll(filepath.Join(w.dir, resourceDir)))
	if err := scan(); err == nil {
		t.Error("there are no resources")
	}
	if got := w.apply(t, "group:g", true); !strings.HasPrefix(got, "failed\nerror: reading R: ") {
		t.Errorf("got %s", got)
	}
	check(t, os.MkdirAll(filepath.Join(w.dir, resourceDir), 0o755))
	check(t, scan())
	w.expect(t, "group:g", "applied\nMOCK: groupdel g\n")
	w.expect(t, "group:g", "failed\nerror: unknown entity ID \"group:g\"\n")
	// Where nothing can be kept, files are read each time.
	check(t, os.RemoveAll(filepath.Join(w.dir, cacheDir)))
	w.write(t, resourceDir+"/10.toml", "[[group]]\nname='g'\ngid=6\n")
	check(t, scan())
	w.expect(t, "group:g", "not-changed\n")
}
