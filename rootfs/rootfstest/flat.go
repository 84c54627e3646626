package rootfstest

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"time"
)

// Flat is List for comparing a tree with what a disk holds of it: hard links are files of their own, labels of
// security policies, which only a model has, are left out, and the times of what is no directory are apart.
func Flat(t testing.TB, plain []byte) (lines []string, times map[string]time.Time) {
	t.Helper()
	type file struct {
		h       *tar.Header
		content []byte
	}
	files := map[string]file{}
	times = map[string]time.Time{}
	r := tar.NewReader(bytes.NewReader(plain))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return lines, times
		}
		if err != nil {
			t.Fatalf("reading the tar: %v", err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("reading %s: %v", h.Name, err)
		}
		if h.Typeflag == tar.TypeLink {
			to, ok := files[h.Linkname]
			if !ok {
				t.Fatalf("%s is a hard link to %s, which does not come before it", h.Name, h.Linkname)
			}
			first := *to.h
			first.Name = h.Name
			h, content = &first, to.content
		}
		files[h.Name] = file{h, content}
		if h.Typeflag != tar.TypeDir {
			times[h.Name] = h.ModTime
		}
		maps.DeleteFunc(h.PAXRecords, func(key, _ string) bool {
			return strings.HasPrefix(key, "SCHILY.xattr.security.") && key != "SCHILY.xattr.security.capability"
		})
		before, after, _ := strings.Cut(describe(h, content), " @")
		_, after, _ = strings.Cut(after, " ")
		lines = append(lines, before+" "+after)
	}
}
