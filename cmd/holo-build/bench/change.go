package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// usualChange is the number of files that most sides add.
const usualChange = 50

// changedFiles are so many files to add, by name in the image. No two runs have the same.
func changedFiles(n, run int) map[string]string {
	files := make(map[string]string, n)
	for i := range n {
		files[fmt.Sprintf("etc/bench/part%d/file%03d.conf", i%5, i)] = strings.Repeat(fmt.Sprintf("setting %d = %d\n", i, run), 20)
	}
	return files
}

// writeChange writes the files below a directory.
func writeChange(top string, files map[string]string) error {
	for name, content := range files {
		p := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
