package rootfs

import (
	"io"
	"path"
)

// Sub returns the part of r below dir as a Root of its own. Links are still resolved against the whole of r: Sub
// shortens names, it does not confine.
func Sub(r Root, dir string) Root { return sub{r, dir} }

// sub implements Sub by putting a directory in front of every name.
type sub struct {
	r   Root
	dir string
}

func (s sub) at(name string) string { return s.dir + "/" + name }

func (s sub) Lstat(name string) (Meta, error)            { return s.r.Lstat(s.at(name)) }
func (s sub) ReadDir(name string) ([]DirEntry, error)    { return s.r.ReadDir(s.at(name)) }
func (s sub) Open(name string) (io.ReadCloser, error)    { return s.r.Open(s.at(name)) }
func (s sub) Mkdir(name string, m Meta) error            { return s.r.Mkdir(s.at(name), m) }
func (s sub) SetMeta(name string, m Meta) error          { return s.r.SetMeta(s.at(name), m) }
func (s sub) Rename(from, to string) error               { return s.r.Rename(s.at(from), s.at(to)) }
func (s sub) Remove(name string) error                   { return s.r.Remove(s.at(name)) }
func (s sub) Put(name string, m Meta, c io.Reader) error { return s.r.Put(s.at(name), m, c) }

// Resolve answers relative to the directory where the result lies below it; else with a leading slash, relative to the
// whole root, which no name below can be mistaken for.
func (s sub) Resolve(name string) (string, error) {
	full, err := s.r.Resolve(s.at(name))
	if err != nil {
		return "", err
	}
	dir, err := s.r.Resolve(s.dir)
	if err != nil {
		return "", err
	}
	switch rest, below := cutDir(full, dir); {
	case !below:
		return path.Join("/", full), nil
	case rest == "":
		return ".", nil
	default:
		return rest, nil
	}
}

func cutDir(name, dir string) (rest string, below bool) {
	if dir == "." {
		return name, true
	}
	if name == dir {
		return "", true
	}
	if len(name) > len(dir) && name[:len(dir)] == dir && name[len(dir)] == '/' {
		return name[len(dir)+1:], true
	}
	return "", false
}
