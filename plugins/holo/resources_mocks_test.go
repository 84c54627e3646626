package holo

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
)

// TestMocks: files of scripted stand-ins are those with a name *.toml in the directory "mocks", which belongs to no plugin. The
// builder's come before the image's of the same name.
func TestMocks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	image := writeTree(t, filepath.Join(dir, "image"), "usr/share/holo/mocks/a.toml image", "usr/share/holo/mocks/b.toml image", "usr/share/holo/mocks/README x",
		"usr/share/holo/mocks/l.toml -> a.toml")
	own := writeTree(t, filepath.Join(dir, "own"), "mocks/a.toml own", "mocks/c.toml own", "mocks/d.toml/x.toml own", "files/mocks/e.toml own")
	r, err := ReadResources(t.Context(), openHost(t, image), []string{own}, rootfs.Limits{})
	must(t, err)
	if ids := r.IDs(); !slices.Equal(ids, []string{"files"}) {
		t.Errorf("plugins %q", ids)
	}
	list, notices := r.Mocks()
	var got []string
	for _, m := range list {
		text, err := m.Read(t.Context(), 3)
		must(t, err)
		from := strings.TrimPrefix(m.From, dir+"/")
		if m.Image {
			from += "!"
		}
		got = append(got, m.Name+" "+from+" "+string(text))
	}
	if want := []string{"mocks/a.toml own own", "mocks/b.toml the image! imag", "mocks/c.toml own own"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	want := []string{
		`"mocks/README" of the image is no file with a name *.toml, and ignored`,
		`"mocks/d.toml" of ` + own + ` is no file with a name *.toml, and ignored`,
		`"mocks/l.toml" of the image is no file with a name *.toml, and ignored`,
	}
	if !slices.Equal(notices, want) {
		t.Errorf("notices %q", notices)
	}
	changed := []string{"mocks/a.toml other"}
	writeTree(t, filepath.Join(dir, "own"), changed...)
	if _, err := list[0].Read(t.Context(), 100); err == nil || !strings.Contains(err.Error(), "changed during the build") {
		t.Errorf("a file that was changed: %v", err)
	}
}

// TestMocksGenerated: a generator can't make any, which would come too late.
func TestMocksGenerated(t *testing.T) {
	t.Parallel()
	dir := writeTree(t, filepath.Join(t.TempDir(), "made"), "files/x y", "mocks/a.toml x")
	_, _, err := readGenerated(t.Context(), dir, &resourceBudget{limits: rootfs.Limits{}.WithDefaults()})
	if err == nil || err.Error() != `"mocks": mocks must be there before generators run, which may use them` {
		t.Errorf("%v", err)
	}
}
