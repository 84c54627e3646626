package holotest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// layout is where a plugin's directories are: names below a site.
type layout struct{ root, resources, state, cache string }

func (k *kit) usual() layout {
	const cache = "target/tmp/holo.1/"
	return layout{"target", cache + "generated-resources/" + k.id, "target/var/lib/holo/" + k.id, cache + k.id}
}

// site is a directory with a root directory and all that a plugin is given, and with places where it might write though
// it should not: home, tmp and cwd.
type site struct {
	k   *kit
	dir string
	layout
	// relative says that the variables are relative, to dir.
	relative bool
	// writable is what the plugin can write to, if it can be kept from the rest.
	writable []string
	// wrap is put before the plugin's command line, mount is where the site is for the plugin alone.
	wrap  []string
	mount sandbox.Mount
}

// newSite makes a site with the resources in it.
func (k *kit) newSite(l layout) (*site, error) {
	k.sites++
	dir := filepath.Join(k.o.Scratch, fmt.Sprintf("w%d", k.sites))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, own(err)
	}
	return k.siteAt(dir, dir, l)
}

// siteAt makes a site at a place that is dir for the plugin.
func (k *kit) siteAt(at, dir string, l layout) (_ *site, err error) {
	host, err := rootfs.OpenHost(at)
	if err != nil {
		return nil, own(err)
	}
	defer func() { err = errors.Join(err, own(host.Close())) }()
	for _, d := range []string{"home", "tmp", "cwd", l.root, l.state, l.cache, l.resources} {
		if err := rootfs.MkdirAll(host, d, mine(rootfs.Meta{Mode: 0o755})); err != nil {
			return nil, own(err)
		}
	}
	if err := k.root.Make(rootfs.Sub(host, l.root)); err != nil {
		return nil, own(err)
	}
	if err := k.resources.Make(rootfs.Sub(host, l.resources)); err != nil {
		return nil, own(err)
	}
	return &site{k: k, dir: dir, layout: l, writable: []string{dir}}, nil
}

// called is what came of a call of the plugin.
type called struct {
	exit                sandbox.Exit
	err                 error // the plugin could not be started, or had to be ended
	stdout, stderr, fd3 []byte
}

// failed says how the call went wrong; nil if it did not.
func (c called) failed() error {
	if c.err != nil {
		return c.err
	}
	if !c.exit.OK() {
		return fmt.Errorf("%v: %s", c.exit, firstLine(c.stderr))
	}
	return nil
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	if line == "" {
		return "nothing on standard error"
	}
	return line
}

// path is the value of a variable.
func (w *site) path(name string) string {
	switch {
	case w.relative && name == w.root:
		return "./" + name + "/" // as test cases have it
	case w.relative:
		return name
	}
	return filepath.Join(w.dir, name)
}

// call calls the plugin; without leaves variables out, or has others.
func (w *site) call(ctx context.Context, args []string, set ...string) called {
	environ := []string{
		"HOME=" + filepath.Join(w.dir, "home"), "TMPDIR=" + filepath.Join(w.dir, "tmp"), "HOLO_API_VERSION=3",
		"HOLO_ROOT_DIR=" + w.path(w.root), "HOLO_RESOURCE_DIR=" + w.path(w.resources), "HOLO_STATE_DIR=" + w.path(w.state), "HOLO_CACHE_DIR=" + w.path(w.cache),
	}
	replaced := func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "HOLO_") || name == "HOME" || name == "TMPDIR"
	}
	for _, v := range w.k.o.Environ {
		if !replaced(v) {
			environ = append(environ, v)
		}
	}
	environ = withSet(environ, set)
	command := append(append(w.wrap[:len(w.wrap):len(w.wrap)], w.k.o.Binary), args...)
	var stdout, stderr, fd3 bytes.Buffer
	p := sandbox.Process{
		Path: command[0], Args: command[1:], Env: environ, Dir: filepath.Join(w.dir, "cwd"), Stdout: &stdout, Stderr: &stderr,
		Timeout: w.k.o.Timeout, OutputBytes: maxOutput, Mount: w.mount,
	}
	if w.relative {
		p.Dir = w.dir
	}
	if len(args) == 2 {
		p.FD3 = &fd3
	}
	if w.k.confined {
		p.Writable = w.writable
	}
	c := called{}
	c.exit, c.err = sandbox.Run(ctx, p)
	c.stdout, c.stderr, c.fd3 = stdout.Bytes(), stderr.Bytes(), fd3.Bytes()
	return c
}

const maxOutput = 16 << 20

// withSet sets variables, "NAME=VALUE", or takes them out, "NAME".
func withSet(environ, set []string) []string {
	for _, s := range set {
		name, _, value := strings.Cut(s, "=")
		var rest []string
		for _, v := range environ {
			if !strings.HasPrefix(v, name+"=") {
				rest = append(rest, v)
			}
		}
		if environ = rest; value {
			environ = append(environ, s)
		}
	}
	return environ
}

// scan has the plugin scan, and returns its entities as far as they can be understood, none twice.
func (w *site) scan(ctx context.Context) ([]holo.Entity, called) {
	c := w.call(ctx, []string{"scan"})
	report, _ := holo.ParseReport(w.k.id, bytes.NewReader(c.stdout)) // what is wrong with it is a check of its own
	var list []holo.Entity
	seen := make(map[string]bool)
	for _, e := range report.Entities {
		if !seen[e.ID] && strings.IndexByte(e.ID, 0) < 0 {
			list = append(list, e)
		}
		seen[e.ID] = true
	}
	return list, c
}

// region says whose part of the site a name is in.
type region int

const (
	ofRoot region = iota
	ofState
	ofCache
	ofOthers
)

func (w *site) region(name string) region {
	in := func(dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }
	switch {
	case in(w.resources):
		return ofOthers
	case in(w.state):
		return ofState
	case in(w.cache):
		return ofCache
	case in(w.root):
		return ofRoot
	}
	return ofOthers
}

// snapshot reads the site.
func (w *site) snapshot() (*Tree, error) { return w.snapshotAt(w.dir) }

func (w *site) snapshotAt(dir string) (_ *Tree, err error) {
	host, err := rootfs.OpenHost(dir)
	if err != nil {
		return nil, own(err)
	}
	defer func() { err = errors.Join(err, own(host.Close())) }()
	t, err := ReadTree(host, Changes)
	return t, own(err)
}

// changes returns what differs between two snapshots, in one region.
func (w *site) changes(before, after *Tree, r region) *Tree {
	out := &Tree{Format: Changes}
	for _, e := range after.Since(before).Entries {
		if w.region(e.Name) == r {
			out.Entries = append(out.Entries, e)
		}
	}
	return out
}

// text is a dump.
func (t *Tree) text() string {
	var b strings.Builder
	_ = t.Write(&b) // to memory
	return b.String()
}

// nameList names what is in a dump, but not all of much.
func (t *Tree) nameList() string {
	var list []string
	for _, e := range t.Entries {
		list = append(list, e.Name)
	}
	return someOf(list)
}

// someOf lists names, but not all of many.
func someOf(names []string) string {
	if len(names) > 5 {
		names = append(names[:5:5], "...")
	}
	return strings.Join(names, ", ")
}
