package rootfstest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
)

// Edit is one change to a tree. What it is done to is chosen when it is done, among what is there then.
type Edit struct {
	Op string
	// Foreign says that it is done by system calls.
	Foreign bool
	// A and B choose names that exist, Name is a new one in the directory that B chooses.
	A, B    int
	Name    string
	Content string
	Mode    uint32
	UID     int
	GID     int
	Time    time.Time
	Xattr   string
	// Still says that directories are not renamed.
	Still bool
}

func (g *generator) edit(o HistoryOptions) Edit {
	e := Edit{A: g.IntN(1000), B: g.IntN(1000), Name: pick(g, "a", "b", "c", "n1", "n2"), Content: g.content(), Mode: uint32(g.mode()),
		UID: g.id(), GID: g.id(), Time: g.time(), Xattr: pick(g, "user.k", "user.m"), Still: o.Still}
	e.Foreign = o.Foreign && (!o.Bundled || g.IntN(2) == 0)
	ops := []string{"put", "put", "put same", "symlink", "fifo", "device", "mkdir", "mkdir", "setmeta", "setmeta", "setmode", "rename", "rename", "remove", "remove"}
	if e.Foreign {
		ops = []string{"create", "create", "rewrite", "rewrite", "same", "append", "chmod", "rename", "rename", "link", "link", "unlink", "unlink",
			"removeall", "mkdir", "symlink", "fifo", "socket", "setxattr", "dropxattr", "touch", "touch", "flip to file", "flip to dir", "flip to link", "chmod root"}
		if o.Unprivileged {
			e.Mode |= 0700
		} else {
			ops = append(ops, "chown", "chown", "device")
		}
	}
	e.Op = pick(g, ops...)
	return e
}

// String says what the edit does, for a history.
func (e Edit) String() string {
	who := "root"
	if e.Foreign {
		who = "disk"
	}
	return fmt.Sprintf("%s: %s %d %d %s %.10q(%d) %#o %d:%d %v %s", who, e.Op, e.A, e.B, e.Name, e.Content, len(e.Content), e.Mode, e.UID, e.GID, e.Time, e.Xattr)
}

// Disk does a foreign edit in a directory of the host. What can't be done there, such as to remove from an empty tree,
// is not done; only a refusal that no state of the tree explains is an error.
func (e Edit) Disk(dir string) error {
	var dirs, files, all []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			dirs = append(dirs, p)
		case d.Type().IsRegular():
			files = append(files, p)
		}
		if p != dir {
			all = append(all, p)
		}
		return nil
	})
	if err != nil {
		return err
	}
	to := filepath.Join(dirs[e.B%len(dirs)], e.Name)
	switch e.Op {
	case "create":
		// Never into what is there: it could be a device, or a FIFO that nobody reads.
		f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0644)
		if err != nil {
			return usual(err)
		}
		_, err = f.WriteString(e.Content)
		return errors.Join(err, f.Close())
	case "mkdir":
		return usual(os.Mkdir(to, 0755))
	case "symlink":
		return usual(os.Symlink(e.Name, to))
	case "fifo":
		return usual(unix.Mkfifo(to, 0644))
	case "socket":
		return usual(unix.Mknod(to, unix.S_IFSOCK|0644, 0))
	case "device":
		return usual(unix.Mknod(to, unix.S_IFCHR|0600, int(unix.Mkdev(1, 3))))
	case "chmod root":
		return os.Chmod(dir, fs.FileMode(e.Mode&0777|0700))
	}
	if len(all) == 0 {
		return nil
	}
	if e.Op == "rewrite" || e.Op == "same" || e.Op == "append" {
		if len(files) == 0 {
			return nil
		}
		return e.write(files[e.A%len(files)])
	}
	return usual(e.change(all[e.A%len(all)], to))
}

// write changes the content of a file that stays the same file.
func (e Edit) write(file string) error {
	flags := os.O_WRONLY
	if e.Op == "append" {
		flags |= os.O_APPEND
	}
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, flags, 0)
	if err != nil {
		return err
	}
	data := []byte(e.Content)
	switch e.Op {
	case "same":
		data = old
	case "rewrite": // as long as it was
		data = slices.Repeat([]byte{byte('A' + e.B%26)}, len(old))
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func (e Edit) change(file, to string) error {
	switch e.Op {
	case "chmod":
		return ignore(unix.Fchmodat(unix.AT_FDCWD, file, e.Mode, unix.AT_SYMLINK_NOFOLLOW), unix.EOPNOTSUPP)
	case "chown":
		return os.Lchown(file, e.UID, e.GID)
	case "rename":
		if info, err := os.Lstat(file); err != nil || e.Still && info.IsDir() {
			return err
		}
		return os.Rename(file, to)
	case "link":
		return os.Link(file, to)
	case "unlink":
		return os.Remove(file)
	case "removeall":
		return os.RemoveAll(file)
	case "setxattr":
		return ignore(unix.Lsetxattr(file, e.Xattr, []byte(e.Content[:min(9, len(e.Content))]), 0), unix.EPERM, unix.ENOTSUP)
	case "dropxattr":
		return ignore(unix.Lremovexattr(file, e.Xattr), unix.EPERM, unix.ENOTSUP, unix.ENODATA)
	case "touch":
		ts := unix.NsecToTimespec(e.Time.UnixNano())
		return unix.UtimesNanoAt(unix.AT_FDCWD, file, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
	}
	err := os.RemoveAll(file)
	switch {
	case err != nil:
		return err
	case e.Op == "flip to file":
		return os.WriteFile(file, []byte(e.Content), 0644)
	case e.Op == "flip to dir":
		return os.MkdirAll(filepath.Join(file, "in"), 0755)
	case e.Op == "flip to link":
		return os.Symlink("/"+e.Name, file)
	}
	return fmt.Errorf("no such edit: %s", e.Op)
}

// usual takes out the errors that the state of a random tree explains.
func usual(err error) error {
	return ignore(err, fs.ErrExist, fs.ErrNotExist, unix.EISDIR, unix.ENOTDIR, unix.ENOTEMPTY, unix.EINVAL, unix.ELOOP, unix.EBUSY, unix.EPERM,
		unix.EXDEV,  // of a directory of the base, where an overlay is over it
		unix.ESTALE) // there, in a user namespace, of a file of the base and a link to it: otherwise nothing is done
}

func ignore(err error, list ...error) error {
	if slices.ContainsFunc(list, func(e error) bool { return errors.Is(err, e) }) {
		return nil
	}
	return err
}

// Bundled does an edit through a Root, as a plugin of ours does it.
func (e Edit) Bundled(r rootfs.Root) error {
	dirs, all := []string{"."}, []string{}
	for i := 0; i < len(dirs); i++ {
		list, err := r.ReadDir(dirs[i])
		if err != nil {
			return err
		}
		for _, d := range list {
			name := path.Join(dirs[i], d.Name)
			all = append(all, name)
			if d.Type == rootfs.Directory {
				dirs = append(dirs, name)
			}
		}
	}
	slices.Sort(dirs)
	slices.Sort(all)
	to := path.Join(dirs[e.B%len(dirs)], e.Name)
	m := rootfs.Meta{Mode: e.Mode, UID: uint32(e.UID), GID: uint32(e.GID)}
	if e.A%3 == 0 {
		m.ModTime = e.Time
	}
	if e.A%5 == 0 {
		m.Xattrs = map[string]string{e.Xattr: e.Name}
	}
	switch e.Op {
	case "put":
		return usual(r.Put(to, m, strings.NewReader(e.Content)))
	case "symlink":
		m.Type, m.Target, m.Xattrs = rootfs.Symlink, e.Name, nil
		return usual(r.Put(to, m, nil))
	case "fifo":
		m.Type, m.Xattrs = rootfs.FIFO, nil
		return usual(r.Put(to, m, nil))
	case "device":
		m.Type, m.Major, m.Minor, m.Xattrs = rootfs.CharDevice, 1, 3, nil
		return usual(r.Put(to, m, nil))
	case "mkdir":
		return usual(r.Mkdir(to, m))
	}
	if len(all) == 0 {
		return nil
	}
	return e.bundledChange(r, all[e.A%len(all)], to, m)
}

func (e Edit) bundledChange(r rootfs.Root, name, to string, m rootfs.Meta) error {
	old, err := r.Lstat(name)
	if err != nil {
		return err
	}
	switch e.Op {
	case "setmeta":
		return r.SetMeta(name, m)
	case "setmode":
		old.Mode = e.Mode
		return r.SetMeta(name, old)
	case "rename":
		return usual(r.Rename(name, to))
	case "remove":
		return usual(r.Remove(name))
	case "put same":
		if old.Type != rootfs.Regular {
			return nil
		}
		f, err := r.Open(name)
		if err != nil {
			return err
		}
		return errors.Join(r.Put(name, old, f), f.Close())
	}
	return fmt.Errorf("no such edit: %s", e.Op)
}
