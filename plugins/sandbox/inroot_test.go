package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// newImage is an arena whose staging root is something that programs can run in: with the attacker, and the machine's
// programs where an image has its own.
func newImage(t *testing.T) *arena {
	t.Helper()
	a := newArena(t, Probe{})
	for _, dir := range []string{"dev", "etc", "proc", "run", "tmp", "tmp/holo.0", "usr", "var", "var/run"} {
		must(t, os.Mkdir(filepath.Join(a.staging, dir), 0o755))
	}
	mergeDirs(t, a.staging)
	must(t, os.Link(a.attacker, a.staging+"/attacker"))
	must(t, os.WriteFile(a.staging+"/etc/passwd", []byte("root:x:0:0::/:/bin/sh\n"), 0o644))
	must(t, os.WriteFile(a.staging+"/tmp/holo.0/cached", []byte("cached\n"), 0o644))
	must(t, os.WriteFile(a.staging+"/tmp/old", nil, 0o644))
	return a
}

// merged are directories that are symlinks where /usr is merged.
var merged = []string{"bin", "lib", "lib32", "lib64", "libx32", "sbin"}

func mergeDirs(t *testing.T, root string) {
	t.Helper()
	for _, name := range merged {
		if target, err := os.Readlink("/" + name); err == nil {
			must(t, os.Symlink(target, filepath.Join(root, name)))
		} else if _, err := os.Stat("/" + name); err == nil {
			must(t, os.Mkdir(filepath.Join(root, name), 0o755))
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// inside is an attack from inside the root.
func (a *arena) inside(args ...string) Process {
	p := Process{
		Path: "/attacker", Argv0: attackerName, Args: args, Env: []string{"PATH=/usr/bin:/bin", "GOMAXPROCS=1"}, Probe: a.probe,
		Confine: &Confinement{
			Root: a.staging, Kept: []string{"/tmp/holo.0"}, ReadOnly: []Bind{{Host: "/usr"}},
			Limits: Limits{Memory: 1 << 30, FileSize: 16 << 20, Processes: 100},
		},
	}
	for _, name := range merged {
		if fi, err := os.Lstat("/" + name); err == nil && fi.IsDir() {
			p.Confine.ReadOnly = append(p.Confine.ReadOnly, Bind{Host: "/" + name})
		}
	}
	return p
}

// noRoot says whether there can be none here; then, Run has to say so.
func (a *arena) noRoot(t *testing.T) bool {
	t.Helper()
	if a.full {
		return false
	}
	_, err := Run(t.Context(), a.inside("tell"))
	if _, ok := errors.AsType[*NoRootError](err); !ok || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("no root can be had, and Run says %v", err)
	}
	return true
}

// state is all that is in the arena, to see that nothing of it has changed.
func (a *arena) state(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	must(t, filepath.WalkDir(filepath.Dir(a.staging), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		target, _ := os.Readlink(path) // empty for what is no link
		_, err = fmt.Fprintln(&b, path, fi.Mode(), fi.Size(), target, fi.ModTime().UnixNano())
		return err
	}))
	return b.String()
}

// TestInRoot: what an attack gets from inside a root that is the image's.
func TestInRoot(t *testing.T) {
	a := newImage(t)
	if a.noRoot(t) {
		return
	}
	held := "0 0 done"
	for _, c := range []struct {
		name string
		args []string
		want string // a regular expression
	}{
		{"work", []string{"work", "/", user(t)}, "done"},
		{"who", []string{"tell"}, held},
		{"the root", []string{"list", "/"}, "attacker bin dev etc .*out proc run .*tmp usr var done"},
		{"of the image", []string{"write", "/etc/passwd"}, "done"},
		{"secret", []string{"read", a.secret}, "no such file or directory"},
		{"through a link", []string{"write", "/out/new"}, "no such file or directory"},
		{"upwards", []string{"read", "/../../../../../../../../.." + a.secret}, "no such file or directory"},
		{"out of a chroot", []string{"chroot", a.secret}, "no such file or directory|operation not permitted"},
		{"devices", []string{"list", "/dev"}, "fd full null (ptmx pts )?random shm stderr stdin stdout urandom zero done"},
		{"a new file in /dev", []string{"write", "/dev/new"}, "done"},
		{"terminals", []string{"terminal"}, "done|no such file or directory"},
		{"no terminals but its own", []string{"list", "/dev/pts"}, "ptmx done|no such file or directory"},
		{"/run", []string{"list", "/run"}, "lock done"},
		{"a new file in /run", []string{"write", "/run/new"}, "done"},
		{"/tmp", []string{"list", "/tmp"}, "holo.0 done"},
		{"a new file in /tmp", []string{"write", "/tmp/new"}, "done"},
		{"what is kept", []string{"list", "/tmp/holo.0"}, "cached done"},
		{"shared memory", []string{"write", "/dev/shm/new"}, "done"},
		{"sysctl", []string{"append", "/proc/sys/kernel/hostname"}, "read-only file system|permission denied"},
		{"masked", []string{"list", "/proc/fs"}, "done|no such file or directory"},
		{"helper's root", []string{"list", "/proc/1/root/"}, "permission denied"},
		{"helper's memory", []string{"append", "/proc/1/mem"}, "read-only file system|permission denied"},
		{"helper's file", []string{"chmod", "/proc/1/exe"}, "permission denied"},
		{"what is read-only", []string{"write", "/usr/attacked"}, "read-only file system|permission denied"},
		{"mode of what is read-only", []string{"chmod", "/usr/bin/env"}, "read-only file system|operation not permitted"},
		{"mount", []string{"mount"}, "operation not permitted"},
		{"fsopen", []string{"fsopen"}, "operation not permitted"},
		{"unshare", []string{"unshare"}, "operation not permitted"},
		{"clone", []string{"clone"}, "operation not permitted"},
		{"keys", []string{"keys"}, "operation not permitted"},
		{"ptrace", []string{"ptrace"}, "operation not permitted"},
		{"TCP", []string{"tcp", a.tcp}, "connection refused|network is unreachable"},
		{"abstract socket", []string{"unix", a.abstract}, "connection refused"},
		{"privileges", []string{"privilege"}, "no_new_privs 1 seccomp 2 done"},
		{"disk", []string{"disk", "/", diskDevice(t)}, "permission denied|mknod: operation not permitted"},
		{"file", []string{"fill", "/big"}, "file too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, e := a.run(t, a.inside(c.args...))
			if !e.OK() && !strings.Contains(out, "file too large") || !regexp.MustCompile("^("+c.want+")$").MatchString(out) {
				t.Errorf("%v, %q, want %q", e, out, c.want)
			}
			if !e.Confined.Root {
				t.Errorf("%v", e.Confined)
			}
		})
	}
	p := a.inside("write", "/etc/passwd")
	p.Confine.RootReadOnly = true
	if out, e := a.run(t, p); out != "read-only file system" {
		t.Errorf("a root that is read-only: %v, %q", e, out)
	}
	if b, err := os.ReadFile(a.secret); err != nil || string(b) != "secret\n" {
		t.Errorf("the secret is %q, %v", b, err)
	}
	if b, err := os.ReadFile(a.staging + "/etc/passwd"); err != nil || string(b) != "attacked\n" {
		t.Errorf("the image's file is %q, %v: it could not be written to", b, err)
	}
	for _, dir := range []string{"dev", "proc", "run", "tmp", "usr"} {
		want := map[string]int{"tmp": 2}[dir]
		if list, err := os.ReadDir(filepath.Join(a.staging, dir)); err != nil || len(list) != want {
			t.Errorf("%s was left with %v, %v", dir, list, err)
		}
	}
}

// TestInRootPlaces: mounts go to places inside the root, whatever symlinks the image has, or nothing is started. Nothing
// outside changes, and nothing in the image.
func TestInRootPlaces(t *testing.T) {
	replace := func(name, target string) func(t *testing.T, a *arena) {
		return func(t *testing.T, a *arena) {
			must(t, os.RemoveAll(a.staging+name))
			must(t, os.Symlink(strings.ReplaceAll(target, "OUTSIDE", a.outside), a.staging+name))
		}
	}
	const gone, one = "does not exist: no such file or directory$", "symlinks make it one with another"
	for _, c := range []struct {
		name string
		do   func(t *testing.T, a *arena)
		at   string // of a file of the machine
		want string // a regular expression for the error; empty if it runs
	}{
		{"honest", nil, "/run/holo/file", ""},
		{"honest, in the image", nil, "/etc/passwd", ""},
		{"/run is a link", replace("/run", "var/run"), "/run/holo/file", ""},
		{"/run is an absolute link", replace("/run", "/var/run"), "/run/holo/file", ""},
		{"/run is a link upwards", replace("/run", "../../../../var/run"), "/run/holo/file", ""},
		{"/run is a link out", replace("/run", "OUTSIDE"), "", "/run is no place.* " + gone},
		{"/run is a link out, upwards", replace("/run", "../../../../../../..OUTSIDE"), "", "/run is no place.* " + gone},
		{"/dev is a link out", replace("/dev", "OUTSIDE"), "", "/dev is no place.* " + gone},
		{"/dev is a link through another", replace("/dev", "/out"), "", "/dev is no place.* " + gone},
		{"/dev is a link to itself", replace("/dev", "dev"), "", "/dev is no place.*too many levels"},
		{"/dev is the root", replace("/dev", "/"), "", "/dev is no place.*symlink to the root itself"},
		{"/proc is the root", replace("/proc", ".."), "", "/proc is no place.*symlink to the root itself"},
		{"/proc is a link out", replace("/proc", "OUTSIDE"), "", "/proc is no place.* " + gone},
		{"/tmp is /usr", replace("/tmp", "/usr"), "", "^starting /attacker: confining it: (keeping|opening|/usr|/tmp)"},
		{"/run is /proc", replace("/run", "/proc"), "", one},
		{"/run is in /tmp", replace("/run", "/tmp/holo.0"), "", "/run is no place"},
		{"/proc is the helper's", replace("/proc", "/proc/self/root"), "", "/proc is no place"},
		{"/dev is a file", func(t *testing.T, a *arena) {
			must(t, errors.Join(os.Remove(a.staging+"/dev"), os.WriteFile(a.staging+"/dev", nil, 0o644)))
		}, "", "/dev is no place.*not a directory"},
		{"/proc is a pipe", func(t *testing.T, a *arena) {
			must(t, errors.Join(os.Remove(a.staging+"/proc"), unix.Mkfifo(a.staging+"/proc", 0o644)))
		}, "", "/proc is no place.*not a directory"},
		{"no /run", func(t *testing.T, a *arena) { must(t, os.Remove(a.staging+"/run")) }, "", "/run is no place.* " + gone},
		{"no place", nil, "/etc/resolv.conf", "/etc/resolv.conf is no place.* " + gone},
		{"no place for a directory", nil, "/srv/deep/down", "/srv is no place.* " + gone},
		{"a directory for a file", nil, "/etc", "/etc is no place.*is a directory"},
		{"a link out", replace("/etc/resolv.conf", "OUTSIDE/secret"), "/etc/resolv.conf", "/etc/resolv.conf is no place.* " + gone},
		{"a link out, upwards", replace("/etc/resolv.conf", "../../../../../../..OUTSIDE/secret"), "/etc/resolv.conf", gone},
		{"a link in", replace("/etc/resolv.conf", "../../../../etc/passwd"), "/etc/resolv.conf", ""},
		{"a link into /run", replace("/etc/resolv.conf", "../run/resolv.conf"), "/etc/resolv.conf", gone},
		{"a link to the helper's root", replace("/etc/resolv.conf", "/proc/self/root/etc/passwd"), "/etc/resolv.conf", "too many levels of symbolic links"},
		{"a link to the helper's files", replace("/etc/x", "/proc/self/fd"), "/etc/x/4", "too many levels of symbolic links"},
		{"a link to the helper's directory", replace("/etc/x", "/proc/1/cwd"), "/etc/x/new", "too many levels of symbolic links"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newImage(t)
			if a.noRoot(t) {
				return
			}
			if c.do != nil {
				c.do(t, a)
			}
			p := a.inside("list", "/proc/self/task")
			if c.at != "" {
				p.Args = []string{"read", c.at}
				p.Confine.Writable = []Bind{{Host: a.secret, At: c.at}}
			}
			before := a.state(t)
			var out bytes.Buffer
			p.Stdout = &out
			_, err := Run(t.Context(), p)
			switch {
			case c.want == "" && (err != nil || !strings.HasSuffix(out.String(), "done\n")):
				t.Errorf("%v, %q", err, &out)
			case c.want != "" && (err == nil || out.Len() > 0 || !regexp.MustCompile(c.want).MatchString(err.Error())):
				t.Errorf("%v, %q, want %q", err, &out, c.want)
			}
			if after := a.state(t); after != before {
				t.Errorf("what there was:\n%s\nand is now:\n%s", before, after)
			}
		})
	}
}

// TestInRootStart: programs of the root start with its interpreters, what can't start is explained by what is there, and
// what the helper was started from is out of reach.
func TestInRootStart(t *testing.T) {
	a := newImage(t)
	if a.noRoot(t) {
		return
	}
	file := func(name, text string) { must(t, os.WriteFile(a.staging+name, []byte(text), 0o755)) }
	file("/script", "#!/bin/sh\necho $0 $PWD $1\n")
	file("/foreign", "\x7fELF\x02\x01\x01"+strings.Repeat("\x00", 9)+"\x02\x00\xf7\x00"+strings.Repeat("\x00", 100))
	file("/of-foreign", "#!/foreign\n")
	file("/nothing", "nothing")
	file("/no-interpreter", "#!/none\n")
	must(t, os.WriteFile(a.staging+"/no-program", nil, 0o644))
	must(t, os.Symlink("/proc/self/cwd", a.staging+"/here"))
	for _, c := range []struct{ path, dir, want, says string }{
		{"/script", "", "/script / x", ""},
		{"/script", "/var", "/script /var x", ""},
		{"/script", "/out", "", "entering directory /out: no such file or directory"},
		{"/script", "/here", "", "entering directory /here: too many levels of symbolic links"},
		{"/foreign", "", "", "/foreign is a program for 247"},
		{"/of-foreign", "", "", "/foreign is a program for 247"},
		{"/nothing", "", "", "neither a program"},
		{"/no-interpreter", "", "", "the interpreter that its first line"},
		{"/no-program", "", "", "not executable"},
		{"/usr", "", "", "is a directory"},
		{"/none", "", "", "no such file or directory"},
		{a.attacker, "", "", "no such file or directory"}, // of the machine
	} {
		c.says = strings.ReplaceAll(c.says, "program for 247", "program for another architecture (247)")
		p := a.inside()
		p.Path, p.Argv0, p.Args, p.Dir = c.path, "", []string{"x"}, c.dir
		var out bytes.Buffer
		p.Stdout = &out
		_, err := Run(t.Context(), p)
		if c.says == "" && (err != nil || strings.TrimSpace(out.String()) != c.want) {
			t.Errorf("%s: %v, %q", c.path, err, &out)
		}
		if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), a.staging)) {
			t.Errorf("%s: %v, want %q", c.path, err, c.says)
		}
	}
}

// TestInRootOwnFile: an image whose program is a link to the helper's own file does not get at it.
func TestInRootOwnFile(t *testing.T) {
	a := newImage(t)
	if a.noRoot(t) {
		return
	}
	must(t, os.Symlink("/proc/self/exe", filepath.Join(a.staging, attackerName)))
	must(t, os.WriteFile(a.staging+"/script", []byte("#!"+attackerName+" own file\n"), 0o755))
	before, err := os.Stat(thisProgram)
	must(t, err)
	attack := func() {
		p := a.inside()
		p.Path, p.Argv0, p.Args = "/script", "", nil
		var out bytes.Buffer
		p.Stdout, p.Stderr = &out, &out
		_, err := Run(t.Context(), p)
		if err == nil && out.String() != "done\n" || err != nil && !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%v, %q", err, &out)
		}
	}
	attack()
	withoutLandlock(t, attack)
	after, err := os.Stat(thisProgram)
	must(t, err)
	if before.Mode() != after.Mode() {
		t.Errorf("this program's mode was %v, and is %v", before.Mode(), after.Mode())
	}
}

// TestInRootMount: a mount that is handed over is the root.
func TestInRootMount(t *testing.T) {
	rootfstest.NeedRoot(t)
	mount := detachedTmpfs(t)
	a := newImage(t)
	root := fmt.Sprintf("/proc/self/fd/%d", mount.Fd())
	for _, dir := range []string{"dev", "proc", "run", "tmp", "usr"} {
		must(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	mergeDirs(t, root)
	p := a.inside("list", "/")
	p.Confine.Kept, p.Confine.Writable = nil, []Bind{{Host: a.attacker, At: "/run/attacker"}}
	p.Path, p.Mount = "/run/attacker", Mount{File: mount, At: a.staging}
	if out, e := a.run(t, p); !regexp.MustCompile("^(bin )?dev (lib.* )?proc run (sbin )?tmp usr done$").MatchString(out) {
		t.Errorf("%q, %v", out, e)
	}
	p.Mount.At = a.outside
	if _, err := Run(t.Context(), p); err == nil {
		t.Error("a mount elsewhere is no error")
	}
}

// TestInRootRefused: what can't be meant is an error, and what can't be had is one of its kind.
func TestInRootRefused(t *testing.T) {
	a := newImage(t)
	for _, change := range []func(p *Process){
		func(p *Process) { p.Confine.Root = "/" },
		func(p *Process) { p.Confine.Root = "relative" },
		func(p *Process) { p.Confine.Root = a.staging + "/none" },
		func(p *Process) { p.Confine.Root = a.secret },
		func(p *Process) { p.Confine.Root = "" }, // with something to keep
		func(p *Process) { p.Confine.Kept = []string{"/"} },
		func(p *Process) { p.Confine.Kept = []string{"/tmp/none"} },
		func(p *Process) { p.Path = "attacker" },
		func(p *Process) { p.Dir = "." },
	} {
		p := a.inside("list", "/")
		change(&p)
		if _, err := Run(t.Context(), p); err == nil {
			t.Errorf("no error: %+v, %+v", p, p.Confine)
		} else if _, ok := errors.AsType[*NoRootError](err); ok && a.full {
			t.Errorf("%v: it could be had", err)
		}
	}
	p := a.inside("tell")
	p.Probe = Probe{Try: []Isolation{Subreaper}}
	if _, err := Run(t.Context(), p); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("without namespaces: %v", err)
	}
	if c, err := TryConfine(t.Context(), *p.Confine, p.Probe); err != nil || c.Root {
		t.Errorf("TryConfine: %v, %v", c, err)
	}
	if c, err := TryConfine(t.Context(), *a.inside().Confine, Probe{}); err != nil || c.Root != a.full {
		t.Errorf("TryConfine: %v, %v", c, err)
	}
}
