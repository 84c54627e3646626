package usersgroups

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// maxFile bounds a TOML file. Definitions of ten thousand users have about a megabyte.
const maxFile = 8 << 20

const suffix = ".toml"

// The directories for images, below the state directory.
const (
	baseDir        = "base"
	provisionedDir = "provisioned"
)

// readFile reads a file whole, if it is not too large. Its error is the bare reason.
func readFile(d holo.Dir, name string) ([]byte, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it has more than %d bytes", maxFile)
	}
	return text, err
}

// readAll reads a file whole that the plugin has written itself.
func readAll(d holo.Dir, name string) ([]byte, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// ownerOf is the owner of what the plugin makes in a directory: that of the directory.
func ownerOf(d holo.Dir) (rootfs.Meta, error) {
	m, err := d.Lstat(".")
	if err != nil {
		return rootfs.Meta{}, fmt.Errorf("examining %s: %w", d.Path, err)
	}
	return rootfs.Meta{UID: m.UID, GID: m.GID}, nil
}

// writeFile writes a file in one step, with its directory, which must be one: an image could have a symlink there, by
// which a file of its own would be replaced.
func writeFile(d holo.Dir, dir, name, content string, dirMode uint32) error {
	m, err := ownerOf(d)
	if err != nil {
		return err
	}
	m.Mode = dirMode
	if err := checkDir(d, dir); errors.Is(err, fs.ErrNotExist) {
		if err := rootfs.MkdirAll(d, dir, m); err != nil {
			return fmt.Errorf("making %s: %w", d.Join(dir), err)
		}
	} else if err != nil {
		return err
	}
	m.Mode, m.Size = 0o644, int64(len(content))
	if err := d.Put(dir+"/"+name, m, strings.NewReader(content)); err != nil {
		return fmt.Errorf("writing %s: %w", d.Join(dir+"/"+name), err)
	}
	return nil
}

// checkDir makes sure that a name is a directory's. It need not exist: fs.ErrNotExist.
func checkDir(d holo.Dir, name string) error {
	m, err := d.Lstat(name)
	if err != nil {
		return err
	}
	if m.Type != rootfs.Directory {
		return fmt.Errorf("%s is a %s, where a directory should be", d.Join(name), m.Type)
	}
	return nil
}

func removeIfExists(d holo.Dir, name string) error {
	if err := d.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", d.Join(name), err)
	}
	return nil
}
