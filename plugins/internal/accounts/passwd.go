package accounts

import (
	"errors"
	"io"
	"io/fs"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

const passwdFile = "etc/passwd"

// User is a line of passwd(5).
type User struct {
	// Name is the login name. Password is "x" where there is a shadow(5) entry.
	Name, Password string
	UID, GID       uint32
	// GECOS is the full name or comment, Home the home directory, Shell the login shell; each may be empty.
	GECOS, Home, Shell string
}

// ParseUser reads a line of passwd(5). Comments, NIS lines and lines that lack a field or have a wrong ID are none.
func ParseUser(line string) (User, bool) {
	var f [7]string
	if !isRecord(line) || !cut(line, f[:]) {
		return User{}, false
	}
	uid, ok1 := ParseID(f[2])
	gid, ok2 := ParseID(f[3])
	return User{f[0], f[1], uid, gid, f[4], f[5], f[6]}, f[0] != "" && ok1 && ok2
}

func (u User) line() string {
	return strings.Join([]string{u.Name, u.Password, formatID(u.UID), formatID(u.GID), u.GECOS, u.Home, u.Shell}, ":")
}

// ParseUsers reads the users of passwd(5), in its order. What is no user is left out.
func ParseUsers(r io.Reader) ([]User, error) { return parseAll(r, ParseUser) }

// ReadUsers returns the users of the root's /etc/passwd, in its order; none, if there is no such file. Lines that are no
// users (comments, NIS lines, broken ones) are left out. The file may be a symlink, which leads to a file of the root.
func ReadUsers(root rootfs.Root) ([]User, error) { return readAll(root, passwdFile, ParseUser) }

func parseAll[T any](r io.Reader, parse func(string) (T, bool)) ([]T, error) {
	text, err := readBounded(r, maxBytes, 0)
	if err != nil {
		return nil, err
	}
	return parseText(text, parse), nil
}

func parseText[T any](text string, parse func(string) (T, bool)) []T {
	var out []T
	for line := range lines(text) {
		v, ok := parse(line)
		if ok && out == nil {
			out = make([]T, 0, min(1+strings.Count(text, "\n"), 1<<16)) // not all of a large file need be records
		}
		if ok {
			out = append(out, v)
		}
	}
	return out
}

func readAll[T any](root rootfs.Root, name string, parse func(string) (T, bool)) ([]T, error) {
	var size int64
	if _, m, err := follow(root, name); err == nil {
		size = m.Size
	}
	text, err := readText(root, name, size)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseText(text, parse), nil
}
