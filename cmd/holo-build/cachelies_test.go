package main

import (
	"archive/tar"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/oci/ocitest"
)

// limited is an image for which each limit can be too low: it has two layers, long names, extended attributes, and a file
// with so many names that the layer is more than a thousand times larger with them than it is stored.
func limited(t *testing.T) string {
	t.Helper()
	content := strings.Repeat("\x00", 4<<20)
	long := strings.Repeat("long-name", 20)
	second := []ocitest.Entry{
		ocitest.File("etc/hostname", "base\n"), ocitest.File("etc/"+long, "x"),
		{Header: tar.Header{Typeflag: tar.TypeReg, Name: "etc/labelled", Mode: 0o644, Format: tar.FormatPAX,
			PAXRecords: map[string]string{"SCHILY.xattr.user.note": strings.Repeat("v", 300)}}},
		ocitest.File("zeros", content),
	}
	for i := range 300 {
		second = append(second, ocitest.Entry{Header: tar.Header{Typeflag: tar.TypeLink, Name: fmt.Sprint("zeros", i), Linkname: "zeros"}})
	}
	return ocitest.Layout(t, ocitest.Image(t, ocitest.Options{}, []ocitest.Entry{ocitest.Dir("etc"), ocitest.Dir("tmp")}, second))
}

// TestCacheLimits: what is not allowed without a cache is not allowed because it was read before, under limits that were
// other ones. What is allowed is the same image.
func TestCacheLimits(t *testing.T) {
	source := limited(t)
	const wide = "ratio=1000000"
	for _, name := range []string{"document", "layers", "layer", "ratio", "file", "entries", "name", "xattrs"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCachedBuilds(t, stageView)
			if b := c.build(source, "--limit", wide); b.status != 0 {
				t.Fatalf("cold: %+v", b)
			}
			fails, works := 0, 0
			for _, n := range []int{1, 30, 200, 1000, 4000, 1 << 20, 1 << 32} {
				limit := fmt.Sprintf("%s=%d", name, n)
				cold := c.build(source, "--limit", wide, "--limit", limit, "--cache-dir", filepath.Join(t.TempDir(), "cache"))
				warm := c.build(source, "--limit", wide, "--limit", limit)
				if a, b := cold.gist(), warm.gist(); a != b {
					t.Errorf("%s: warm %+v\ncold %+v", limit, warm, cold)
				}
				switch cold.status {
				case 0:
					works++
				case 1:
					fails++
				}
			}
			if fails == 0 || works == 0 {
				t.Errorf("%d limits were too low, %d not", fails, works)
			}
		})
	}
}

// gist is a result without what may differ between layers that are read and those that were: which of several that are
// read at once was the first to meet a limit, at which of its entries, and whether its plain tar met it or the files in that.
func (b built) gist() built {
	b.said = regexp.MustCompile(`layer \d+(, entry "|: reading layer ).*: limit exceeded`).ReplaceAllString(b.said, "a layer: limit exceeded")
	return b
}

// TestCacheUnderLimits: what was kept under low limits serves a build that allows more, and the other way round only what
// is allowed.
func TestCacheUnderLimits(t *testing.T) {
	c := newCachedBuilds(t, stageView)
	want := c.uncached()
	// The smallest number of entries that will do.
	low := 1
	for c.build(c.source, "--limit", fmt.Sprintf("entries=%d", low)).status != 0 {
		if low++; low > 1000 {
			t.Fatal("nothing is enough")
		}
	}
	c.right("wider than kept", c.build(c.bare), want)
	c.right("as kept", c.build(c.bare, "--limit", fmt.Sprintf("entries=%d", low)), want)
	if b := c.build(c.bare, "--limit", fmt.Sprintf("entries=%d", low-1)); b.status != 1 || !strings.Contains(b.said, "(--limit raises limits)") {
		t.Errorf("stricter than kept: %+v", b)
	}
	c.right("in the end", c.build(c.bare), want)
}

// TestCacheLies: an image that says of itself what is not so is no more believed because parts of it were read before.
func TestCacheLies(t *testing.T) {
	for name, lie := range map[string]func(l layoutEditor){
		"the DiffID of another layer": layoutEditor.confuseDiffIDs,
		"another size":                func(l layoutEditor) { l.editLayer(func(d document) { d["size"] = d["size"].(float64) + 1 }) },
		"a smaller size":              func(l layoutEditor) { l.editLayer(func(d document) { d["size"] = d["size"].(float64) - 1 }) },
		"another media type":          func(l layoutEditor) { l.editLayer(func(d document) { d["mediaType"] = "text/x-layer" }) },
		"a layer twice, its DiffID once": func(l layoutEditor) {
			l.editManifest(func(m document) {
				list := m["layers"].([]any)
				list[len(list)-1] = list[0]
			})
		},
		"the layers the other way round": func(l layoutEditor) {
			l.editManifest(func(m document) {
				list := m["layers"].([]any)
				list[0], list[1] = list[1], list[0]
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCachedBuilds(t, stageView)
			liar := newLayoutEditor(t, c.source, filepath.Join(c.dir, "liar"))
			lie(liar)
			cold := c.build(liar.dir, "--cache-dir", filepath.Join(c.dir, "other"))
			want := c.uncached()
			c.right("the honest one", c.build(c.source), want)
			warm := c.build(liar.dir)
			if cold.status != 1 || warm.status != 1 {
				t.Errorf("cold %+v, warm %+v", cold, warm)
			}
			// Of two layers that are wrong, either may be told of; and a file that has not its size is not even read.
			which := regexp.MustCompile(`: (layer \d|opening layer|reading layer|blobs/).*: wanted .*`)
			if a, b := which.ReplaceAllString(cold.said, ": layer: wanted"), which.ReplaceAllString(warm.said, ": layer: wanted"); a != b {
				t.Errorf("cold %s\nwarm %s", cold.said, warm.said)
			}
			c.right("the honest one again", c.build(c.bare), want)
		})
	}
}

// TestCacheBlobGone: a build does without a blob that is damaged, once it was read. Saving it somewhere else does not.
func TestCacheBlobGone(t *testing.T) {
	c := newCachedBuilds(t, stageView)
	want := c.uncached()
	c.right("cold", c.build(c.source), want)
	for name, edit := range map[string]func(b []byte) []byte{
		"truncated": func(b []byte) []byte { return b[:len(b)/2] }, "flipped": flip, "longer": func(b []byte) []byte { return append(b, 0) },
	} {
		broken := newLayoutEditor(t, c.source, filepath.Join(c.dir, name))
		broken.editFile(broken.lastLayer(), edit)
		c.right(name, c.build(broken.dir), want)
		for _, dest := range []string{"oci:", "oci-archive:", "docker-archive:"} {
			out := filepath.Join(c.dir, "out-"+name)
			b, stdout := c.run(append([]string{"build", "oci:" + broken.dir, "-q", "--cache-dir", c.cache, "-o", dest + out}, c.args...)...)
			if b.status != 1 || stdout != "" || !strings.Contains(b.said, filepath.Base(broken.lastLayer())) {
				t.Errorf("%s, %s: %+v", name, dest, b)
			}
			if _, err := os.Lstat(out); err == nil {
				t.Errorf("%s, %s: something was written", name, dest)
			}
		}
		// Where the layer is already, it need not be read.
		there := newLayoutEditor(t, c.source, filepath.Join(c.dir, "there-"+name))
		b, stdout := c.run(append([]string{"build", "oci:" + broken.dir, "-q", "--cache-dir", c.cache, "-o", "oci:" + there.dir + ":new"}, c.args...)...)
		if b.status != 0 || !strings.HasSuffix(stdout, "@"+want+"\n") {
			t.Errorf("%s, to where it is: %+v, %s", name, b, stdout)
		}
	}
}
