package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// checkNames: the program is installed under its names below PREFIX, one for each plugin of the table, with manual pages
// and completion, and nothing is anywhere else.
func checkNames(t *testing.T, root string) {
	want := []string{"usr/bin/holo -> holo-build", "usr/bin/holo-build", "usr/share/man/man1/holo-build.1", "usr/share/man/man8/holo.8"}
	for _, name := range []string{"holo", "holo-build"} {
		want = append(want, "usr/share/bash-completion/completions/"+name, "usr/share/zsh/site-functions/_"+name,
			"usr/share/fish/vendor_completions.d/"+name+".fish")
	}
	for _, b := range bundled() {
		want = append(want, "usr/lib/holo/holo-"+b.ID+" -> ../../bin/holo-build")
	}
	slices.Sort(want)
	var got []string
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text := strings.TrimPrefix(name, root+"/")
		if target, err := os.Readlink(name); err == nil {
			text += " -> " + target
		} else if i, err := e.Info(); err != nil || i.Size() == 0 {
			text += " is empty"
		}
		got = append(got, text)
		return nil
	})
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

// checkHolo: in a root that has what is installed, holo finds its plugins by their default paths.
func checkHolo(t *testing.T, dir, root string) {
	writeResource(t, filepath.Join(root, "etc/os-release"), "ID=unittest\n", 0o644)
	writeResource(t, filepath.Join(root, "etc/motd"), "stock\n", 0o644)
	writeResource(t, filepath.Join(root, "usr/share/holo/files/1/etc/motd"), "hello\n", 0o644)
	holorc := ""
	for _, b := range bundled() {
		holorc += "plugin " + b.ID + "\n"
		if err := os.MkdirAll(filepath.Join(root, "usr/share/holo", b.ID), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeResource(t, filepath.Join(root, "etc/holorc"), holorc, 0o644)
	// Called through a symlink to a symlink: the name counts, not what it leads to.
	if err := os.Symlink(filepath.Join(root, "usr/bin/holo"), filepath.Join(dir, "holo")); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{"version": "1.2-3\n", "scan --short": "file:/etc/motd\n"} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "holo"), strings.Fields(args)...)
		cmd.Env = append(os.Environ(), "HOLO_ROOT_DIR="+root)
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("holo %s: %v, %q, want %q", args, err, out, want)
		}
	}
}

// checkNoProc: in a chroot where nobody has mounted /proc, as a package manager may run holo(8), plugins say what they
// lack, rather than that there is nothing.
func checkNoProc(t *testing.T, root string) {
	rootfstest.NeedRoot(t)
	for _, dir := range []string{"tmp", "run"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeResource(t, filepath.Join(root, "dev/null"), "", 0o644)
	writeResource(t, filepath.Join(root, "etc/holorc"), "plugin files\n", 0o644)
	cmd := exec.CommandContext(t.Context(), "/usr/bin/holo", "scan")
	cmd.Env = []string{"PATH=/usr/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "!! opening $HOLO_ROOT_DIR: /proc must be mounted: ") {
		t.Errorf("%v: %q", err, out)
	}
}
