package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/plugins/holo/holotest"
)

// TestDocsNameKept: docs/conformance.md lists what our plugins keep of the reference: all that the kit tells, and no more;
// and the checks that see it are there.
func TestDocsNameKept(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "docs/conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## What our plugins knowingly keep of the reference\n")
	var got, want []string
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "| `") {
			got = append(got, strings.TrimSuffix(line, "\n"))
		}
	}
	for plugin, rules := range kept() {
		for _, r := range rules {
			check := "-"
			if r.check != "" {
				check = "`" + r.check + "`"
				if !slices.Contains(holotest.Checks(), r.check) {
					t.Errorf("%s keeps what the check %s sees, which there is not", plugin, r.check)
				}
			}
			want = append(want, fmt.Sprintf("| `holo-%s` | %s | %s |", plugin, check, r.why))
		}
	}
	for _, row := range want {
		if !slices.Contains(got, row) {
			t.Errorf("docs/conformance.md lacks %s", row)
		}
	}
	for _, row := range got {
		if !slices.Contains(want, row) {
			t.Errorf("docs/conformance.md has %s, which is not kept", row)
		}
	}
}
