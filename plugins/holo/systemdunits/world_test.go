package systemdunits

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

const (
	lib     = "usr/lib/systemd/system"
	etc     = "etc/systemd/system"
	resDir  = "tmp/holo.0/generated-resources/systemd-units"
	stateAt = "var/lib/holo/systemd-units"
	cacheAt = "tmp/holo.0/systemd-units"
)

// world is a root in memory with the plugin's directories.
type world struct {
	t    *testing.T
	root rootfs.Root
	// build and live say how the plugin is called.
	build, live bool
	stdout      bytes.Buffer
	stderr      bytes.Buffer
	calls       []string
}

// newWorld makes a root with some units: a to d are wanted by multi-user.target, k brings d.socket along, s is static, t@ is a
// template without a default instance, u@ one with.
func newWorld(t *testing.T, build bool) *world {
	t.Helper()
	dir := t.TempDir()
	base, err := rootfs.ReadBase(t.Context(), []rootfs.Layer{rootfstest.Tar(t)}, dir, rootfs.BaseOptions{})
	must(t, err)
	s := rootfs.Stage(base, rootfs.StageOptions{Dir: dir, Start: rootfstest.Epoch})
	t.Cleanup(func() { must(t, s.Close()) })
	w := &world{t: t, root: s.Root(rootfs.Actor{}), build: build}
	for _, d := range []string{lib, "etc", resDir, stateAt, cacheAt} {
		must(t, rootfs.MkdirAll(w.root, d, rootfs.Meta{Mode: 0o755}))
	}
	const wanted = "[Install]\nWantedBy=multi-user.target\n"
	for name, text := range map[string]string{
		"a.service": wanted, "b.service": wanted, "c.service": wanted, "s.service": "[Service]\n", "d.socket": "[Install]\nWantedBy=sockets.target\n",
		"k.service": wanted + "Also=d.socket\nAlias=kk.service\n", "t@.service": wanted, "u@.service": wanted + "DefaultInstance=x\n",
		"multi-user.target": "[Unit]\n", "graphical.target": "[Unit]\n",
	} {
		w.put(lib+"/"+name, text)
	}
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) put(name, text string) {
	w.t.Helper()
	must(w.t, rootfs.MkdirAll(w.root, path.Dir(name), rootfs.Meta{Mode: 0o755}))
	must(w.t, w.root.Put(name, rootfs.Meta{Mode: 0o644}, strings.NewReader(text)))
}

func (w *world) link(name, target string) {
	w.t.Helper()
	must(w.t, rootfs.MkdirAll(w.root, path.Dir(name), rootfs.Meta{Mode: 0o755}))
	must(w.t, w.root.Put(name, rootfs.Meta{Type: rootfs.Symlink, Mode: 0o777, Target: target}, nil))
}

func (w *world) remove(name string) {
	w.t.Helper()
	must(w.t, w.root.Remove(name))
}

// resource writes a resource file, or with an empty text removes it.
func (w *world) resource(name, text string) {
	w.t.Helper()
	if text == "" {
		w.remove(resDir + "/" + name)
	} else {
		w.put(resDir+"/"+name, text)
	}
}

// env is what the plugin is given for a call.
func (w *world) env() *holo.Env {
	w.stdout.Reset()
	w.stderr.Reset()
	dir := func(name, shown string) holo.Dir { return holo.Dir{Root: rootfs.Sub(w.root, name), Path: shown} }
	env := &holo.Env{Stdout: &w.stdout, Stderr: &w.stderr, Root: holo.Dir{Root: w.root, Path: "/"}, ImageBuild: w.build, Live: w.live,
		Resources: dir(resDir, "R"), State: dir(stateAt, "S"), Cache: dir(cacheAt, "C")}
	env.Run = func(ctx context.Context, c holo.Command) error {
		w.calls = append(w.calls, strings.Join(c.Argv, " "))
		tools := &mock.Tools{}
		return tools.Run(ctx, mock.Use{Root: w.root, Argv: c.Argv, Stdout: env.Stdout, Stderr: env.Stderr})
	}
	return env
}

// scan returns the scan's report and what was printed.
func (w *world) scan() string {
	w.t.Helper()
	list, err := (Plugin{}).Scan(w.t.Context(), w.env())
	must(w.t, err)
	var b strings.Builder
	for _, e := range list {
		b.WriteString(e.ID)
		if e.Verb != "" {
			b.WriteString(" " + e.Verb + " (" + e.Reason + ")")
		}
		for _, i := range e.Info {
			b.WriteString(" | " + i.Key + " " + i.Value)
		}
		b.WriteString("\n")
	}
	return b.String() + w.stderr.String()
}

// apply scans and applies an entity.
func (w *world) apply(id string, force bool) (holo.Outcome, error) {
	w.t.Helper()
	w.scan()
	return (Plugin{}).Apply(w.t.Context(), w.env(), id, force)
}

// want applies an entity and checks what comes of it: an outcome, or an error with such a text.
func (w *world) want(id string, force bool, want string) {
	w.t.Helper()
	got, err := w.apply(id, force)
	switch {
	case err == nil && string(got) != want:
		w.t.Fatalf("%s: %s, want %s\n%s%s", id, got, want, &w.stdout, &w.stderr)
	case err != nil && !strings.Contains(err.Error(), want) || err != nil && got != holo.Failed:
		w.t.Fatalf("%s: %s, %v, want %q", id, got, err, want)
	}
}

// applyAll scans and applies all entities in order, and returns how many were applied.
func (w *world) applyAll() (n int) {
	w.t.Helper()
	list, err := (Plugin{}).Scan(w.t.Context(), w.env())
	must(w.t, err)
	slices.SortFunc(list, func(a, b holo.Entity) int { return strings.Compare(a.ID, b.ID) })
	for _, e := range list {
		switch o, err := (Plugin{}).Apply(w.t.Context(), w.env(), e.ID, false); {
		case err != nil || o != holo.Applied && o != holo.NotChanged:
			w.t.Fatalf("%s: %s, %v", e.ID, o, err)
		case o == holo.Applied:
			n++
		}
	}
	return n
}

// tree lists what is below a directory.
func (w *world) tree(dir string) string {
	w.t.Helper()
	var b strings.Builder
	var walk func(dir string)
	walk = func(at string) {
		list, err := w.root.ReadDir(at)
		if err != nil {
			return
		}
		for _, e := range list {
			name := path.Join(at, e.Name)
			shown := strings.TrimPrefix(name, dir+"/")
			switch e.Type {
			case rootfs.Directory:
				walk(name)
			case rootfs.Symlink:
				m, err := w.root.Lstat(name)
				must(w.t, err)
				fmt.Fprintf(&b, "%s -> %s\n", shown, m.Target)
			default:
				f, err := w.root.Open(name)
				must(w.t, err)
				text, err := io.ReadAll(f)
				must(w.t, errors.Join(err, f.Close()))
				fmt.Fprintf(&b, "%s: %s\n", shown, strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "; "))
			}
		}
	}
	walk(dir)
	return b.String()
}

// links are the links of the configuration.
func (w *world) links() string { return w.tree(etc) }
