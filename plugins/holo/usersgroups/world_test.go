package usersgroups

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// Where a test's tree has the directories of the plugin.
const (
	resourceDir = "tmp/holo.0/generated-resources/users-groups"
	stateDir    = "var/lib/holo/users-groups"
	cacheDir    = "tmp/holo.0/users-groups"
)

// world is a directory of the machine as a root, with a plugin's Env over it as holo-users-groups has it.
type world struct {
	dir            string
	env            *holo.Env
	stdout, stderr strings.Builder
	// tool plays the account tools.
	tool func(argv []string) error
}

// newWorld makes a root with definitions, below dir or, if that is empty, in a new directory.
func newWorld(t *testing.T, dir, definitions string) *world {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	w := &world{dir: dir}
	for _, d := range []string{resourceDir, stateDir, cacheDir, "etc"} {
		check(t, os.MkdirAll(filepath.Join(w.dir, d), 0o755))
	}
	for name, text := range files(definitions) {
		w.write(t, resourceDir+"/"+name, text)
	}
	host, err := rootfs.OpenHost(w.dir)
	check(t, err)
	t.Cleanup(func() { check(t, host.Close()) })
	w.env = &holo.Env{
		Stdout: &w.stdout, Stderr: &w.stderr,
		Root:      holo.Dir{Root: host, Path: "target"},
		Resources: holo.Dir{Root: rootfs.Sub(host, resourceDir), Path: "R"},
		State:     holo.Dir{Root: rootfs.Sub(host, stateDir), Path: "S"},
		Cache:     holo.Dir{Root: rootfs.Sub(host, cacheDir), Path: "C"},
		Run: func(_ context.Context, c holo.Command) error {
			if w.tool == nil {
				t.Errorf("a tool is used: %q", c.Argv)
				return nil
			}
			return w.tool(c.Argv)
		},
	}
	return w
}

func (w *world) write(t *testing.T, name, text string) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Dir(filepath.Join(w.dir, name)), 0o755))
	check(t, os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o644))
}

func (w *world) read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return "none"
	}
	check(t, err)
	return string(b)
}

// apply applies an entity, and returns what came of it, with what was printed and the error.
func (w *world) apply(t *testing.T, id string, force bool) string {
	t.Helper()
	w.stdout.Reset()
	w.stderr.Reset()
	o, err := Plugin{}.Apply(t.Context(), w.env, id, force)
	out := string(o) + "\n" + w.stdout.String() + w.stderr.String()
	if err != nil {
		out += "error: " + err.Error() + "\n"
	}
	return out
}

func (w *world) expect(t *testing.T, id, want string) {
	t.Helper()
	if d := cmp.Diff(want, w.apply(t, id, false)); d != "" {
		t.Errorf("%s: %s", id, d)
	}
}

// listing lists all files and what is in them, but for what is in the cache.
func (w *world) listing(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	check(t, filepath.WalkDir(w.dir, func(p string, e os.DirEntry, err error) error {
		if err != nil || strings.HasPrefix(p, filepath.Join(w.dir, cacheDir)+"/") {
			return err
		}
		text := ""
		if e.Type().IsRegular() {
			text = w.read(t, strings.TrimPrefix(p, w.dir+"/"))
		}
		b.WriteString(strings.TrimPrefix(p, w.dir) + " " + e.Type().String() + " " + text + "\n")
		return nil
	}))
	return b.String()
}

const oneUser = "[[user]]\nname = \"app\"\nuid = 7\nshell = \"/bin/sh\"\n"

// TestLive runs the tools where the root is the running system's own, by the reference's rules. What they have done is
// looked at.
func TestLive(t *testing.T) {
	made := func(w *world, line string) func([]string) error {
		return func([]string) error {
			w.write(t, "etc/passwd", line)
			w.write(t, "etc/group", "app:x:7:\nusers:x:100:\n")
			return nil
		}
	}
	for _, tt := range []struct {
		name, want string
		tool       func(w *world) func([]string) error
	}{
		{"done", "applied\n", func(w *world) func([]string) error { return made(w, "app:x:7:7::/home/app:/bin/sh\n") }},
		{"nothing done", "failed\nerror: useradd succeeded, but user:app is not there\n", func(w *world) func([]string) error { return made(w, "") }},
		{"not all done", "failed\nerror: useradd succeeded, but of user:app its login shell is empty, not /bin/sh\n",
			func(w *world) func([]string) error { return made(w, "app:x:7:7::/home/app:\n") }},
		{"another number", "failed\nerror: useradd succeeded, but of user:app its UID is 8, not 7\n",
			func(w *world) func([]string) error { return made(w, "app:x:8:7::/home/app:/bin/sh\n") }},
		{"failed", "failed\nuseradd: no\nerror: exit status 7\n", func(w *world) func([]string) error {
			return func([]string) error {
				_, err := io.WriteString(w.env.Stderr, "useradd: no\n")
				check(t, err)
				return sandbox.Exit{Code: 7}.Err()
			}
		}},
		{"not to be had", "failed\nerror: running useradd: not found in PATH\n", func(*world) func([]string) error {
			return func([]string) error { return errors.New("running useradd: not found in PATH") }
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "", oneUser)
			w.env.Live = true
			w.tool = tt.tool(w)
			w.expect(t, "user:app", tt.want)
			if got, want := w.read(t, stateDir+"/provisioned/user:app.toml") == "none", tt.name != "done"; got != want {
				t.Errorf("provisioned image missing: %v", got)
			}
			if got := w.read(t, stateDir+"/base/user:app.toml"); got != "[[user]]\nname = \"app\"\n" {
				t.Errorf("base image %q", got)
			}
		})
	}
	w := newWorld(t, "", oneUser)
	w.env.Live = true
	w.write(t, "etc/passwd", "app:x:7:7::/home/app:/bin/bash\n")
	w.write(t, "etc/group", "app:x:7:\n")
	w.expect(t, "user:app", "needs-force-overwrite\n")
}

// TestBuildToolLies: in a build, the error has the tool's name and what it said.
func TestBuildToolLies(t *testing.T) {
	w := newWorld(t, "", oneUser)
	w.env.ImageBuild = true
	w.write(t, "etc/group", "users:x:100:\n")
	w.tool = func([]string) error { return sandbox.Exit{Signal: unix.SIGKILL}.Err() }
	if got := w.apply(t, "user:app", false); got != "failed\nerror: useradd: "+(sandbox.Exit{Signal: unix.SIGKILL}).String()+"\n" {
		t.Errorf("got %s", got)
	}
	w.tool = func(argv []string) error { return nil }
	w.write(t, stateDir+"/base/user:old.toml", "[[user]]\nname = \"old\"\n")
	w.write(t, "etc/passwd", "old:x:8:8::/:/bin/sh\n")
	w.write(t, "etc/group", "old:x:8:\n")
	w.expect(t, "user:old", "failed\nerror: userdel succeeded, but user:old is still there\n")
	if w.read(t, stateDir+"/base/user:old.toml") == "none" {
		t.Error("the entity is forgotten")
	}
}

// TestBugSyntaxErrorDeletesNobody: a file that can't be read, or names nobody, may define any account (4.2.1).
func TestBugSyntaxErrorDeletesNobody(t *testing.T) {
	for name, text := range map[string]string{"syntax": "x", "type": "[[group]]\nname = 1\n", "no name": "[[group]]\n", "not a name": "[[group]]\nname = 'a:b'\n",
		"too large": strings.Repeat("#", maxFile+1)} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "", "[[group]]\nname='good'\n-- 20.toml --\n"+text+"\n")
			w.write(t, stateDir+"/base/user:old.toml", "[[user]]\nname = \"old\"\n")
			before := w.listing(t)
			list, err := Plugin{}.Scan(t.Context(), w.env)
			if err != nil || len(list) != 1 || list[0].ID != "group:good" {
				t.Errorf("scanned %v, %v", list, err)
			}
			if said := w.stderr.String(); !strings.HasPrefix(said, "!! File R/20.toml is invalid:\n>> ") ||
				!strings.HasSuffix(said, "\n>> not scrubbed, as long as R/20.toml is invalid: user:old\n") {
				t.Errorf("said %s", said)
			}
			w.expect(t, "user:old", "failed\nerror: user:old: not scrubbed, as long as R/20.toml is invalid\n")
			if d := cmp.Diff(before, strings.ReplaceAll(w.listing(t), "/"+stateDir+"/provisioned d--------- \n", "")); d != "" {
				t.Error(d)
			}
		})
	}
	// What is known to be of another account does not hold anybody.
	w := newWorld(t, "", "[[group]]\nname='bad'\ngid=-1\n")
	w.write(t, stateDir+"/base/user:old.toml", "[[user]]\nname = \"old\"\n")
	w.write(t, stateDir+"/base/group:bad.toml", "[[group]]\nname = \"bad\"\n")
	list, err := Plugin{}.Scan(t.Context(), w.env)
	if err != nil || len(list) != 1 || list[0].ID != "user:old" {
		t.Errorf("scanned %v, %v", list, err)
	}
	w.expect(t, "group:bad", "failed\nerror: group:bad: its definition in R/10.toml is invalid\n")
}

// TestBugNumberZero: the reference loses it between scan and apply (4.2.1).
func TestBugNumberZero(t *testing.T) {
	w := newWorld(t, "", "[[user]]\nname='zero'\nuid=0\n")
	if _, err := (Plugin{}).Scan(t.Context(), w.env); err != nil {
		t.Fatal(err)
	}
	w.expect(t, "user:zero", "applied\nMOCK: useradd --uid 0 zero\n")
	if got, want := w.read(t, stateDir+"/provisioned/user:zero.toml"), "[[user]]\nname = \"zero\"\nuid = 0\n"; got != want {
		t.Errorf("got %q", got)
	}
}

// TestInterruptedByFullDisk: what can't be written is not written in part, and what was made is finished later.
func TestInterruptedByFullDisk(t *testing.T) {
	rootfstest.NeedRoot(t)
	disk := filepath.Join(t.TempDir(), "disk")
	rootfstest.Tmpfs(t, disk, "size=256k")
	w := newWorld(t, disk, oneUser)
	w.env.Live = true
	makeDirs(w.env)
	fill := func() {
		f, err := os.Create(filepath.Join(disk, "filler"))
		check(t, err)
		defer f.Close()
		for err == nil {
			_, err = f.Write(make([]byte, 4096))
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
	fill()
	before := w.listing(t)
	if got := w.apply(t, "user:app", false); !strings.HasPrefix(got, "failed\nerror: writing S/base/user:app.toml: ") || !strings.Contains(got, "no space left on device") {
		t.Errorf("got %s", got)
	}
	if d := cmp.Diff(before, w.listing(t)); d != "" {
		t.Error(d)
	}
	// The disk is full when the tool has done its work.
	check(t, os.Remove(filepath.Join(disk, "filler")))
	w.tool = func([]string) error {
		w.write(t, "etc/passwd", "app:x:7:7::/home/app:/bin/sh\n")
		w.write(t, "etc/group", "app:x:7:\n")
		fill()
		return nil
	}
	if got := w.apply(t, "user:app", false); !strings.HasPrefix(got, "failed\nerror: writing S/provisioned/user:app.toml: ") {
		t.Errorf("got %s", got)
	}
	if got := w.read(t, stateDir+"/provisioned/user:app.toml"); got != "none" {
		t.Errorf("half of an image: %q", got)
	}
	check(t, os.Remove(filepath.Join(disk, "filler")))
	w.tool = nil
	w.expect(t, "user:app", "not-changed\n")
	if got := w.read(t, stateDir+"/base/user:app.toml"); got != "[[user]]\nname = \"app\"\n" {
		t.Errorf("base image %q", got)
	}
}
