package sshkeys

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// image is a root file system that is provisioned as by holo-build, by a user of any kind: the model has the owners.
type image struct {
	t     *testing.T
	stage *rootfs.Staging
	// resources are what a resource directory of the builder has, by names below the plugin's directory.
	resources map[string]string
	runs      int
}

const passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\nother:x:1002:1002::/home/other:/bin/sh\n"

func owned(e rootfstest.Entry, uid, gid int) rootfstest.Entry {
	e.Uid, e.Gid = uid, gid
	return e
}

// newImage makes an image with the users of passwd and the home directory of app, and more.
func newImage(t *testing.T, more ...rootfstest.Entry) *image {
	t.Helper()
	list := append([]rootfstest.Entry{
		rootfstest.Dir("etc", 0o755), rootfstest.Dir("home", 0o755), rootfstest.Dir("tmp", 0o777), rootfstest.File("etc/passwd", 0o644, passwd),
		owned(rootfstest.Dir("home/app", 0o755), 1000, 1001),
	}, more...)
	dir := t.TempDir()
	base, err := rootfs.ReadBase(t.Context(), []rootfs.Layer{rootfstest.Tar(t, list...)}, dir, rootfs.BaseOptions{})
	check(t, err)
	i := &image{t: t, stage: rootfs.Stage(base, rootfs.StageOptions{Dir: dir, Start: rootfstest.Epoch}), resources: make(map[string]string)}
	t.Cleanup(func() { check(t, i.stage.Close()) })
	return i
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (i *image) root() rootfs.Root { return i.stage.Root(rootfs.Actor{}) }

// scan begins a build: what it returns is ended by done.
func (i *image) scan() (h *holo.Host, scan holo.PluginScan, done func()) {
	i.t.Helper()
	dir := i.t.TempDir()
	check(i.t, os.Mkdir(filepath.Join(dir, "ssh-keys"), 0o755))
	for name, content := range i.resources {
		p := filepath.Join(dir, "ssh-keys", name)
		check(i.t, os.MkdirAll(filepath.Dir(p), 0o755))
		check(i.t, os.WriteFile(p, []byte(content), 0o644))
	}
	i.runs++
	cache, err := i.stage.Scratch(fmt.Sprintf("tmp/holo.%d", i.runs))
	check(i.t, err)
	res, err := holo.ReadResources(i.t.Context(), i.root(), []string{dir}, rootfs.Limits{})
	check(i.t, err)
	check(i.t, res.Populate(i.t.Context(), i.root(), cache))
	h = holo.NewHost(holo.HostOptions{Stage: i.stage, CacheDir: cache, Resources: res, Now: func() time.Time { return rootfstest.Epoch }})
	check(i.t, h.Load(i.t.Context(), []holo.Spec{{ID: "ssh-keys", Plugin: Plugin{}}}))
	scans, err := h.Scan(i.t.Context())
	check(i.t, err)
	check(i.t, scans[0].Err)
	return h, scans[0], func() { check(i.t, i.stage.Discard(cache)) }
}

// apply provisions all entities, and returns one line for each, with what the plugin said.
func (i *image) apply(force bool) string {
	i.t.Helper()
	h, scan, done := i.scan()
	defer done()
	out := string(scan.Stderr)
	for _, e := range scan.Entities {
		r := h.Apply(i.t.Context(), e, force)
		out += strings.TrimPrefix(e.ID, idPrefix) + ": " + string(r.Outcome) + "\n" + string(r.Stdout) + string(r.Stderr) + string(r.Diff)
	}
	return out
}

// expect applies, and compares with what apply is to return.
func (i *image) expect(force bool, want string) {
	i.t.Helper()
	if got := i.apply(force); got != want {
		i.t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// file describes a file: mode, owner, and content.
func (i *image) file(name string) string {
	i.t.Helper()
	m, err := i.root().Lstat(name)
	if err != nil {
		return "none"
	}
	head := fmt.Sprintf("%v %04o %d:%d\n", m.Type, m.Mode, m.UID, m.GID)
	if m.Type != rootfs.Regular {
		return head
	}
	f, err := i.root().Open(name)
	check(i.t, err)
	defer f.Close()
	b, err := io.ReadAll(f)
	check(i.t, err)
	return head + string(b)
}

// put writes a file as its user would.
func (i *image) put(name, content string) {
	i.t.Helper()
	check(i.t, i.root().Put(name, rootfs.Meta{Mode: 0o600, UID: 1000, GID: 1001, Size: int64(len(content))}, strings.NewReader(content)))
}

// changes lists the paths that differ from the base, but for the plugin's state.
func (i *image) changes() string {
	i.t.Helper()
	list, err := i.stage.Changes(rootfstest.Epoch)
	check(i.t, err)
	var names []string
	for _, c := range list {
		if !strings.HasPrefix(c.Path, "var") {
			names = append(names, string(c.Kind)+" "+c.Path)
		}
	}
	slices.SortFunc(names, cmp.Compare[string])
	return strings.Join(names, ", ")
}

const (
	keyA = "ssh-ed25519 " + ed
	keyB = `from="10.0.0.0/8",command="echo a b" ` + keyA
	mark = " holo=ssh-keyset:app/k\n"
)

// file names of the tests.
const (
	keys   = "home/app/.ssh/authorized_keys"
	sshDir = "home/app/.ssh"
	book   = "var/lib/holo/ssh-keys/provisioned-entities"
)
