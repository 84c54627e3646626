package holo

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
)

// What generators made is laid over what was brought; holo(8).
func TestMergeGenerated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		static, made []string
		want         []string // "NAME CONTENT", a generated one with its generator before it
		err          string
	}{
		{name: "beside", static: []string{"a/x 1"}, made: []string{"a/y 2"}, want: []string{"a/x 1", "generators/g::a/y 2"}},
		{name: "a file hides one of the same path", static: []string{"a/x 1"}, made: []string{"a/x 2"}, want: []string{"generators/g::a/x 2"}},
		{name: "a file hides a symlink", static: []string{"a/x -> y"}, made: []string{"a/x 2"}, want: []string{"generators/g::a/x 2"}},
		{name: "a directory hides a file", static: []string{"a/x 1"}, made: []string{"a/x/y 2"}, want: []string{"generators/g::a/x/y 2"}},
		{name: "a file hides an empty directory", static: []string{"a/x/"}, made: []string{"a/x 2"}, want: []string{"generators/g::a/x 2"}},
		{name: "a directory hides nothing", static: []string{"a/x/y 1"}, made: []string{"a/x/z 2"}, want: []string{"a/x/y 1", "generators/g::a/x/z 2"}},
		{name: "a file in place of a directory with files", static: []string{"a/x/y 1"}, made: []string{"a/x 2"},
			err: `generator g made a file of resource "a/x", which is a directory that is not empty`},
		{name: "a name that only begins alike is not below", static: []string{"a/x/", "a/x.y 1"}, made: []string{"a/x 2"},
			want: []string{"generators/g::a/x 2", "a/x.y 1"}},
		{name: "generators are not made", static: []string{"a/x 1"}, made: []string{"generators/h 2"}, want: []string{"a/x 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			r, err := ReadResources(t.Context(), openHost(t, writeTree(t, filepath.Join(dir, "image"), "empty/")),
				[]string{writeTree(t, filepath.Join(dir, "static"), c.static...)}, rootfs.Limits{})
			must(t, err)
			found, _, err := readGenerated(t.Context(), writeTree(t, filepath.Join(dir, "made"), c.made...), &resourceBudget{limits: r.limits})
			must(t, err)
			g := &generating{r: r, made: map[string]*resource{}}
			for _, n := range found {
				n.from, n.generator = "generator g", "generators/g"
				g.made[n.name] = n
			}
			if err := g.merge(); err != nil || c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Fatalf("error %v, want %s", err, c.err)
				}
				return
			}
			if diff := gocmp.Diff(c.want, r.leaves(t)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// leaves lists what is no directory.
func (r *Resources) leaves(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, name := range slices.Sorted(maps.Keys(r.byName)) {
		n := r.byName[name]
		if n.kind == rootfs.Directory {
			continue
		}
		id, rest, _ := strings.Cut(name, "/")
		shown := strings.TrimPrefix(r.Translate(id, "$HOLO_RESOURCE_DIR/"+rest), "$HOLO_ROOT_DIR/usr/share/holo/")
		if r.SourceDigest(shown) != r.SourceDigest(name) || r.SourceDigest(name) == "" {
			t.Errorf("the digest of %s is %q, that of %s is %q", shown, r.SourceDigest(shown), name, r.SourceDigest(name))
		}
		if n.kind == rootfs.Symlink {
			list = append(list, shown+" -> "+n.target)
			continue
		}
		f, err := n.opened(t.Context())
		must(t, err)
		b := make([]byte, n.size)
		_, err = f.Read(b)
		must(t, err)
		must(t, f.Close())
		list = append(list, shown+" "+string(b))
	}
	return list
}

// Generators run directory by directory, in the order of their names.
func TestGeneratorOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r, err := ReadResources(t.Context(), openHost(t, writeTree(t, filepath.Join(dir, "image"), "empty/")), []string{writeTree(t,
		filepath.Join(dir, "r"), "generators/02* x", "generators/01/b* x", "generators/01-a* x", "generators/015/in* x", "generators/03 -> 02",
		"generators/01/a* x")}, rootfs.Limits{})
	must(t, err)
	want := []string{"generators/01/a", "generators/01/b", "generators/01-a", "generators/015/in", "generators/02"}
	if diff := gocmp.Diff(want, r.Generators()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if ids := r.IDs(); len(ids) > 0 {
		t.Errorf("IDs: %v", ids)
	}
}
