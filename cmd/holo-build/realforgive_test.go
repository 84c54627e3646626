package main

import (
	"archive/tar"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// emptyXattr matches an attribute without a value. Neither umoci nor podman sets one: archive/tar, by which they read,
// takes an empty PAX record for none, as POSIX has it.
var emptyXattr = regexp.MustCompile(` [a-z]+\.[^ =]+=( |$)`)

// before1970 matches a time in a description, with its nanoseconds.
var before1970 = regexp.MustCompile(` -\d+\.\d{9}`)

// forgetDirectories takes out of what directories are described as: the times, but for those that top names; and mode
// and owner, too, of those that can have been made without an entry in a directory that was setgid.
func forgetDirectories(tree map[string]string, top, layers map[string]int64) {
	for name, line := range tree {
		if _, ok := top[name]; ok || !strings.HasPrefix(line, "4") {
			continue
		}
		fields := strings.Fields(line)
		tree[name] = strings.Join(slices.Delete(fields, 2, 3), " ")
		if _, ok := layers[name]; !ok || layers[path.Dir(name)]&tarSetgid != 0 {
			tree[name] = "4"
		}
	}
}

// tarSetgid is the bit of a mode as a tar has it: tar(5).
const tarSetgid = 0o2000

// linkGroup matches what a hard link is described as.
var linkGroup = regexp.MustCompile(` links \d+ with (\S+)$`)

// forgetHiddenLinks counts hard links anew, by the names that can be seen: overlay answers with the number of the file
// below, of which another layer may have taken a name away.
func forgetHiddenLinks(tree map[string]string) {
	names := map[string]int{}
	for _, line := range tree {
		if m := linkGroup.FindStringSubmatch(line); m != nil {
			names[m[1]]++
		}
	}
	for name, line := range tree {
		m := linkGroup.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		line = strings.TrimSuffix(line, m[0])
		if n := names[m[1]]; n > 1 {
			line += fmt.Sprintf(" links %d with %s", n, m[1])
		}
		tree[name] = line
	}
}

// marksThroughLink reports whether the base has a mark of deletion below what is, or was, a symlink. It marks nothing;
// umoci follows the symlink, and deletes elsewhere.
func marksThroughLink(h rootfstest.History) bool {
	links := map[string]bool{}
	for _, layer := range h.Layers {
		for _, e := range layer {
			if e.Typeflag == tar.TypeSymlink {
				links[e.Name] = true
			}
		}
	}
	for _, layer := range h.Layers {
		for _, e := range layer {
			if !strings.HasPrefix(path.Base(e.Name), ".wh.") {
				continue
			}
			for dir := path.Dir(e.Name); dir != "."; dir = path.Dir(dir) {
				if links[dir] {
					return true
				}
			}
		}
	}
	return false
}

// TestForgetNothingElse shows that what the judges are known to do otherwise is all that is not compared.
func TestForgetNothingElse(t *testing.T) {
	tree := map[string]string{
		"alone":     "100644 0:0 5.000000000 links 3 with alone",
		"dir":       "42755 0:7 5.000000000",
		"named/dir": "42755 0:7 5.000000000",
		"named":     "40755 0:0 5.000000000 user.k=76",
		"top":       "40755 0:0 5.000000000",
		"one":       "100644 0:0 5.000000000 links 3 with one",
		"two":       "100644 0:0 5.000000000 links 3 with one",
	}
	forgetHiddenLinks(tree)
	forgetDirectories(tree, map[string]int64{"top": 0}, map[string]int64{"named": 0o2755, "named/dir": 0})
	want := map[string]string{
		"alone":     "100644 0:0 5.000000000",
		"dir":       "4",
		"named/dir": "4",
		"named":     "40755 0:0 user.k=76",
		"top":       "40755 0:0 5.000000000",
		"one":       "100644 0:0 5.000000000 links 2 with one",
		"two":       "100644 0:0 5.000000000 links 2 with one",
	}
	if d := cmp.Diff(want, tree); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got, want := emptyXattr.ReplaceAllString("x user.k= user.l=77 user.m=", "$1"), "x user.l=77"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := before1970.ReplaceAllString("x -5.000000001 -> -5", " 0.000000000"), "x 0.000000000 -> -5"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
