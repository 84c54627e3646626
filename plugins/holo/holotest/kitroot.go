package holotest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// readRoot reads what a root directory begins as. What a plain user can't have a copy of is left out, and listed.
func readRoot(name string) (t *Tree, left []string, err error) {
	if name == "" {
		t, err = ParseTree(strings.NewReader(defaultRoot))
		return t, nil, err
	}
	fi, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, nil, err
	case !fi.IsDir():
		t, err = readTreeFile(name, os.ReadFile) // a pipe, perhaps
		return t, nil, err
	case os.Geteuid() == 0:
		t, err = readHost(name)
		return t, nil, err
	}
	t, err = readHostBy(name, func(r rootfs.Root) rootfs.Root { return copyable{r, &left} })
	if err != nil {
		return nil, nil, err
	}
	for i, e := range t.Entries {
		t.Entries[i] = e.takenOver()
	}
	slices.Sort(left)
	return t, left, nil
}

// readHost reads a directory whole.
func readHost(dir string) (*Tree, error) {
	return readHostBy(dir, func(r rootfs.Root) rootfs.Root { return r })
}

// readHostBy reads a directory by the eyes of another root.
func readHostBy(dir string, eyes func(rootfs.Root) rootfs.Root) (_ *Tree, err error) {
	root, err := rootfs.OpenHost(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	t, err := ReadTree(eyes(root), Changes) // which leaves no directory out
	if err != nil {
		return nil, err
	}
	for _, e := range t.Entries {
		if e.Large {
			return nil, fmt.Errorf("%s is larger than %d bytes: %w", e.Name, maxContent, fs.ErrInvalid)
		}
	}
	return t, nil
}

// copyable is a root without what a plain user can't make a copy of: devices, and what the user must not read.
type copyable struct {
	rootfs.Root
	left *[]string
}

// ReadDir implements rootfs.Root.
func (r copyable) ReadDir(name string) (list []rootfs.DirEntry, err error) {
	all, err := r.Root.ReadDir(name)
	for _, d := range all {
		switch in := path.Join(name, d.Name); {
		case r.can(in, d.Type):
			list = append(list, d)
		default:
			*r.left = append(*r.left, in)
		}
	}
	return list, err
}

func (r copyable) can(name string, t rootfs.Type) bool {
	switch t {
	case rootfs.CharDevice, rootfs.BlockDevice:
		return false
	case rootfs.Directory:
		_, err := r.Root.ReadDir(name)
		return !errors.Is(err, fs.ErrPermission)
	case rootfs.Regular:
		f, err := r.Open(name)
		if err == nil {
			err = f.Close()
		}
		return !errors.Is(err, fs.ErrPermission)
	}
	return true
}

// takenOver is the entry as a plain user's own, without the attributes that only root can set; xattr(7).
func (e Entry) takenOver() Entry {
	e.Mine, e.Meta.UID, e.Meta.GID = true, 0, 0
	var kept map[string]string
	for name, value := range e.Meta.Xattrs {
		if !strings.HasPrefix(name, "user.") {
			continue
		}
		if kept == nil {
			kept = make(map[string]string)
		}
		kept[name] = value
	}
	e.Meta.Xattrs = kept
	return e
}

// defaultRoot is what a root begins as, if nobody says otherwise.
const defaultRoot = `
file 0644 ./etc/os-release
ID=unittest
---
file 0644 ./etc/passwd
root:x:0:0:root:/root:/bin/sh
app:x:1000:1000::/home/app:/bin/sh
---
file 0644 ./etc/group
root:x:0:
app:x:1000:
---
directory 0700 ./root
---
directory 0755 ./home/app
---
directory 0755 ./usr/share
---
directory 0755 ./var/lib
---
directory 0755 ./run
---
directory 01777 ./tmp
---
`
