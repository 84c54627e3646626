package rootfstest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
)

// List describes every entry of a plain tar on one line, in its order: type, mode, owner, name, time, and what it holds.
// Two tars with equal lists unpack to equal trees.
func List(t testing.TB, plain []byte) []string {
	t.Helper()
	var out []string
	r := tar.NewReader(bytes.NewReader(plain))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("reading the tar: %v", err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("reading %s: %v", h.Name, err)
		}
		out = append(out, describe(h, content))
	}
}

func describe(h *tar.Header, content []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%c %04o %d:%d %s @%s", h.Typeflag, h.Mode, h.Uid, h.Gid, h.Name,
		h.ModTime.UTC().Format("2006-01-02T15:04:05.999999999"))
	switch h.Typeflag {
	case tar.TypeReg:
		if len(content) <= 40 {
			fmt.Fprintf(&b, " %q", content)
		} else {
			fmt.Fprintf(&b, " sha256:%x", sha256.Sum256(content))
		}
	case tar.TypeLink, tar.TypeSymlink:
		fmt.Fprintf(&b, " -> %s", h.Linkname)
	case tar.TypeChar, tar.TypeBlock:
		fmt.Fprintf(&b, " %d,%d", h.Devmajor, h.Devminor)
	}
	for _, k := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		if strings.HasPrefix(k, "SCHILY.xattr.") {
			fmt.Fprintf(&b, " %s=%x", k[len("SCHILY.xattr."):], h.PAXRecords[k])
		}
	}
	return b.String()
}
