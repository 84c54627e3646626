package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// MkdirAll makes a directory and all parents that are missing, each with the mode and owner of m; what exists stays as
// it is. Symlinks on the way are followed inside the root, and a dangling one gets the directory that it names, so that
// "var/run/x" works in an image whose /run is missing.
func MkdirAll(r Root, name string, m Meta) error {
	name, err := cleanName(name)
	if err != nil || name == "." {
		return err
	}
	old, err := r.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := MkdirAll(r, path.Dir(name), m); err != nil {
			return err
		}
		return mkdir(r, name, m)
	case err != nil:
		return err
	case old.Type == Directory:
		return nil
	case old.Type != Symlink:
		return fmt.Errorf("making directory %s: a %s stands there", name, old.Type)
	}
	_, err = r.ReadDir(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	real, err := r.Resolve(name)
	if err != nil {
		return err
	}
	if strings.HasPrefix(real, "/") { // outside of what a Sub can name
		return fmt.Errorf("making directory %s: it is a symlink to %s, which does not exist", name, real)
	}
	return mkdir(r, real, m)
}

func mkdir(r Root, name string, m Meta) error {
	return r.Mkdir(name, Meta{Type: Directory, Mode: m.Mode, UID: m.UID, GID: m.GID})
}
