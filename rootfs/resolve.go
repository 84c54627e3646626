package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

const maxLinks = 40 // as the kernel: path_resolution(7)

// resolveLinks follows all symlinks of a cleaned name as a chroot does. readlink answers for a name whose parents are
// no symlinks; a last component that does not exist is accepted.
func resolveLinks(name string, readlink func(name string) (target string, isLink bool, err error)) (string, error) {
	done, rest, links := "/", name, 0
	for rest != "" && rest != "." {
		var comp string
		comp, rest, _ = strings.Cut(rest, "/")
		if comp == "" || comp == "." {
			continue
		}
		next := path.Join(done, comp) // for ".." the parent, the root at most
		if comp == ".." {
			done = next
			continue
		}
		target, isLink, err := readlink(next[1:])
		switch {
		case errors.Is(err, fs.ErrNotExist) && strings.Trim(rest, "/.") == "":
			return next[1:], nil
		case err != nil:
			return "", err
		case !isLink:
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", &fs.PathError{Op: "resolve", Path: name, Err: unix.ELOOP}
		}
		if len(target)+len(rest) > 1<<16 {
			return "", fmt.Errorf("resolving %s: %w: symlinks too long", name, ErrLimit)
		}
		if strings.HasPrefix(target, "/") {
			done = "/"
		}
		rest = target + "/" + rest
	}
	if done == "/" {
		return ".", nil
	}
	return done[1:], nil
}
