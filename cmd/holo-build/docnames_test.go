package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/plugins/holo/holotest"
)

// TestDocsNameTests: each test, file of tests and script that these documents name is there, and each check of the
// conformance kit.
func TestDocsNameTests(t *testing.T) {
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
	for doc, least := range map[string]int{"docs/security.md": 50, "docs/conformance.md": 80} {
		text, err := os.ReadFile(filepath.Join(repository, doc))
		if err != nil {
			t.Fatal(err)
		}
		var named []string
		for _, m := range regexp.MustCompile("`((?:Test|Fuzz)\\w+|\\w+_test\\.go|\\w+\\.txtar)[`/]").FindAllSubmatch(text, -1) {
			named = append(named, string(m[1]))
		}
		for _, m := range regexp.MustCompile("checks? (`[a-z-]+`(?:, `[a-z-]+`)*)").FindAllSubmatch(text, -1) {
			for name := range strings.SplitSeq(string(m[1]), ", ") {
				named = append(named, "check "+strings.Trim(name, "`"))
			}
		}
		if len(named) < least {
			t.Errorf("%s names only %d tests", doc, len(named))
		}
		for _, name := range named {
			if !known[name] {
				t.Errorf("%s names %s, which there is not", doc, name)
			}
		}
	}
}
