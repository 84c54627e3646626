package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// Where a test's tree has the directories of the plugin; "R/" and "S/" stand for the first two in test cases.
const (
	resourceDir = "tmp/holo.0/generated-resources/files"
	stateDir    = "var/lib/holo/files"
	cacheDir    = "tmp/holo.0/files"
)

// world is a root directory with a plugin's Env over it.
type world struct {
	dir            string
	env            *holo.Env
	stdout, stderr bytes.Buffer
}

// newWorld makes a tree from a txtar archive. Its names are "MODE NAME" for a file with the archived content, "dir MODE
// NAME", "link NAME TARGET", "fifo NAME"; parents are made.
func newWorld(t *testing.T, tree string) *world {
	t.Helper()
	w := &world{dir: t.TempDir()}
	for _, d := range []string{resourceDir, stateDir, cacheDir, "etc"} {
		check(t, os.MkdirAll(filepath.Join(w.dir, d), 0o755))
	}
	w.add(t, tree)
	host, err := rootfs.OpenHost(w.dir)
	check(t, err)
	t.Cleanup(func() { check(t, host.Close()) })
	w.over(mineRoot{host})
	return w
}

// over gives the plugin a root.
func (w *world) over(r rootfs.Root) {
	w.env = &holo.Env{
		Stdout: &w.stdout, Stderr: &w.stderr,
		Root:      holo.Dir{Root: r, Path: "target"},
		Resources: holo.Dir{Root: rootfs.Sub(r, resourceDir), Path: "target/" + resourceDir},
		State:     holo.Dir{Root: rootfs.Sub(r, stateDir), Path: "target/" + stateDir},
		Cache:     holo.Dir{Root: rootfs.Sub(r, cacheDir), Path: "target/" + cacheDir},
		Run:       w.run,
	}
}

// stagedWorld has a staging root, which can hold what a plain user may not make.
func stagedWorld(t *testing.T, entries ...rootfstest.Entry) (*world, rootfs.Root) {
	t.Helper()
	for _, d := range []string{stateDir, cacheDir} {
		entries = append(entries, rootfstest.Dir(d, 0o755))
	}
	dir := t.TempDir()
	base, err := rootfs.ReadBase(t.Context(), []rootfs.Layer{rootfstest.Tar(t, entries...)}, dir, rootfs.BaseOptions{})
	check(t, err)
	s := rootfs.Stage(base, rootfs.StageOptions{Dir: dir, Start: rootfstest.Epoch})
	t.Cleanup(func() { check(t, s.Close()) })
	w, r := new(world), s.Root(rootfs.Actor{Kind: "plugin", Plugin: "files"})
	w.over(r)
	return w, r
}

// mineRoot gives to the caller what the plugin gives to root: the caller may be a plain user.
type mineRoot struct{ rootfs.Root }

func mine(m rootfs.Meta) rootfs.Meta {
	if m.UID == 0 && m.GID == 0 {
		m.UID, m.GID = uint32(os.Getuid()), uint32(os.Getgid())
	}
	return m
}

func (r mineRoot) Put(name string, m rootfs.Meta, c io.Reader) error {
	return r.Root.Put(name, mine(m), c)
}
func (r mineRoot) Mkdir(name string, m rootfs.Meta) error { return r.Root.Mkdir(name, mine(m)) }

func (r mineRoot) Lstat(name string) (rootfs.Meta, error) {
	m, err := r.Root.Lstat(name)
	if int(m.UID) == os.Getuid() && int(m.GID) == os.Getgid() {
		m.UID, m.GID = 0, 0
	}
	return m, err
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) path(name string) string {
	if rest, ok := strings.CutPrefix(name, "R/"); ok {
		name = resourceDir + "/" + rest
	}
	if rest, ok := strings.CutPrefix(name, "S/"); ok {
		name = stateDir + "/" + rest
	}
	return filepath.Join(w.dir, name)
}

func (w *world) add(t *testing.T, tree string) {
	t.Helper()
	modes := map[string]uint32{}
	for _, f := range txtar.Parse([]byte(tree)).Files {
		kind, rest, _ := strings.Cut(f.Name, " ")
		arg, last, two := strings.Cut(rest, " ")
		name := rest
		switch {
		case kind == "dir":
			name = last
		case kind == "link" && two:
			name = arg
		}
		p := w.path(strings.ReplaceAll(name, `\n`, "\n"))
		check(t, os.MkdirAll(filepath.Dir(p), 0o755))
		switch kind {
		case "dir":
			check(t, os.MkdirAll(p, 0o755))
			modes[p] = mode(t, arg)
		case "link":
			check(t, os.Symlink(last, p))
		case "fifo":
			check(t, unix.Mkfifo(p, 0o644))
		default:
			check(t, os.WriteFile(p, f.Data, 0o600))
			modes[p] = mode(t, kind)
		}
	}
	check(t, filepath.WalkDir(w.dir, func(p string, d os.DirEntry, err error) error {
		m, ok := modes[p]
		if err == nil && (ok || d.IsDir()) {
			if !ok {
				m = 0o755
			}
			err = unix.Chmod(p, m)
		}
		return err
	}))
}

func mode(t *testing.T, s string) uint32 {
	t.Helper()
	m, err := strconv.ParseUint(s, 8, 32)
	check(t, err)
	return uint32(m)
}

// dump describes the tree in the words of newWorld, but for resources, caches and directories of mode 0755 that are
// not empty. An owner other than the caller is told.
func (w *world) dump(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	check(t, filepath.WalkDir(w.dir, func(p string, d os.DirEntry, err error) error {
		check(t, err)
		name, err := filepath.Rel(w.dir, p)
		check(t, err)
		if name == "tmp" {
			return filepath.SkipDir
		}
		if rest, ok := strings.CutPrefix(name, stateDir+"/"); ok {
			name = "S/" + rest
		}
		var st unix.Stat_t
		check(t, unix.Lstat(p, &st))
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			if sub, err := os.ReadDir(p); err == nil && (len(sub) > 0 || name == stateDir || name == "etc") && st.Mode&0o7777 == 0o755 {
				return nil
			}
			fmt.Fprintf(&b, "-- dir %04o %s --\n", st.Mode&0o7777, name)
		case unix.S_IFLNK:
			target, err := os.Readlink(p)
			check(t, err)
			fmt.Fprintf(&b, "-- link %s %s --\n", name, target)
		case unix.S_IFIFO:
			fmt.Fprintf(&b, "-- fifo %s --\n", name)
		default:
			content, err := os.ReadFile(p)
			check(t, err)
			fmt.Fprintf(&b, "-- %04o %s --\n%s", st.Mode&0o7777, name, content)
		}
		if int(st.Uid) != os.Getuid() || int(st.Gid) != os.Getgid() {
			fmt.Fprintf(&b, "owner %d:%d\n", st.Uid, st.Gid)
		}
		return nil
	}))
	return b.String()
}

// inodes tells apart files that were left alone from files that were written anew with what they had.
func (w *world) inodes(t *testing.T) map[string]uint64 {
	t.Helper()
	out := map[string]uint64{}
	check(t, filepath.WalkDir(w.dir, func(p string, d os.DirEntry, err error) error {
		check(t, err)
		var st unix.Stat_t
		check(t, unix.Lstat(p, &st))
		out[strings.TrimPrefix(p, w.dir)] = st.Ino
		return nil
	}))
	return out
}

var errExit1 = errors.New("exit status 1")

// run plays the launcher for holoscripts of one line: "upper", "append TEXT", "warn TEXT", "ignore" (does not read) and
// "fail" (prints something, and fails).
func (w *world) run(_ context.Context, c holo.Command) error {
	name, ok := w.env.Resources.Name(c.Argv[0])
	if !ok || len(c.Argv) != 1 {
		return fmt.Errorf("not a resource: %q", c.Argv)
	}
	f, err := w.env.Resources.Open(path.Clean(name))
	if err != nil {
		return err
	}
	defer f.Close()
	script, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	verb, arg, _ := strings.Cut(strings.TrimSpace(string(script)), " ")
	if verb == "ignore" {
		_, err = io.WriteString(c.Stdout, "ignored\n")
		return err
	}
	in, err := io.ReadAll(c.Stdin)
	if err != nil {
		return err
	}
	switch verb {
	case "upper":
		in = bytes.ToUpper(in)
	case "append":
		in = append(in, arg+"\n"...)
	case "warn":
		fmt.Fprintf(w.env.Stderr, ">> %s\n", arg)
	case "fail":
		_, _ = c.Stdout.Write([]byte("half of"))
		return errExit1
	default:
		return fmt.Errorf("unknown script %q", script)
	}
	_, err = c.Stdout.Write(in)
	return err
}
