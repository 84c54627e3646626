package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityNamesTests: each test and file of tests that docs/security.md names is there.
func TestSecurityNamesTests(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(repository, "docs/security.md"))
	if err != nil {
		t.Fatal(err)
	}
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
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+|\\w+_test\\.go)[`/]").FindAllSubmatch(doc, -1)
	if len(named) < 50 {
		t.Errorf("docs/security.md names only %d tests", len(named))
	}
	for _, m := range named {
		if !known[string(m[1])] {
			t.Errorf("docs/security.md names %s, which there is not", m[1])
		}
	}
}
