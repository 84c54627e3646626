package machine

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// files are those of a root: texts, and the targets of symlinks after "-> ".
type files map[string]string

// newRoot makes a root of files, whoever the test is run by. Directories are made as they are needed; a name that ends with
// a slash is one.
func newRoot(t testing.TB, list files) rootfs.Root {
	t.Helper()
	entries := []rootfstest.Entry{rootfstest.Dir("etc", 0o755)}
	seen := map[string]bool{"etc": true, ".": true}
	var dirs func(dir string)
	dirs = func(dir string) {
		if !seen[dir] {
			seen[dir] = true
			dirs(path.Dir(dir))
			entries = append(entries, rootfstest.Dir(dir, 0o755))
		}
	}
	for name, text := range list {
		if dir, ok := strings.CutSuffix(name, "/"); ok {
			dirs(dir)
			continue
		}
		dirs(path.Dir(name))
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			entries = append(entries, rootfstest.Symlink(name, target))
		} else {
			entries = append(entries, rootfstest.File(name, 0o640, text))
		}
	}
	dir := t.TempDir()
	base, err := rootfs.ReadBase(t.Context(), []rootfs.Layer{rootfstest.Tar(t, entries...)}, dir, rootfs.BaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := rootfs.Stage(base, rootfs.StageOptions{Dir: dir, Start: rootfstest.Epoch})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.Root(rootfs.Actor{})
}

// tell returns all files that a root has, and the modes of those that are not what newRoot makes.
func tell(t testing.TB, root rootfs.Root) files {
	t.Helper()
	out := files{}
	var walk func(dir string)
	walk = func(dir string) {
		list, err := root.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			out[dir+"/"] = ""
		}
		for _, e := range list {
			name := path.Join(dir, e.Name)
			m, err := root.Lstat(name)
			if err != nil {
				t.Fatal(err)
			}
			switch m.Type {
			case rootfs.Directory:
				walk(name)
			case rootfs.Symlink:
				out[name] = "-> " + m.Target
			case rootfs.Regular:
				out[name] = content(t, root, name)
				if m.Mode != 0o640 {
					out[name] += fmt.Sprintf("%04o", m.Mode)
				}
			default:
				out[name] = m.Type.String()
			}
		}
	}
	walk(".")
	return out
}

func content(t testing.TB, root rootfs.Root, name string) string {
	t.Helper()
	f, err := root.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// change is an edit of a root, and what comes of it.
type change struct {
	name   string
	before files
	do     func(root rootfs.Root) error
	// after are all files; nil if nothing changes. In a new file the mode stands after the text.
	after files
	err   string
}

func runChanges(t *testing.T, list []change) {
	t.Helper()
	for _, tt := range list {
		t.Run(tt.name, func(t *testing.T) {
			root := newRoot(t, tt.before)
			want := tell(t, root)
			if tt.after != nil {
				want = tt.after
			}
			got := ""
			if err := tt.do(root); err != nil {
				got = err.Error()
			}
			if got != tt.err {
				t.Errorf("error %q, want %q", got, tt.err)
			}
			if diff := cmp.Diff(want, tell(t, root)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func equal[T any](t *testing.T, what string, got T, err error, want T) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: -want +got:\n%s", what, diff)
	}
}

func sortedText(list []string) string { return strings.Join(slices.Sorted(slices.Values(list)), " ") }
