package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
)

// starter is the resource tree that init writes. It provisions any image, and changes next to nothing.
//
//go:embed starter
var starter embed.FS

func initCommand(p process) *cobra.Command {
	return &cobra.Command{
		Use:   "init DIR",
		Short: "Write a resource tree to start from",
		Long: `init writes a small resource tree, with a directory for each plugin that an image
is likely to need, and examples in comments. DIR must not exist, or be empty.

Exit status: 0 done; 1 failed, and nothing was written; 2 wrong use.`,
		Example: `  holo-build init resources
  holo-build build docker://debian:12 -r resources -o oci:app:1`,
		Args: oneArg("DIR"),
		RunE: func(_ *cobra.Command, args []string) error {
			list, err := runInit(args[0])
			if err != nil {
				return fmt.Errorf("writing a resource tree: %w", err)
			}
			dir := printable(args[0])
			_, err = fmt.Fprintf(p.stderr, "%s has\n  %s\n\nholo-build check %s finds what is wrong with it,\nholo-build build SOURCE -r %s -o DEST provisions an image.\n",
				dir, strings.Join(list, "\n  "), dir, dir)
			return err
		},
	}
}

// runInit writes the tree beside its place and moves it there when it is whole. It returns the names of its files.
func runInit(dir string) (list []string, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), ".holo-build-init-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rootfs.RemoveTree(temp)) }()
	tree := filepath.Join(temp, "tree")
	err = fs.WalkDir(starter, "starter", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rest := strings.TrimPrefix(strings.TrimPrefix(name, "starter"), "/")
		if e.IsDir() {
			return os.Mkdir(filepath.Join(tree, rest), 0o755)
		}
		list = append(list, rest)
		content, err := starter.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(tree, rest), content, 0o644)
	})
	if err != nil {
		return nil, err
	}
	switch err := unix.Rename(tree, dir); { // over an empty directory, which os.Rename refuses
	case errors.Is(err, fs.ErrExist), errors.Is(err, unix.ENOTEMPTY):
		return nil, fmt.Errorf("%s is there already, and not empty", dir)
	case err != nil:
		return nil, &fs.PathError{Op: "making", Path: dir, Err: err}
	}
	return list, nil
}
