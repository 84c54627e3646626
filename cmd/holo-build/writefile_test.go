package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWriteFileThroughLink: a symlink to a file stays, as the one in /dev must that leads to where standard output goes.
func TestWriteFileThroughLink(t *testing.T) {
	t.Parallel()
	dir, links := t.TempDir(), t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(links, "link")
	allWell(t, os.WriteFile(file, []byte("old"), 0o600), os.Symlink(file, link))
	allWell(t, writeFile(link, "it", func(f *os.File) error { _, err := f.WriteString("new"); return err }))
	target, err := os.Readlink(link)
	allWell(t, err)
	content, err := os.ReadFile(file)
	allWell(t, err)
	list, err := os.ReadDir(links)
	allWell(t, err)
	if target != file || string(content) != "new" || len(list) != 1 {
		t.Errorf("%s, %q, %v", target, content, list)
	}
}

// TestWriteFileStdout: a report for standard output, by a link to what only this process calls so, goes there even if that is
// a file, between all else that does.
func TestWriteFileStdout(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "out"), filepath.Join(dir, "stdout")
	out, err := os.Create(file)
	allWell(t, err)
	defer out.Close()
	stdout := os.Stdout
	defer func() { os.Stdout = stdout }()
	os.Stdout = out
	allWell(t, os.Symlink(fmt.Sprintf("/proc/self/fd/%d", out.Fd()), link))
	_, err = out.WriteString("before,")
	allWell(t, err, writeFile(link, "it", func(f *os.File) error { _, err := f.WriteString("it,"); return err }))
	_, err = out.WriteString("after")
	allWell(t, err)
	target, err := os.Readlink(link)
	allWell(t, err)
	content, err := os.ReadFile(file)
	allWell(t, err)
	if !strings.HasPrefix(target, "/proc/self/fd/") || string(content) != "before,it,after" {
		t.Errorf("%s, %q", target, content)
	}
}
