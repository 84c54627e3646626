package holo

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
)

// counted counts the changes that go through a Root, and gives everything to the calling user: the test may be a plain
// one.
type counted struct {
	rootfs.Root
	changes int
	owners  map[uint32]bool
}

func (c *counted) mine(m rootfs.Meta) rootfs.Meta {
	if c.owners == nil {
		c.owners = map[uint32]bool{}
	}
	c.owners[m.UID], c.owners[m.GID] = true, true
	c.changes++
	m.UID, m.GID = uint32(os.Getuid()), uint32(os.Getgid())
	return m
}

func (c *counted) Lstat(name string) (rootfs.Meta, error) {
	m, err := c.Root.Lstat(name)
	if m.UID == uint32(os.Getuid()) && m.GID == uint32(os.Getgid()) {
		m.UID, m.GID = 0, 0
	}
	return m, err
}

func (c *counted) Put(name string, m rootfs.Meta, r io.Reader) error {
	return c.Root.Put(name, c.mine(m), r)
}
func (c *counted) Mkdir(name string, m rootfs.Meta) error   { return c.Root.Mkdir(name, c.mine(m)) }
func (c *counted) SetMeta(name string, m rootfs.Meta) error { return c.Root.SetMeta(name, c.mine(m)) }

// placeTwice reads, places and checks that a second build would find all in place.
func placeTwice(t *testing.T, dir string, brought []string) *counted {
	t.Helper()
	c := &counted{Root: openHost(t, dir)}
	var dirs []string
	if brought != nil {
		dirs = []string{writeTree(t, t.TempDir(), brought...)}
	}
	orders := map[string]int{"files": 10, "x": 5}
	for i := range 2 {
		r, err := ReadResources(t.Context(), c, dirs, rootfs.Limits{})
		must(t, err)
		before := c.changes
		must(t, r.Place(t.Context(), c, orders))
		if i == 1 && c.changes != before {
			t.Errorf("the second build changed %d files", c.changes-before)
		}
		if i == 1 && len(r.Notices()) > 0 {
			t.Errorf("the second build has notices: %q", r.Notices())
		}
	}
	if len(c.owners) > 0 && (len(c.owners) != 1 || !c.owners[0]) {
		t.Errorf("owners: %v, want 0 alone", c.owners)
	}
	return c
}

func TestPlace(t *testing.T) {
	t.Parallel()
	const comment = "# Configuration of Holo, see holorc(5). Plugins are named in /etc/holorc.d.\n"
	for _, c := range []struct {
		name           string
		image, brought []string
		want           []string
	}{{
		name: "nothing brought", image: []string{"usr/share/holo/files/a x"},
		want: []string{"dir 0755 usr", "dir 0755 usr/share", "dir 0755 usr/share/holo", "dir 0755 usr/share/holo/files", "0640 usr/share/holo/files/a x"},
	}, {
		name:    "an empty root",
		brought: []string{"files/01/etc/a x", "files/01/b* y", "files/01/c -> ../z", "other/"},
		want: []string{
			"dir 0755 etc", "0644 etc/holorc " + comment, "dir 0755 etc/holorc.d",
			"0644 etc/holorc.d/10-files # Resources of this plugin are below /usr/share/holo/files.\nplugin files\n",
			"0644 etc/holorc.d/50-other # Resources of this plugin are below /usr/share/holo/other.\nplugin other\n",
			"dir 0755 usr", "dir 0755 usr/share", "dir 0755 usr/share/holo",
			"dir 0755 usr/share/holo/files", "dir 0755 usr/share/holo/files/01", "0755 usr/share/holo/files/01/b y",
			"link usr/share/holo/files/01/c ../z", "dir 0755 usr/share/holo/files/01/etc", "0644 usr/share/holo/files/01/etc/a x",
			"dir 0755 usr/share/holo/generators", "dir 0755 usr/share/holo/other",
		},
	}, {
		name:    "a root that has holorc, and a plugin's directory elsewhere",
		image:   []string{"etc/holorc plugin files=/x\n", "etc/holorc.d/05-x # switched off", "usr/share/holo/files -> /f", "f/a old", "f/b keep"},
		brought: []string{"files/a new", "x/y z"},
		want: []string{
			"dir 0755 etc", "0640 etc/holorc plugin files=/x\n", "dir 0755 etc/holorc.d", "0640 etc/holorc.d/05-x # switched off",
			"0644 etc/holorc.d/05-x.holo-build # Resources of this plugin are below /usr/share/holo/x.\nplugin x\n",
			"dir 0755 f", "0644 f/a new", "0640 f/b keep",
			"dir 0755 usr", "dir 0755 usr/share", "dir 0755 usr/share/holo", "link usr/share/holo/files /f",
			"dir 0755 usr/share/holo/generators", "dir 0755 usr/share/holo/x", "0644 usr/share/holo/x/y z",
		},
	}, {
		name:    "modes are mended, and types replaced",
		image:   []string{"etc/holorc plugin files\n", "usr/share/holo/files/a* x", "usr/share/holo/files/b -> x", "usr/share/holo/files/c x"},
		brought: []string{"files/a x", "files/b x", "files/c -> x"},
		want: []string{
			"dir 0755 etc", "0640 etc/holorc plugin files\n", "dir 0755 etc/holorc.d",
			"dir 0755 usr", "dir 0755 usr/share", "dir 0755 usr/share/holo", "dir 0755 usr/share/holo/files",
			"0644 usr/share/holo/files/a x", "0644 usr/share/holo/files/b x", "link usr/share/holo/files/c x", "dir 0755 usr/share/holo/generators",
		},
	}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := writeTree(t, t.TempDir(), c.image...)
			placeTwice(t, dir, c.brought)
			if diff := gocmp.Diff(c.want, readTree(t, dir)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestPlaceMendsDirectories(t *testing.T) {
	t.Parallel()
	dir := writeTree(t, t.TempDir(), "usr/share/holo/files/01/")
	must(t, os.Chmod(filepath.Join(dir, "usr/share/holo/files/01"), 0o700))
	placeTwice(t, dir, []string{"files/01/"})
	if i, err := os.Stat(filepath.Join(dir, "usr/share/holo/files/01")); err != nil || i.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", i.Mode(), err)
	}
}

func TestPopulate(t *testing.T) {
	t.Parallel()
	dir := writeTree(t, t.TempDir(), "tmp/holo.0/", "usr/share/holo/files/a old", "usr/share/holo/files/b* y", "usr/share/holo/files/c -> ../../x",
		"usr/share/holo/generators/", "usr/share/holo/top x")
	brought := writeTree(t, t.TempDir(), "files/a new", "files/d* z", "files/empty/", "x/y z")
	root := openHost(t, dir)
	r, err := ReadResources(t.Context(), root, []string{brought}, rootfs.Limits{})
	must(t, err)
	must(t, r.Populate(t.Context(), root, "tmp/holo.0", "none", "files"))
	want := []string{
		"dir 0755 generated-resources", "dir 0755 generated-resources/files", "0600 generated-resources/files/a new",
		"0700 generated-resources/files/b y", "link generated-resources/files/c ../../x", "0700 generated-resources/files/d z",
		"dir 0755 generated-resources/files/empty", "dir 0755 generated-resources/generators", "dir 0755 generated-resources/none", "dir 0755 generated-resources/x",
		"0600 generated-resources/x/y z",
	}
	if diff := gocmp.Diff(want, readTree(t, filepath.Join(dir, "tmp/holo.0"))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestResourceChangedDuringBuild(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(p string) error{
		"written to": func(p string) error { return os.WriteFile(p, []byte("new"), 0o644) },
		"replaced": func(p string) error {
			if err := os.WriteFile(p+"~", []byte("old"), 0o644); err != nil {
				return err
			}
			return os.Rename(p+"~", p)
		},
		"replaced by a symlink": func(p string) error {
			if err := os.Remove(p); err != nil {
				return err
			}
			return os.Symlink("b", p)
		},
		"removed": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := writeTree(t, t.TempDir(), "files/a old", "files/b old")
			root := &counted{Root: openHost(t, t.TempDir())}
			r, err := ReadResources(t.Context(), root, []string{dir}, rootfs.Limits{})
			must(t, err)
			must(t, change(filepath.Join(dir, "files/a")))
			err = r.Place(t.Context(), root, nil)
			if err == nil || !strings.Contains(err.Error(), `placing resource "files/a"`) {
				t.Errorf("Place: %v", err)
			}
			if _, err := root.Lstat("usr/share/holo/files/a"); err == nil {
				t.Error("the file is there")
			}
		})
	}
}
