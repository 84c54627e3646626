package sshkeys

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/internal/accounts"
	"github.com/holo-build/holo-build/rootfs"
)

// file is a user's authorized_keys. Its names are below the root, without symlinks.
type file struct {
	// home is the user's home directory, and owner the user; where accounts don't count, whoever owns the home.
	home  string
	owner rootfs.Meta
	// dir is ~/.ssh, and name the file; their Metas are nil for what does not exist.
	dir, name         string
	dirMeta, fileMeta *rootfs.Meta
	text              string
	// left are names outside of the home, which keep mode and owner.
	left []string
}

// goneError says that there is no such user, or no home.
type goneError struct{ error }

func (e goneError) Unwrap() error { return e.error }

func isGone(err error) bool {
	_, ok := errors.AsType[goneError](err)
	return ok
}

// accountsCount says whether users are what the root's passwd file says, rather than directories in /home.
func accountsCount(env *holo.Env) bool { return env.Live || env.ImageBuild }

// findFile finds the authorized_keys of an entity's user, and reads it.
func findFile(env *holo.Env, e entity) (*file, error) {
	f := &file{}
	if err := f.findHome(env, e.user); err != nil {
		return nil, err
	}
	var err error
	if f.dir, f.dirMeta, err = f.follow(env, path.Join(f.home, ".ssh"), rootfs.Directory); err != nil {
		return nil, err
	}
	if f.name, f.fileMeta, err = f.follow(env, path.Join(f.dir, "authorized_keys"), rootfs.Regular); err != nil {
		return nil, err
	}
	if f.fileMeta != nil {
		f.text, err = readText(env.Root, f.name)
	}
	return f, err
}

func (f *file) findHome(env *holo.Env, user string) error {
	users, err := accounts.ReadUsers(env.Root)
	if err != nil {
		return fmt.Errorf("reading the user database: %w", err)
	}
	home, real := "/home/"+user, accountsCount(env)
	i := slices.IndexFunc(users, func(u accounts.User) bool { return u.Name == user })
	switch {
	case i >= 0:
		home = users[i].Home
		f.owner = rootfs.Meta{UID: users[i].UID, GID: users[i].GID}
	case real:
		return goneError{fmt.Errorf("user %s is not in %s", user, env.Root.Join("etc/passwd"))}
	}
	if !path.IsAbs(home) {
		return fmt.Errorf("the home directory of user %s in %s is %q, which is no absolute path", user, env.Root.Join("etc/passwd"), home)
	}
	if f.home, err = env.Root.Resolve(home); err != nil {
		return fmt.Errorf("finding the home directory of user %s: %w", user, err)
	}
	m, err := env.Root.Lstat(f.home)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !real:
		return goneError{fmt.Errorf("stat %s: no such file or directory", env.Root.Join(home))}
	case errors.Is(err, fs.ErrNotExist):
		return goneError{fmt.Errorf("%s, the home directory of user %s, does not exist", env.Root.Join(home), user)}
	case err != nil:
		return err
	case m.Type != rootfs.Directory:
		return fmt.Errorf("%s, the home directory of user %s, is a %s", env.Root.Join(home), user, m.Type)
	}
	if !real {
		f.owner = rootfs.Meta{UID: m.UID, GID: m.GID}
	}
	return nil
}

// follow looks at what stands at a name: nil, if nothing does. A symlink there is followed inside the root, if the user
// owns what it leads to: what it leads to becomes the user's, or gets the user's keys.
func (f *file) follow(env *holo.Env, name string, want rootfs.Type) (real string, m *rootfs.Meta, err error) {
	shown := env.Root.Join(name)
	at, err := env.Root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return name, nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	link := at.Type == rootfs.Symlink
	if link {
		target := at.Target
		if name, err = env.Root.Resolve(name); err == nil {
			target = env.Root.Join(name)
			at, err = env.Root.Lstat(name)
		}
		shown += ", which leads to " + target
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil, fmt.Errorf("%s: a symlink to nothing", shown)
		} else if err != nil {
			return "", nil, fmt.Errorf("%s: %w", shown, err)
		}
	}
	switch {
	case at.Type != want:
		return "", nil, fmt.Errorf("%s: a %s, where a %s should be", shown, at.Type, want)
	case link && at.UID != f.owner.UID:
		return "", nil, fmt.Errorf("%s: it belongs to %d, and not to the user, who is %d", shown, at.UID, f.owner.UID)
	case link && !f.inHome(name):
		if err := asItIs(at); err != nil {
			return "", nil, fmt.Errorf("%s: %w", shown, err)
		}
		f.left = append(f.left, name)
	}
	return name, &at, nil
}

// inHome says whether a real name is below the home directory. Where that is the root, nobody can say what in it is the
// user's.
func (f *file) inHome(name string) bool {
	return f.home != "." && strings.HasPrefix(name, f.home+"/")
}

// asItIs says why what is outside of the home can't serve with the mode that it has: nothing there gets another, as it
// may be there for others, too: a link from root's .ssh to /etc would close that to all.
func asItIs(m rootfs.Meta) error {
	most, way := uint32(dirMode), "chmod 0700"
	if m.Type == rootfs.Regular {
		most, way = 0o755, "chmod go-w" // all that StrictModes asks for
	}
	if m.Mode&0o777&^most == 0 {
		return nil
	}
	return fmt.Errorf("it is outside of the home directory, where no modes are changed, and its mode is %04o: %s it, or remove the symlink",
		m.Mode, way)
}

// strict says why sshd's StrictModes would not take the file where it is; nil if it would. Only what the plugin does not
// set itself is looked at: the directories from the file up to the home; sshd_config(5).
func (f *file) strict(env *holo.Env) error {
	for dir := path.Dir(f.dir); ; dir = path.Dir(dir) {
		m, err := env.Root.Lstat(dir)
		if err != nil {
			return err
		}
		switch {
		case m.Mode&0o022 != 0:
			return fmt.Errorf("%s may be written to by others than its owner (mode %04o)", env.Root.Join(dir), m.Mode)
		case m.UID != 0 && m.UID != f.owner.UID:
			return fmt.Errorf("%s belongs to %d, neither to root nor to the user", env.Root.Join(dir), m.UID)
		}
		if dir == f.home || dir == "." {
			return nil
		}
	}
}
