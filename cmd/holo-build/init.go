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
	there, err := os.ReadDir(dir)
	switch {
	case err == nil && len(there) > 0:
		return nil, fmt.Errorf("%s is there already, and not empty", dir)
	case err == nil:
		// It stays the directory that it is: somebody may work in it, or have mounted it.
		return inNew(dir, func(tree string) error { return moveAll(tree, dir) })
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	return inNew(filepath.Dir(dir), func(tree string) error {
		if err := os.Rename(tree, dir); err != nil {
			return &fs.PathError{Op: "making", Path: dir, Err: errors.Unwrap(err)}
		}
		return nil
	})
}

// inNew writes the tree into a new directory in dir, and lets move take it from there.
func inNew(dir string, move func(tree string) error) (list []string, err error) {
	temp, err := os.MkdirTemp(dir, ".holo-build-init-")
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
	if err == nil {
		err = move(tree)
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}

// moveAll moves all that is in one directory to another, where none of the names is there; or nothing, with an error.
func moveAll(from, to string) error {
	list, err := os.ReadDir(from)
	for i, e := range list {
		if err != nil {
			break
		}
		if err = os.Rename(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err == nil {
			continue
		}
		for _, done := range list[:i] {
			err = errors.Join(err, os.Rename(filepath.Join(to, done.Name()), filepath.Join(from, done.Name())))
		}
	}
	return err
}
