package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCacheOtherVersions: what newer versions of the program keep beside is theirs, and so is what only seems to be an
// older one's. What is goes, when there is no room or prune is told to.
func TestCacheOtherVersions(t *testing.T) {
	c := newCachedBuilds(t, stageView)
	for _, name := range []string{"v2/blobs/0123", "v10/f", "other"} {
		writeResource(t, filepath.Join(c.cache, name), name, 0o600)
	}
	want := c.uncached()
	age := func() {
		t.Helper()
		c.right("cold", c.build(c.source), want)
		if err := os.Rename(filepath.Join(c.cache, "v1"), filepath.Join(c.cache, "v0")); err != nil {
			t.Fatal(err)
		}
	}
	verb := func(args ...string) (out, told string) {
		t.Helper()
		b, out := c.run(append(append([]string{"cache"}, args...), "--cache-dir", c.cache)...)
		if b.status != 0 {
			t.Errorf("%q: %+v", args, b)
		}
		return out, strings.ReplaceAll(b.said, c.cache, "DIR")
	}
	is := func(what, got, pattern string) {
		t.Helper()
		if !regexp.MustCompile(pattern).MatchString(got) {
			t.Errorf("%s: got %q, want %s", what, got, pattern)
		}
	}
	const newer = `DIR/v2, 13 bytes: a newer version's\nDIR/v10, 5 bytes: a newer version's\n`
	left := func(what, names string) {
		t.Helper()
		list, err := os.ReadDir(c.cache)
		var got []string
		for _, e := range list {
			got = append(got, e.Name())
		}
		if err != nil || strings.Join(got, " ") != names {
			t.Errorf("%s: left %q, %v, want %s", what, got, err, names)
		}
	}

	age()
	c.right("cold", c.build(c.source), want)
	c.right("warm", c.build(c.bare), want)
	left("within the limit", "other v0 v1 v10 v2")
	_, told := verb("ls")
	is("ls", told, `^DIR/v0, [0-9.]+ MB: an older version's, which prune removes\n`+newer+`\d entries in `)
	if status, found := c.verify(); status != 0 || strings.Contains(found, "unknown") {
		t.Errorf("verify has status %d\n%s", status, found)
	}
	c.right("over the limit", c.build(c.bare, "--cache-limit", "200K"), want)
	left("over the limit", "other v1 v10 v2")
	c.right("and what was kept is there", c.build(c.bare), want)
	age()
	out, told := verb("prune")
	is("prune", out, `^0 entries and 1 older version removed, [0-9.]+ MB; 0 bytes left\n$`)
	is("prune", told, `^`+newer+`$`)
	age()
	writeResource(t, filepath.Join(c.cache, "v0/mine"), "", 0o600)
	out, told = verb("prune", "--all")
	is("strange", out, `^0 entries removed, 0 bytes; 0 bytes left\n$`)
	is("strange", told, `^DIR/v0, [0-9.]+ MB: an older version's, and stays: there is something in it that nobody of ours has made\n`+newer+`$`)
	left("strange", "other v0 v10 v2")
}
