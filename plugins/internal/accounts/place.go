package accounts

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
)

// place turns a path of the databases into a name of the root. A ".." is resolved as the kernel would.
func place(root rootfs.Root, p string) (string, error) {
	name := "."
	for part := range strings.SplitSeq(p, "/") {
		if part != ".." {
			name = path.Join(name, part)
			continue
		}
		real, err := root.Resolve(name)
		if err != nil {
			return "", err
		}
		name = path.Dir(real)
	}
	return name, nil
}

// Place turns a path such as the databases have into a name of the root. A ".." is resolved as the kernel would.
func Place(root rootfs.Root, p string) (string, error) { return place(root, p) }

// follow describes what a name leads to, and returns its real name.
func follow(root rootfs.Root, name string) (real string, m rootfs.Meta, err error) {
	if real, err = root.Resolve(name); err == nil {
		m, err = root.Lstat(real)
	}
	return real, m, err
}

// dangling says of a name that leads nowhere whether that is since it is a symlink to nothing.
func dangling(root rootfs.Root, name string) error {
	m, err := root.Lstat(name)
	if err != nil || m.Type != rootfs.Symlink {
		return nil
	}
	return fmt.Errorf("/%s is a symlink to %s, where nothing is", name, m.Target)
}

// isMissing says whether an error says that nothing is there.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }

// inside says whether a clean name is dir, or below it.
func inside(name, dir string) bool {
	return dir == "." || name == dir || strings.HasPrefix(name, dir+"/")
}
