package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTables: all that cases name exists, and nothing is there that no case names.
func TestTables(t *testing.T) {
	table, used := sideTable(), map[string]bool{}
	for _, name := range sidesOf(allRows()) {
		used[name] = true
		s, ok := table[name]
		if !ok {
			t.Errorf("there is no side %s", name)
			continue
		}
		if i := s.image(); i != "small" && i != "large" {
			t.Errorf("%s changes image %q", name, i)
		}
		if s.often() < 1 {
			t.Errorf("%s never runs", name)
		}
	}
	names := map[string]bool{}
	for _, r := range allRows() {
		if names[r.name] {
			t.Errorf("two cases are named %s", r.name)
		}
		names[r.name] = true
		if len(r.ours) == 0 {
			t.Errorf("%s measures nothing", r.name)
		}
		if k := r.target.kind; len(r.peers) == 0 && k != memory && k != eachWhole {
			t.Errorf("%s compares with nothing", r.name)
		}
	}
}

func TestChooseRows(t *testing.T) {
	for globs, want := range map[string][]string{
		"warm-flat-*":                  {"warm-flat-view", "warm-flat-auto"},
		"entities,cold-view":           {"cold-view", "entities"},
		"cold-v*,*-view,!x,cold-copy*": nil,
	} {
		rows, err := chooseRows(globs)
		var got []string
		for _, r := range rows {
			got = append(got, r.name)
		}
		if d := cmp.Diff(want, got); d != "" || (err == nil) != (want != nil) {
			t.Errorf("chooseRows(%q): %v, %v\n%s", globs, got, err, d)
		}
	}
	rows, err := chooseRows("*")
	if err != nil || len(rows) != len(allRows()) {
		t.Errorf("of %d cases, * chooses %d, %v", len(allRows()), len(rows), err)
	}
	rows, err = chooseRows("cold-view,cold-copy")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"view-large", "umoci-large", "buildah-large", "copy-large"}
	if d := cmp.Diff(want, sidesOf(rows)); d != "" {
		t.Error(d)
	}
}

// TestPerformanceDoc: docs/performance.md has all cases with their targets.
func TestPerformanceDoc(t *testing.T) {
	raw, err := os.ReadFile("../../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		if cells := strings.Split(line, "|"); len(cells) == 9 && strings.HasPrefix(cells[1], " `") {
			targets[strings.Trim(cells[1], " `")] = strings.TrimSpace(cells[6])
		}
	}
	want := map[string]string{}
	for _, r := range allRows() {
		want[r.name] = r.target.String()
	}
	if d := cmp.Diff(want, targets); d != "" {
		t.Error(d)
	}
}
