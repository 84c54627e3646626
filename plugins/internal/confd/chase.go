package confd

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"syscall"

	"github.com/holo-build/holo-build/rootfs"
)

// Missing says whether an error says that there is no such file.
func Missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// MaxLinks bounds how many symlinks are followed one after the other; path_resolution(7).
const MaxLinks = 40

// Chase follows all symlinks of a path as far as it exists; what does not is taken as it is written. So a link to /dev/null
// can be told in a root that was never started, and has no devices.
func Chase(root rootfs.Root, name string) (string, error) {
	if real, err := root.Resolve(name); err == nil { // nearly always
		return strings.TrimPrefix(real, "/"), nil
	}
	rest := strings.Split(name, "/")
	at := "."
	for links := 0; len(rest) > 0; {
		comp := rest[0]
		rest = rest[1:]
		switch comp {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, comp)
		m, err := root.Lstat(next)
		switch {
		case Missing(err):
		case err != nil:
			return "", err
		case m.Type == rootfs.Symlink:
			if links++; links > MaxLinks {
				return "", &fs.PathError{Op: "resolve", Path: name, Err: syscall.ELOOP}
			}
			if strings.HasPrefix(m.Target, "/") {
				at = "."
			}
			rest = append(strings.Split(m.Target, "/"), rest...)
			continue
		}
		at = next
	}
	return at, nil
}
