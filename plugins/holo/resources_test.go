package holo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
)

// writeTree makes files from lines: "NAME CONTENT", "NAME* CONTENT" for an executable, "NAME/" for a directory, "NAME ->
// TARGET", "NAME |" for a FIFO. Parents are made.
func writeTree(t *testing.T, dir string, lines ...string) string {
	t.Helper()
	for _, line := range lines {
		name, rest, _ := strings.Cut(line, " ")
		p := filepath.Join(dir, strings.TrimSuffix(name, "*"))
		must(t, os.MkdirAll(filepath.Dir(p), 0o755))
		target, link := strings.CutPrefix(rest, "-> ")
		switch {
		case strings.HasSuffix(name, "/"):
			must(t, os.MkdirAll(p, 0o755))
		case link:
			must(t, os.Symlink(target, p))
		case rest == "|":
			must(t, unix.Mkfifo(p, 0o644))
		default:
			must(t, os.WriteFile(p, []byte(rest), 0o640))
			must(t, os.Chmod(p, 0o640)) // whatever the umask
			if strings.HasSuffix(name, "*") {
				must(t, os.Chmod(p, 0o710))
			}
		}
	}
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(p, 0o755)
		}
		return err
	}))
	return dir
}

// readTree lists a tree with modes, "0644 NAME CONTENT", "dir 0755 NAME", "link NAME TARGET".
func readTree(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		must(t, err)
		name, err := filepath.Rel(dir, p)
		must(t, err)
		i, err := d.Info()
		must(t, err)
		switch {
		case name == ".":
		case d.IsDir():
			out = append(out, fmt.Sprintf("dir %04o %s", i.Mode().Perm(), name))
		case i.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			must(t, err)
			out = append(out, "link "+name+" "+target)
		default:
			b, err := os.ReadFile(p)
			must(t, err)
			out = append(out, fmt.Sprintf("%04o %s %s", i.Mode().Perm(), name, b))
		}
		return nil
	}))
	return out
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openHost(t *testing.T, dir string) *rootfs.Host {
	t.Helper()
	h, err := rootfs.OpenHost(dir)
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	return h
}

// mergeCase is one merge of an image with directories "one" and "two" of the builder.
type mergeCase struct {
	name            string
	image, one, two []string
	limits          rootfs.Limits
	// ids are all IDs; brought and images are some names of either origin.
	ids, brought, images []string
	notices              []string
	err                  string
}

func TestReadResources(t *testing.T) {
	t.Parallel()
	runMerges(t, []mergeCase{{
		name: "nothing",
	}, {
		name: "image alone", image: []string{"usr/share/holo/files/01/etc/a x", "usr/share/holo/generators/", "usr/share/holo/README x"},
		ids: []string{"files"}, images: []string{"files", "files/01/etc/a", "files/none", "../x"},
	}, {
		name:  "image behind symlinks",
		image: []string{"usr/share -> /data", "data/holo -> ../../h", "h/files -> /other", "other/01/a x", "other/01/l -> /etc/passwd"},
		ids:   []string{"files"}, images: []string{"files/01/a", "files/01/l"},
	}, {
		name: "the builder's win, and equal ones are the builder's",
		image: []string{"usr/share/holo/files/a old", "usr/share/holo/files/b same", "usr/share/holo/files/c only", "usr/share/holo/files/d* x",
			"usr/share/holo/files/e x"},
		one: []string{"files/a new", "files/b same", "files/d x", "files/e -> x"},
		ids: []string{"files"}, brought: []string{"files", "files/a", "files/b", "./files//d", "files/e"}, images: []string{"files/c"},
		notices: []string{`resource "files/a" of DIR/one replaces the image's own`, `resource "files/d" of DIR/one replaces the image's own`,
			`resource "files/e" of DIR/one replaces the image's own`},
	}, {
		name: "two trees", one: []string{"b/x 1", "a/l -> t"}, two: []string{"b/x 1", "b/y* 2", "a/l -> t", "c/"},
		ids: []string{"a", "b", "c"}, brought: []string{"b/x", "b/y", "a/l", "c"},
	}})
}

func TestReadResourcesConflicts(t *testing.T) {
	t.Parallel()
	runMerges(t, []mergeCase{{
		name: "two trees that differ", one: []string{"b/x 1"}, two: []string{"b/x 2"},
		err: `resource "b/x" differs between DIR/one and DIR/two`,
	}, {
		name: "two trees that differ in the execute bit", one: []string{"b/x 1"}, two: []string{"b/x* 1"},
		err: `resource "b/x" differs between DIR/one and DIR/two`,
	}, {
		name: "two trees that differ in a link", one: []string{"b/x -> 1"}, two: []string{"b/x -> 2"},
		err: `resource "b/x" differs between DIR/one and DIR/two`,
	}, {
		name: "file and directory", one: []string{"b/x 1"}, two: []string{"b/x/y 1"},
		err: `resource "b/x" is a file in DIR/one and a directory in DIR/two`,
	}, {
		name: "directory over the image's file", image: []string{"usr/share/holo/b/x 1"}, one: []string{"b/x/y 1"},
		err: `resource "b/x" is a directory in DIR/one and a file in the image`,
	}, {
		name: "file over the image's directory", image: []string{"usr/share/holo/b/x/"}, one: []string{"b/x -> /y"},
		err: `resource "b/x" is a symlink in DIR/one and a directory in the image`,
	}, {
		name: "files at the top", one: []string{"README x", ".gitignore x", "a/README x"}, ids: []string{"a"}, brought: []string{"a/README"},
		notices: []string{`".gitignore" in DIR/one is a file outside any plugin's directory, and ignored`,
			`"README" in DIR/one is a file outside any plugin's directory, and ignored`},
	}})
}

func TestReadResourcesRefused(t *testing.T) {
	t.Parallel()
	runMerges(t, []mergeCase{{
		name: "no plugin ID", one: []string{".git/x y"},
		err: `reading resources in DIR/one: ".git": not a plugin ID: only lower-case letters, digits and inner dashes`,
	}, {
		name: "upper case", one: []string{"Files/"},
		err: `reading resources in DIR/one: "Files": not a plugin ID: only lower-case letters, digits and inner dashes`,
	}, {
		name: "symlink at the top", one: []string{"a/", "b -> a"},
		err: `reading resources in DIR/one: "b": only a directory named like a plugin can stand here, and symlinks are not followed`,
	}, {
		name: "FIFO", one: []string{"a/b/c |"}, err: `reading resources in DIR/one: "a/b/c": neither file, directory nor symlink`,
	}, {
		name: "whiteout", one: []string{"a/.wh.b x"},
		err: `reading resources in DIR/one: "a/.wh.b": names that begin with .wh. mean deletion in an image layer`,
	}, {
		name: "FIFO in the image", image: []string{"usr/share/holo/a/b |"},
		err: `reading resources of the image: "/usr/share/holo/a/b": a fifo can be no resource`,
	}, {
		name: "the image's generator", image: []string{"usr/share/holo/generators/d/x* #!"},
		err: `reading resources of the image: "/usr/share/holo/generators/d/x" ` +
			`is a generator, and the image's own code, which is not run; if you trust it, bring it with -r (what lies in a directory DIR, with -r DIR/usr/share/holo)`,
	}, {
		name:  "odd names in the image",
		image: []string{"usr/share/holo/generators/.keep x", "usr/share/holo/Odd/x y", "usr/share/holo/gone -> nowhere"},
		notices: []string{`"/usr/share/holo/Odd" of the image is no plugin's directory, and ignored`,
			`"/usr/share/holo/generators/.keep" of the image is not executable, and ignored`,
			`"/usr/share/holo/gone" of the image is a dangling symlink, and ignored`},
	}, {
		name: "resource directory is a file", image: []string{"usr/share/holo x"}, err: `reading resources of the image: /usr/share/holo: a file, not a directory`,
	}, {
		name: "too many", one: []string{"a/b x", "a/c x"}, limits: rootfs.Limits{Entries: 2},
		err: `reading resources in DIR/one: "a/c": more than 2 resources: limit exceeded`,
	}, {
		name: "too large", one: []string{"a/b 12345"}, limits: rootfs.Limits{FileBytes: 4},
		err: `reading resources in DIR/one: resource "a/b" has more than 4 bytes: limit exceeded`,
	}, {
		name: "too large in the image", image: []string{"usr/share/holo/a/b 12345"}, limits: rootfs.Limits{FileBytes: 4},
		err: `reading resources of the image: resource "a/b" has more than 4 bytes: limit exceeded`,
	}, {
		name: "too large together", one: []string{"a/b 123", "a/c 456"}, limits: rootfs.Limits{LayerBytes: 5},
		err: `reading resources in DIR/one: resource "a/c" has more than 2 bytes: limit exceeded`,
	}, {
		name: "too deep", one: []string{"a/b/c x"}, limits: rootfs.Limits{NameBytes: len("usr/share/holo/a/b")},
		err: `reading resources in DIR/one: resource name of 5 bytes: limit exceeded`,
	}})
}

func runMerges(t *testing.T, cases []mergeCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}

func (c mergeCase) run(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir, "image/")
	root := openHost(t, writeTree(t, filepath.Join(dir, "image"), c.image...))
	var dirs []string
	for name, lines := range map[string][]string{"one": c.one, "two": c.two} {
		if lines != nil {
			dirs = append(dirs, writeTree(t, filepath.Join(dir, name), lines...))
		}
	}
	slices.Sort(dirs)
	r, err := ReadResources(t.Context(), root, dirs, c.limits)
	if err != nil || c.err != "" {
		if err == nil || strings.ReplaceAll(err.Error(), dir, "DIR") != c.err {
			t.Fatalf("error %v, want %s", err, c.err)
		}
		return
	}
	if diff := gocmp.Diff(c.ids, r.IDs()); diff != "" {
		t.Errorf("IDs (-want +got):\n%s", diff)
	}
	var notices []string
	for _, n := range r.Notices() {
		notices = append(notices, strings.ReplaceAll(n, dir, "DIR"))
	}
	if diff := gocmp.Diff(c.notices, notices); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
	for _, name := range c.brought {
		if r.FromImage(name) {
			t.Errorf("%s is said to be the image's", name)
		}
	}
	for _, name := range c.images {
		if !r.FromImage(name) {
			t.Errorf("%s is said to be the builder's", name)
		}
	}
}

func TestReadResourcesMissing(t *testing.T) {
	t.Parallel()
	root := openHost(t, t.TempDir())
	if _, err := ReadResources(t.Context(), root, []string{t.TempDir() + "/none"}, rootfs.Limits{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
	file := filepath.Join(writeTree(t, t.TempDir(), "f x"), "f")
	if _, err := ReadResources(t.Context(), root, []string{file}, rootfs.Limits{}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("file as directory: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ReadResources(ctx, root, []string{writeTree(t, t.TempDir(), "a/b x")}, rootfs.Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancellation: %v", err)
	}
}

// TestLargeResources has files of holes only, which take for ever to read and nothing to make.
func TestLargeResources(t *testing.T) {
	t.Parallel()
	root := openHost(t, t.TempDir())
	dir := writeTree(t, t.TempDir(), "a/b x")
	sized := func(size int64) { must(t, os.Truncate(dir+"/a/b", size)) }
	sized(1 << 40)
	if _, err := ReadResources(t.Context(), root, []string{dir}, rootfs.Limits{}); !errors.Is(err, rootfs.ErrLimit) {
		t.Errorf("a file over the limit: %v", err)
	}
	n := &resource{name: "a/b", digest: [32]byte{1}, open: func() (io.ReadCloser, error) { return os.Open(dir + "/a/b") }}
	ctx, cancel := context.WithCancel(t.Context())
	f, err := n.opened(ctx)
	must(t, err)
	defer f.Close()
	if _, err := io.CopyN(io.Discard, f, 1000); err != nil {
		t.Errorf("before cancellation: %v", err)
	}
	cancel()
	if _, err := io.Copy(io.Discard, f); !errors.Is(err, context.Canceled) {
		t.Errorf("copying after cancellation: %v", err)
	}
	n.digest = [32]byte{}
	budget := &resourceBudget{limits: rootfs.Limits{FileBytes: 1 << 41, LayerBytes: 1 << 41}}
	if err := budget.content(ctx, n); !errors.Is(err, context.Canceled) {
		t.Errorf("hashing after cancellation: %v", err)
	}
}
