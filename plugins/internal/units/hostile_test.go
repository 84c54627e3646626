package units

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
)

// openWorld opens a world that a test has changed.
func openWorld(t *testing.T, dir string) *Tree {
	t.Helper()
	root, err := rootfs.OpenHost(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return Open(root)
}

func own() Options {
	return Options{Owner: rootfs.Meta{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}}
}

// TestHostileUnits: what can't be a unit file is an error, soon, and changes nothing.
func TestHostileUnits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make func(at string) error
		want string
	}{
		{"fifo", func(at string) error { return syscall.Mkfifo(at, 0o644) }, "it is a fifo"},
		{"directory", func(at string) error { return os.Mkdir(at, 0o755) }, "it is a directory"},
		{"long line", func(at string) error { return os.WriteFile(at, make10MB("[Unit]\nDescription="), 0o644) }, "longer than 1048576 bytes"},
		{"long continued line", func(at string) error {
			return os.WriteFile(at, []byte("[Unit]\nX="+strings.Repeat(strings.Repeat("x", 1000)+"\\\n", 1100)), 0o644)
		}, "longer than 1048576 bytes"},
		{"link to itself", func(at string) error { return os.Symlink(filepath.Base(at), at) }, "refusing to operate on linked unit file"},
		{"link to a fifo", func(at string) error {
			return errors.Join(syscall.Mkfifo(at+".fifo", 0o644), os.Symlink(filepath.Base(at)+".fifo", at))
		}, "is no name of a unit"},
		{"link out of the root", func(at string) error { return os.Symlink("../../../../../../../../../../etc/passwd", at) }, "does not exist"},
		{"no text", func(at string) error { return os.WriteFile(at, []byte("[Install]\n\xff\xfe=x\n"), 0o644) }, "not UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := makeWorld(t, "L a.service: WantedBy=m.target")
			if err := c.make(filepath.Join(dir, "usr/lib/systemd/system/h.service")); err != nil {
				t.Fatal(err)
			}
			tree := openWorld(t, dir)
			r := tree.Enable([]string{"a.service", "h.service"}, own())
			if err := r.Err(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Enable: %v, want %q", err, c.want)
			}
			if r.Changed() {
				t.Errorf("something was changed: %v", r.Events)
			}
			if _, err := tree.State("h.service"); err == nil {
				t.Error("there is a state of it")
			}
			if list, err := tree.List(); err != nil || len(list) == 0 {
				t.Errorf("List: %v, %v", list, err)
			}
			if r := tree.Mask([]string{"h.service"}, own()); r.Err() != nil {
				t.Errorf("Mask: %v", r.Err())
			}
			if s, err := tree.State("h.service"); s != Masked || err != nil {
				t.Errorf("masked, it is %q, %v", s, err)
			}
		})
	}
}

func make10MB(begin string) []byte {
	return []byte(begin + strings.Repeat("x", 10<<20) + "\n[Install]\nWantedBy=a.target\n")
}

// TestHostileNames: names that lead elsewhere are refused by all operations.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	dir := makeWorld(t, usual)
	before := fmt.Sprint(listWorld(t, dir))
	tree := openWorld(t, dir)
	for _, name := range []string{"", ".service", "@.service", "../x.service", "a/b.service", "a\nb.service", "a\x00.service", "x", "a.service.d",
		"..", strings.Repeat("a", 250) + ".service", "\xff.service"} {
		list := []string{name}
		for verb, r := range map[string]Report{
			"enable": tree.Enable(list, own()), "disable": tree.Disable(list, own()), "mask": tree.Mask(list, own()), "unmask": tree.Unmask(list, own()),
			"reenable": tree.Reenable(list, own()), "preset": tree.Preset(list, PresetFull, own()), "set-default": tree.SetDefaultTarget(name, own()),
		} {
			if err := r.Err(); !errors.Is(err, ErrName) && !errors.Is(err, ErrNotFound) || r.Changed() {
				t.Errorf("%s %q: %v", verb, name, r)
			}
		}
		if _, err := tree.State(name); !errors.Is(err, ErrName) {
			t.Errorf("State(%q): %v", name, err)
		}
	}
	if after := fmt.Sprint(listWorld(t, dir)); after != before {
		t.Errorf("changed from\n%s to\n%s", before, after)
	}
}

// TestHostileConfiguration: directories of the configuration that lead out, nest without end or loop.
func TestHostileConfiguration(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	dir := makeWorld(t, "L a.service: WantedBy=m.target x.target\nE x.target.wants -> .\nE m.target.wants -> "+outside+"\nE r.target.wants -> ../../../../../../../../../../tmp")
	deep := filepath.Join(dir, "etc/systemd/system", strings.Repeat("d/", 100))
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/usr/lib/systemd/system/a.service", filepath.Join(deep, "a.service")); err != nil {
		t.Fatal(err)
	}
	tree := openWorld(t, dir)
	if err := tree.Enable([]string{"a.service"}, own()).Err(); err == nil || !strings.Contains(err.Error(), "m.target.wants") {
		t.Errorf("Enable: %v", err)
	}
	tree.Disable([]string{"a.service"}, own()) // it is an alias of itself by now
	if _, err := os.Lstat(filepath.Join(dir, "etc/systemd/system/a.service")); !os.IsNotExist(err) {
		t.Errorf("the link by x.target.wants is there: %v", err)
	}
	if list, err := os.ReadDir(outside); err != nil || len(list) > 0 {
		t.Errorf("outside of the root: %v, %v", list, err)
	}
}

// TestUnwritable: what can't be written is an error that names it.
func TestUnwritable(t *testing.T) {
	t.Parallel()
	tree := openWorld(t, makeWorld(t, "L a.service: WantedBy=m.target\n/etc/systemd= x"))
	for verb, r := range map[string]Report{
		"enable": tree.Enable([]string{"a.service"}, own()), "mask": tree.Mask([]string{"a.service"}, own()),
		"set-default": tree.SetDefaultTarget("graphical.target", own()),
	} {
		if err := r.Err(); err == nil || !strings.Contains(err.Error(), "/etc/systemd") || r.Changed() {
			t.Errorf("%s: %v", verb, r)
		}
	}
}

// TestLeads: where a symlink leads is told by listings as by following it.
func TestLeads(t *testing.T) {
	t.Parallel()
	dir := makeWorld(t, usual+`L real.service: WantedBy=m.target
L aka.service -> real.service
L loop.service -> loop.service
L out.service -> ../../../../../../../../etc/passwd
L gone.service -> nowhere.service
E m.target.wants/1.service -> /lib/systemd/system/aka.service
E m.target.wants/2.service -> /usr/lib/systemd/system/aka.service
E m.target.wants/3.service -> /usr/lib/systemd/system/real.service
E m.target.wants/4.service -> /usr/lib/systemd/system/./aka.service
E m.target.wants/5.service -> ../../../../usr/lib/systemd/system/aka.service
E m.target.wants/6.service -> /usr/lib/systemd/system/loop.service
E m.target.wants/7.service -> /usr/lib/systemd/system/none.service
E m.target.wants/8.service -> /run/systemd/system/none.service
E m.target.wants/9.service -> ../own.service
E m.target.wants/10.service -> /etc/systemd/system/own.service
E m.target.wants/11.service -> 1.service
E m.target.wants/12.service -> /usr/lib/systemd/system/
E m.target.wants/13.service -> /usr/lib/systemd/system/..
E m.target.wants/14.service -> /usr/lib/systemd/system/gone.service
E m.target.wants/15.service -> /usr/lib/systemd/system/out.service
E own.service -> /usr/lib/systemd/system/aka.service
E short.service -> own.service
E top.service -> /top.service
E bare.service -> .
`)
	tree := openWorld(t, dir)
	list, err := tree.AllLinks()
	if err != nil || len(list) < 19 {
		t.Fatalf("%d links, %v", len(list), err)
	}
	for _, f := range list {
		at := strings.TrimPrefix(f.Path, "/")
		text, err := os.Readlink(filepath.Join(dir, at))
		if err != nil || f.Target != text || f.Own != filepath.Base(at) {
			t.Errorf("%+v is %q, %v", f, text, err)
		}
		if want := filepath.Base(tree.leads(at, text)); f.To != want {
			t.Errorf("%s leads to %s, want %s", f.Path, f.To, want)
		}
	}
}
