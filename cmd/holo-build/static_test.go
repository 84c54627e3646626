package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestStatic: what "make install" builds asks for no interpreter and no library of the system, even where the environment
// asks for cgo. It says its version, and what is installed works as a whole.
func TestStatic(t *testing.T) {
	need(t, "make", "go")
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	cmd := exec.CommandContext(t.Context(), "make", "--no-print-directory", "install", "BINARY="+filepath.Join(dir, "holo-build"),
		"DESTDIR="+root, "PREFIX=/usr", "VERSION=1.2-3")
	cmd.Dir = repository
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "MAKEFLAGS=", "MAKELEVEL=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make install: %v\n%s", err, out)
	}
	binary := filepath.Join(root, "usr/bin/holo-build")
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the program has a %v segment", p.Type)
		}
	}
	if f.Section(".dynamic") != nil {
		t.Error("the program has a dynamic section")
	}
	if out, err := exec.CommandContext(t.Context(), binary, "version").CombinedOutput(); err != nil || string(out) != "holo-build 1.2-3\n" {
		t.Errorf("version: %v\n%s", err, out)
	}
	t.Run("names", func(t *testing.T) { checkNames(t, root) })
	t.Run("holo", func(t *testing.T) { checkHolo(t, dir, root) })
	t.Run("without proc", func(t *testing.T) { checkNoProc(t, root) })
}
