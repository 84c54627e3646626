package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestReadmePlugin runs the plugin that README.md shows: a build makes what it promises, and a second one finds it so.
func TestReadmePlugin(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```sh\n")
	script, _, ok := strings.Cut(rest, "```\n")
	if !ok {
		t.Fatal("README.md shows no plugin in a block of sh")
	}
	dir := t.TempDir()
	write := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plugin := write("holo-flags", script, 0755)
	write("resources/flags/beta", "", 0644)
	image := "oci:" + filepath.Join(dir, "image")
	first := buildForTest(t, dir, "scratch", image, plugin)
	second := buildForTest(t, dir, image, image, plugin)
	if first != second {
		t.Errorf("the second build gave %s, the first %s", second, first)
	}
	var log bytes.Buffer
	if status := run([]string{"holo-build", "log", image}, testProcess(dir, &log)); status != 0 {
		t.Fatalf("log: status %d", status)
	}
	if !strings.Contains(log.String(), "+ /var/flags/beta  (flag:beta)") {
		t.Errorf("the log does not name the flag:\n%s", log.String())
	}
}

// buildForTest builds with the resources and the plugin flags of a directory, and returns what was printed.
func buildForTest(t *testing.T, dir, from, to, plugin string) string {
	t.Helper()
	var out bytes.Buffer
	args := []string{"holo-build", "build", from, "-q", "-r", filepath.Join(dir, "resources"), "--plugin", "flags=" + plugin, "-o", to}
	if status := run(args, testProcess(dir, &out)); status != 0 {
		t.Fatalf("building from %s: status %d", from, status)
	}
	return out.String()
}

// testProcess is a process that works below a directory and prints its errors on the test's standard error.
func testProcess(dir string, stdout *bytes.Buffer) process {
	return process{
		stdin: strings.NewReader(""), stdout: stdout, stderr: os.Stderr, environ: []string{"TMPDIR=" + dir, "XDG_CACHE_HOME=" + os.Getenv("XDG_CACHE_HOME")},
		signals: func() (context.Context, context.CancelFunc) { return context.WithCancel(context.Background()) },
		now:     time.Now,
	}
}
