// Package osrelease reads os-release(5), in which a root file system says which distribution it is.
package osrelease

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// maxBytes bounds what is read of an os-release file; real ones have some hundred bytes.
const maxBytes = 1 << 20

// Read returns the assignments of a root's os-release file, /etc before /usr/lib. Where there is none, the error is
// fs.ErrNotExist.
func Read(root rootfs.Root) (map[string]string, error) {
	f, err := root.Open("etc/os-release")
	if err != nil {
		var other error
		if f, other = root.Open("usr/lib/os-release"); other != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = other
			}
			return nil, err
		}
	}
	defer f.Close()
	values, err := Parse(f)
	if err != nil {
		return nil, fmt.Errorf("reading os-release: %w", err)
	}
	return values, nil
}

// IDs returns the sorted values of ID and ID_LIKE.
func IDs(values map[string]string) []string {
	ids := strings.Split(values["ID_LIKE"], " ")
	ids = append(ids, values["ID"])
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == "" })
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Parse reads the assignments of os-release(5). One pair of quotes around a value is taken off, and a
// backslash makes the character after it an ordinary one. Other lines are passed over.
func Parse(r io.Reader) (map[string]string, error) {
	l := &io.LimitedReader{R: r, N: maxBytes + 1}
	values := make(map[string]string)
	s := bufio.NewScanner(l)
	s.Buffer(nil, maxBytes+1)
	for s.Scan() {
		line := strings.TrimSpace(s.Text())
		key, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		values[key] = unquote(value)
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	if l.N == 0 {
		return nil, fmt.Errorf("more than %d bytes: %w", maxBytes, rootfs.ErrLimit)
	}
	return values, nil
}

func unquote(v string) string {
	if n := len(v); n >= 2 && (v[0] == '"' || v[0] == '\'') && v[n-1] == v[0] {
		v = v[1 : n-1]
	}
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) {
			i++
		}
		b.WriteByte(v[i])
	}
	return b.String()
}
