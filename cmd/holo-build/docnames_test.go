package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/plugins/holo/holotest"
)

// Names in documents: of a test, a file of tests or a script; of checks of the conformance kit; of test cases.
var (
	namedTest  = regexp.MustCompile("`((?:Test|Fuzz)\\w+|\\w+_test\\.go|\\w+\\.txtar)[`/]")
	namedCheck = regexp.MustCompile("checks? (`[a-z-]+`(?:, `[a-z-]+`)*)")
	namedCase  = regexp.MustCompile("cases? (`[a-z-]+/[0-9]{2}-[a-z-]+`(?:, `[a-z-]+/[0-9]{2}-[a-z-]+`)*)")
)

// testNames are all names of tests that documents may name: "check NAME" and "case PLUGIN/NAME" of those that are none of
// Go's, nor scripts.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for _, top := range []string{"cmd", "oci", "plugins", "rootfs"} {
		err := filepath.WalkDir(filepath.Join(repository, top), func(p string, e fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(p, "_test.go") {
				return err
			}
			src, err := os.ReadFile(p)
			known[filepath.Base(p)] = true
			for _, m := range declared.FindAllSubmatch(src, -1) {
				known[string(m[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range scripts {
		known[filepath.Base(name)] = true
	}
	for _, name := range holotest.Checks() {
		known["check "+name] = true
	}
	cases, err := filepath.Glob("testdata/cases/*/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range cases {
		known["case "+strings.TrimPrefix(dir, "testdata/cases/")] = true
	}
	return known
}

// named returns what a document names, in its order.
func named(t *testing.T, doc string) (names []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, doc))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range namedTest.FindAllSubmatch(text, -1) {
		names = append(names, string(m[1]))
	}
	for kind, expr := range map[string]*regexp.Regexp{"check ": namedCheck, "case ": namedCase} {
		for _, m := range expr.FindAllSubmatch(text, -1) {
			for name := range strings.SplitSeq(string(m[1]), ", ") {
				names = append(names, kind+strings.Trim(name, "`"))
			}
		}
	}
	return names
}

// TestDocsNameTests: each test, file of tests, script and case that these documents name is there, and each check of the
// conformance kit.
func TestDocsNameTests(t *testing.T) {
	known := testNames(t)
	for doc, least := range map[string]int{"docs/security.md": 50, "docs/conformance.md": 80, "docs/reference.md": 100} {
		names := named(t, doc)
		if len(names) < least {
			t.Errorf("%s names only %d tests", doc, len(names))
		}
		for _, name := range names {
			if !known[name] {
				t.Errorf("%s names %s, which there is not", doc, name)
			}
		}
	}
}

// TestReferenceNamesAll: each script and each case that is about a fact of the reference stands in the list of them.
func TestReferenceNamesAll(t *testing.T) {
	listed := named(t, "docs/reference.md")
	for name := range testNames(t) {
		if (strings.HasPrefix(name, "holo_") && strings.HasSuffix(name, ".txtar") || strings.HasPrefix(name, "case ")) && !slices.Contains(listed, name) {
			t.Errorf("docs/reference.md does not name %s", name)
		}
	}
}
