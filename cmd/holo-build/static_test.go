package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestStatic: what the Makefile builds asks for no interpreter and no library of the system, even where the environment
// asks for cgo. It says its version.
func TestStatic(t *testing.T) {
	need(t, "make", "go")
	binary := filepath.Join(t.TempDir(), "holo-build")
	cmd := exec.CommandContext(t.Context(), "bash", "-ec", `eval "$(make --no-print-directory -n build | sed "s|-o bin/holo-build|-o $BINARY|")"`)
	cmd.Dir = repository
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "BINARY="+binary, "MAKEFLAGS=", "MAKELEVEL=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
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
	if out, err := exec.CommandContext(t.Context(), binary, "version").CombinedOutput(); err != nil || len(out) == 0 {
		t.Errorf("version: %v\n%s", err, out)
	}
}
