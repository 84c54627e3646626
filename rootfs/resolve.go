package rootfs

import (
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"
)

const maxLinks = 40 // as the kernel: path_resolution(7)

// looker answers what stands in a directory under a name: its type and, of a symlink, the target. The directory is
// given as the caller's own T and as its canonical path, and so is what stands there, as the T of its own.
type looker[T any] func(dir T, path []string, base string) (at T, t Type, target string, err error)

// resolveLinks follows all symlinks of a cleaned name as a chroot does. The last component need not exist: found says
// whether it does, and at is what stands there.
func resolveLinks[T any](name string, root T, look looker[T]) (path string, at T, found bool, err error) {
	above := []T{root} // of each component of done the parent, then the place itself
	done := []string{}
	links := 0
	for rest, more := name, true; more; {
		var base string
		base, rest, more = strings.Cut(rest, "/")
		switch base {
		case "", ".":
			continue
		case "..": // of the root, the root
			if n := len(done); n > 0 {
				done, above = done[:n-1], above[:n]
			}
			continue
		}
		next, t, target, err := look(above[len(above)-1], done, base)
		switch {
		case isNotExist(err) && strings.Trim(rest, "/") == "":
			return strings.Join(append(done, base), "/"), at, false, nil
		case err != nil:
			return "", at, false, err
		case t == Symlink:
			if links++; links > maxLinks {
				return "", at, false, &fs.PathError{Op: "resolve", Path: name, Err: unix.ELOOP}
			}
			if strings.HasPrefix(target, "/") {
				done, above = done[:0], above[:1]
			}
			if more {
				target += "/" + rest
			}
			rest, more = target, true
			continue
		case more && t != Directory:
			return "", at, false, &fs.PathError{Op: "resolve", Path: name, Err: unix.ENOTDIR}
		}
		done, above = append(done, base), append(above, next)
	}
	if len(done) == 0 {
		return ".", root, true, nil
	}
	return strings.Join(done, "/"), above[len(above)-1], true, nil
}
