package usersgroups

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestHostileDatabase has something else where the databases should be.
func TestHostileDatabase(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		make       func(path string) error
	}{
		{"fifo", "failed\nerror: cannot read user database: reading /etc/passwd: ", func(p string) error { return unix.Mkfifo(p, 0o644) }},
		{"directory", "failed\nerror: cannot read user database: reading /etc/passwd: ", func(p string) error { return os.Mkdir(p, 0o755) }},
		{"loop", "failed\nerror: cannot read user database: reading /etc/passwd: ", func(p string) error { return os.Symlink("passwd", p) }},
		// Links lead to files of the root, and there is no such file.
		{"link to the machine's", "applied\nMOCK: useradd --uid 7 --shell /bin/sh app\n", func(p string) error { return os.Symlink("/proc/1/environ", p) }},
		{"link out of the root", "applied\nMOCK: useradd --uid 7 --shell /bin/sh app\n", func(p string) error {
			return os.Symlink("../../../../../../../../etc/shells", p)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "", oneUser)
			check(t, tt.make(filepath.Join(w.dir, "etc/passwd")))
			if got := w.apply(t, "user:app", false); !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestHostileMillion: a passwd of a million lines, of which the last, without an end, is looked for.
func TestHostileMillion(t *testing.T) {
	w := newWorld(t, "", oneUser)
	w.write(t, "etc/passwd", strings.Repeat("u:x:1:1::/:/bin/sh\n", 1_000_000)+"+::::::\n-x\n:\n#\n\napp:x:7:1:\xff:/home/app:/bin/sh")
	w.write(t, "etc/group", strings.Repeat("g:x:2:app\n", 1000)+"h:x:1:")
	w.expect(t, "user:app", "not-changed\n")
	const want = "[[user]]\nname = \"app\"\ncomment = \"\uFFFD\"\nuid = 7\nhome = \"/home/app\"\ngroup = \"h\"\ngroups = [\"g\"]\nshell = \"/bin/sh\"\n"
	if got := w.read(t, stateDir+"/base/user:app.toml"); got != want {
		t.Errorf("got %s", got)
	}
	w.expect(t, "user:app", "not-changed\n")
}

// TestHostileLines: nothing is lost of what nobody understands, when accounts come and go around it.
func TestHostileLines(t *testing.T) {
	const lines = "# comment\n\n+@netgroup::::::\nbroken\nold:x:5:5:caf\xe9:/:\n-nobody::::::\n+::::::"
	i := newImage(t, rootfstest.File("etc/passwd", 0o644, basePasswd+lines))
	if got := i.apply(app, false); !strings.Contains(got, "user:app: applied\n") {
		t.Errorf("got %s", got)
	}
	if got, want := i.file("etc/passwd"), basePasswd+"# comment\n\n+@netgroup::::::\nbroken\nold:x:5:5:caf\xe9:/:\napp:!:1000:1000:The app:/srv/app:/bin/sh\n-nobody::::::\n+::::::"; sortedLines(got) != sortedLines(want) {
		t.Errorf("got %q", got)
	}
	i.apply("", false)
	if got := i.file("etc/passwd"); sortedLines(got) != sortedLines(basePasswd+lines) {
		t.Errorf("got %q", got)
	}
}

func sortedLines(text string) string {
	return strings.Join(sorted(strings.Split(strings.TrimSuffix(text, "\n"), "\n")), "\n")
}

// TestHostileState has an image lay traps where the plugin keeps its images.
func TestHostileState(t *testing.T) {
	const is = "app:x:7:7::/:/bin/bash\n"
	for _, tt := range []struct {
		name, want string
		make       func(w *world) error
	}{
		{"base is a link", "failed\nerror: reading S/base: S/base is a symlink, where a directory should be\n", func(w *world) error {
			return os.Symlink("/etc", filepath.Join(w.dir, stateDir, "base"))
		}},
		{"provisioned is a link", "failed\nerror: reading S/provisioned/user:app.toml: S/provisioned is a symlink, where a directory should be\n", func(w *world) error {
			return os.Symlink("/etc", filepath.Join(w.dir, stateDir, "provisioned"))
		}},
		{"base is a file", "failed\nerror: reading S/base: S/base is a file, where a directory should be\n", func(w *world) error {
			return os.WriteFile(filepath.Join(w.dir, stateDir, "base"), nil, 0o644)
		}},
		{"image is a fifo", "failed\nerror: reading S/base/user:app.toml: ", func(w *world) error {
			return unix.Mkfifo(filepath.Join(w.dir, stateDir, "base/user:app.toml"), 0o644)
		}},
		{"image is a link to passwd", "failed\nerror: reading S/base/user:app.toml: line 1: column 4: ", func(w *world) error {
			return os.Symlink("/etc/passwd", filepath.Join(w.dir, stateDir, "base/user:app.toml"))
		}},
		{"image is empty", "failed\nerror: reading S/base/user:app.toml: one [[user]] is expected, and there are 0 tables\n", func(w *world) error {
			return os.WriteFile(filepath.Join(w.dir, stateDir, "base/user:app.toml"), nil, 0o644)
		}},
		{"a link to passwd where an image goes", "applied\n", func(w *world) error {
			return os.Symlink("/etc/target", filepath.Join(w.dir, stateDir, "provisioned/user:app.toml"))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "", oneUser)
			w.env.ImageBuild = true
			w.write(t, "etc/passwd", is)
			w.write(t, "etc/group", "app:x:7:\n")
			w.write(t, stateDir+"/base/other.toml", "")
			w.write(t, stateDir+"/provisioned/other.toml", "")
			if strings.Contains(tt.name, " is a ") && !strings.HasPrefix(tt.name, "image") {
				check(t, os.RemoveAll(filepath.Join(w.dir, stateDir, strings.Fields(tt.name)[0])))
			}
			check(t, tt.make(w))
			w.tool = func(argv []string) error {
				if !strings.HasPrefix(tt.want, "applied") {
					t.Errorf("a tool is used: %q", argv)
				}
				w.write(t, "etc/passwd", "app:x:7:7::/:/bin/sh\n")
				return nil
			}
			if got := w.apply(t, "user:app", false); !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if got := w.read(t, "etc/target"); got != "none" {
				t.Errorf("the link was followed: %q", got)
			}
			if list, err := os.ReadDir(filepath.Join(w.dir, "etc")); err != nil || len(list) != 2 {
				t.Errorf("/etc has %v, %v", list, err)
			}
		})
	}
}

// TestHostileResources: what lies among the definitions, and is none.
func TestHostileResources(t *testing.T) {
	w := newWorld(t, "", oneUser)
	at := filepath.Join(w.dir, resourceDir)
	w.write(t, "etc/evil.toml", "[[user]]\nname='evil'\n")
	check(t, os.Symlink("/etc/evil.toml", filepath.Join(at, "link.toml")))
	check(t, unix.Mkfifo(filepath.Join(at, "fifo.toml"), 0o644))
	check(t, os.Mkdir(filepath.Join(at, "dir.toml"), 0o755))
	w.write(t, resourceDir+"/sub/30.toml", "[[user]]\nname='sub'\n")
	w.write(t, resourceDir+"/legacy.json", "{")
	w.write(t, resourceDir+"/x.toml~", "[[user]]\nname='backup'\n")
	w.write(t, resourceDir+"/a\n!! b.toml", "[[user]]\nname='c'\n")
	for _, build := range []bool{false, true} {
		w.env.ImageBuild = build
		w.stderr.Reset()
		list, err := Plugin{}.Scan(t.Context(), w.env)
		if err != nil || len(list) != 1 || list[0].ID != "user:app" {
			t.Errorf("scanned %v, %v", list, err)
		}
		want := "!! File \"R/a\\n!! b.toml\" is invalid:\n>> its name has a line break\n"
		if build {
			want = "!! \"R/a\\n!! b.toml\": its name has a line break\n>> R/dir.toml is a directory, and ignored\n" +
				">> R/fifo.toml is a fifo, and ignored\n>> R/link.toml is a symlink, and ignored\n"
		}
		if got := w.stderr.String(); got != want {
			t.Errorf("said %s, want %s", got, want)
		}
	}
}

// TestHostileMigration: state of version 1 that nobody should trust.
func TestHostileMigration(t *testing.T) {
	for text, want := range map[string]string{
		"ProvisionedUsers = ['../../../etc/x']\n": "migrating S/state.toml: the name \"../../../etc/x\" of a user has the character '/'",
		"ProvisionedUsers = 'x'\n":                "migrating S/state.toml: ",
		"x":                                       "migrating S/state.toml: ",
	} {
		w := newWorld(t, "", oneUser)
		w.write(t, stateDir+"/state.toml", text)
		if list, err := (Plugin{}).Scan(t.Context(), w.env); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, %v", text, list, err)
		}
		if w.read(t, stateDir+"/state.toml") != text {
			t.Error("the state is gone")
		}
	}
	// In a build there are no errors, as these would fail it.
	w := newWorld(t, "", oneUser)
	w.env.ImageBuild = true
	w.write(t, stateDir+"/state.toml", "ProvisionedUsers = ['app']\n")
	if list, err := (Plugin{}).Scan(t.Context(), w.env); err != nil || len(list) != 1 || strings.Contains(w.stderr.String(), "!!") {
		t.Errorf("%v, %v, %s", list, err, w.stderr.String())
	}
	if got := w.read(t, stateDir+"/base/user:app.toml"); got != "[[user]]\nname = \"app\"\n" || w.read(t, stateDir+"/state.toml") != "none" {
		t.Errorf("base image %q", got)
	}
}

// TestReadOnly: who may not write can scan, and is told what could not be written.
func TestReadOnly(t *testing.T) {
	w := newWorld(t, "", oneUser)
	check(t, os.Chmod(filepath.Join(w.dir, stateDir), 0o555))
	t.Cleanup(func() { check(t, os.Chmod(filepath.Join(w.dir, stateDir), 0o755)) })
	if list, err := (Plugin{}).Scan(t.Context(), w.env); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if os.Getuid() == 0 {
		return // to whom modes mean nothing
	}
	if got := w.apply(t, "user:app", false); !strings.HasPrefix(got, "failed\nerror: making S/base: ") || !strings.Contains(got, "permission denied") {
		t.Errorf("got %s", got)
	}
	if _, err := os.Lstat(filepath.Join(w.dir, stateDir, "base")); err == nil {
		t.Error("something was made")
	}
}
