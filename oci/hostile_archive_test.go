package oci_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// archive is the outside of an archive of an image, whose members can be anything.
type archive struct {
	transport oci.Transport
	document  string // the member that everything hangs on
	members   []ocitest.Entry
}

// archives are one image in both kinds of archives.
func archives(t *testing.T) (*oci.Image, map[string]archive) {
	t.Helper()
	img := ocitest.Small(t, ocitest.Options{})
	return img, map[string]archive{
		"oci-archive":    {oci.Archive{}, "index.json", layoutFiles(t, img)},
		"docker-archive": {oci.DockerArchive{}, "manifest.json", dockerFiles(t, img)},
	}
}

// renamed is the archive with other names.
func (a archive) renamed(t *testing.T, to func(string) string) []byte {
	t.Helper()
	var list []ocitest.Entry
	for _, e := range a.members {
		e.Header.Name = to(e.Header.Name)
		list = append(list, e)
	}
	return ocitest.Tar(t, list...)
}

// instead is the archive with another member in place of the document.
func (a archive) instead(t *testing.T, r rootfstest.Raw) []byte {
	t.Helper()
	r.Name = a.document
	var out []byte
	for _, e := range a.members {
		if e.Header.Name == a.document {
			out = append(out, r.Bytes()...)
		} else {
			out = append(out, unended(ocitest.Tar(t, e))...)
		}
	}
	return append(out, make([]byte, 1024)...)
}

// and is the archive with further members.
func (a archive) and(t *testing.T, more ...rootfstest.Raw) []byte {
	t.Helper()
	return append(unended(ocitest.Tar(t, a.members...)), rootfstest.RawTar(more...)...)
}

// unended is a tar without its end.
func unended(b []byte) []byte { return b[:len(b)-1024] }

// read opens an archive and reads all its layers.
func (a archive) read(t *testing.T, b []byte, l rootfs.Limits) (*oci.Image, error) {
	t.Helper()
	img, err := a.transport.Open(t.Context(), putBytes(t, b), oci.OpenOptions{Dir: t.TempDir(), Limits: l})
	if err != nil {
		return nil, err
	}
	for _, l := range img.Layers {
		err = errors.Join(err, ocitest.ReadLayer(t.Context(), l))
	}
	return img, err
}

type archiveCase struct {
	bytes  []byte
	limits rootfs.Limits
	want   error // nil: the same image
}

// TestHostileArchives: whatever stands in an archive, it is read as the image, or is an error that says so, and nothing
// beside it is read or written.
func TestHostileArchives(t *testing.T) {
	t.Parallel()
	outside := rootfstest.Canary(t)
	img, list := archives(t)
	for kind, a := range list {
		tests := hostileNames(t, a)
		for name, c := range hostileMembers(t, a, outside) {
			tests[name] = c
		}
		for name, c := range hostileHeaders(t, a) {
			tests[name] = c
		}
		for name, c := range tests {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				got, err := a.read(t, c.bytes, c.limits)
				if !errors.Is(err, c.want) {
					t.Fatalf("error %v, want %v", err, c.want)
				}
				if err != nil && strings.Contains(err.Error(), "SECRET") {
					t.Errorf("what is outside was read: %v", err)
				}
				if c.want == nil {
					ocitest.SameTree(t, img, got)
				}
			})
		}
	}
}

func hostileNames(t *testing.T, a archive) map[string]archiveCase {
	whole := ocitest.Tar(t, a.members...)
	stray := func(name string) rootfstest.Raw { return rootfstest.Raw{Name: name, Type: tar.TypeReg, Body: "stray"} }
	body := a.members[0].Content
	if a.members[0].Header.Name != a.document {
		body = a.members[1].Content
	}
	return map[string]archiveCase{
		"names with a dot":    {bytes: a.renamed(t, func(n string) string { return "./" + n })},
		"names with dotdot":   {bytes: a.renamed(t, func(n string) string { return "x/../" + n })},
		"absolute names":      {bytes: a.renamed(t, func(n string) string { return "/" + n }), want: fs.ErrNotExist},
		"names above":         {bytes: a.renamed(t, func(n string) string { return "../" + n }), want: fs.ErrNotExist},
		"stray names":         {bytes: a.and(t, stray("../../canary/x"), stray("/canary/x"), stray("."), stray(""), stray("a\n\x1b"), stray("\xff"))},
		"twice":               {bytes: a.and(t, rootfstest.Raw{Name: a.document, Type: tar.TypeReg, Body: body}), want: oci.ErrDocument},
		"twice and other":     {bytes: a.and(t, rootfstest.Raw{Name: a.document, Type: tar.TypeReg, Body: "{}"}), want: oci.ErrDocument},
		"twice by a dot":      {bytes: a.and(t, rootfstest.Raw{Name: "./" + a.document, Type: tar.TypeReg, Body: "{}"}), want: oci.ErrDocument},
		"twice, by a link":    {bytes: a.and(t, rootfstest.Raw{Name: a.document, Type: tar.TypeSymlink, Link: "x"}), want: oci.ErrDocument},
		"another one first":   {bytes: append(stray(a.document).Bytes(), whole...), want: oci.ErrDocument},
		"layer twice":         {bytes: a.and(t, stray(a.members[len(a.members)-1].Header.Name)), want: oci.ErrDocument},
		"directories":         {bytes: a.and(t, rootfstest.Raw{Name: "blobs/", Type: tar.TypeDir}, rootfstest.Raw{Name: "blobs/", Type: tar.TypeDir})},
		"NUL in a name":       {bytes: a.and(t, rootfstest.Raw{Type: tar.TypeReg, PAX: map[string]string{"path": "a\x00b"}}), want: oci.ErrDocument},
		"long name":           {bytes: a.and(t, rootfstest.Raw{Type: tar.TypeReg, PAX: map[string]string{"path": strings.Repeat("n", 4097)}}), want: rootfs.ErrLimit},
		"long target":         {bytes: a.and(t, rootfstest.Raw{Name: "l", Type: tar.TypeSymlink, PAX: map[string]string{"linkpath": strings.Repeat("n", 4097)}}), want: rootfs.ErrLimit},
		"more than the limit": {bytes: whole, limits: rootfs.Limits{Entries: len(a.members) - 1}, want: rootfs.ErrLimit},
		"100001 members":      {bytes: append(bytes.Repeat(rootfstest.Raw{Name: "x", Type: tar.TypeDir}.Bytes(), 100_001), whole...), want: rootfs.ErrLimit},
	}
}

// hostileMembers has something else in place of the document.
func hostileMembers(t *testing.T, a archive, outside string) map[string]archiveCase {
	out := map[string]archiveCase{}
	for name, c := range map[string]struct {
		r    rootfstest.Raw
		want error
	}{
		"symlink to the host":        {rootfstest.Raw{Type: tar.TypeSymlink, Link: filepath.Join(outside, "secret")}, oci.ErrDocument},
		"symlink above":              {rootfstest.Raw{Type: tar.TypeSymlink, Link: "../canary/secret"}, oci.ErrDocument},
		"symlink to itself":          {rootfstest.Raw{Type: tar.TypeSymlink, Link: a.document}, oci.ErrDocument},
		"symlink to nothing":         {rootfstest.Raw{Type: tar.TypeSymlink, Link: "nothing"}, fs.ErrNotExist},
		"hard link to the host":      {rootfstest.Raw{Type: tar.TypeLink, Link: filepath.Join(outside, "secret")}, oci.ErrDocument},
		"hard link above":            {rootfstest.Raw{Type: tar.TypeLink, Link: "../canary/secret"}, oci.ErrDocument},
		"hard link from working dir": {rootfstest.Raw{Type: tar.TypeLink, Link: "hostile_test.go"}, fs.ErrNotExist},
		"directory":                  {rootfstest.Raw{Type: tar.TypeDir}, fs.ErrNotExist},
		"char device":                {rootfstest.Raw{Type: tar.TypeChar}, oci.ErrDocument},
		"block device":               {rootfstest.Raw{Type: tar.TypeBlock}, oci.ErrDocument},
		"FIFO":                       {rootfstest.Raw{Type: tar.TypeFifo}, oci.ErrDocument},
		"unknown type":               {rootfstest.Raw{Type: 'Z'}, oci.ErrDocument},
		"sparse of GNU, old":         {rootfstest.Raw{Type: tar.TypeGNUSparse}, oci.ErrDocument},
		"sparse of GNU, new": {rootfstest.Raw{Type: tar.TypeReg, Body: "0\n" + strings.Repeat("\x00", 510), PAX: map[string]string{
			"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": a.document, "GNU.sparse.realsize": "4611686018427387904"}}, oci.ErrDocument},
		"empty":           {rootfstest.Raw{Type: tar.TypeReg}, oci.ErrDocument},
		"2^62 bytes":      {rootfstest.Raw{Type: tar.TypeReg, Fields: map[string]string{"size": "\x80\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00"}}, oci.ErrDocument},
		"negative size":   {rootfstest.Raw{Type: tar.TypeReg, Fields: map[string]string{"size": strings.Repeat("\xff", 12)}}, oci.ErrDocument},
		"record too long": {rootfstest.Raw{Type: tar.TypeReg, Body: "{}", PAX: map[string]string{"size": "1000000"}}, oci.ErrDocument},
		"record too short": {rootfstest.Raw{Type: tar.TypeReg, Body: `{"schemaVersion":2,"manifests":[]}`, PAX: map[string]string{"size": "3"}},
			oci.ErrDocument},
		"nested too deep": {rootfstest.Raw{Type: tar.TypeReg, Body: strings.Repeat("[", 100_000)}, oci.ErrDocument},
	} {
		out["document: "+name] = archiveCase{bytes: a.instead(t, c.r), want: c.want}
	}
	return out
}

// hostileHeaders has headers that lie, and what is no member at all.
func hostileHeaders(t *testing.T, a archive) map[string]archiveCase {
	whole := ocitest.Tar(t, a.members...)
	big := "\x80\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00"
	return map[string]archiveCase{
		"stray member of 2^62 bytes": {bytes: a.and(t, rootfstest.Raw{Name: "x", Type: tar.TypeReg, Fields: map[string]string{"size": big}}), want: oci.ErrDocument},
		"stray sparse member": {bytes: a.and(t, rootfstest.Raw{Name: "x", Type: tar.TypeReg, Body: "0\n" + strings.Repeat("\x00", 510), PAX: map[string]string{
			"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "4611686018427387904"}})},
		"record of 2 MiB":       {bytes: a.and(t, rootfstest.Raw{Name: "x", Type: tar.TypeReg, PAX: map[string]string{"comment": strings.Repeat("x", 2<<20)}}), want: rootfs.ErrLimit},
		"records that are none": {bytes: a.and(t, rootfstest.Raw{Name: "x", Type: tar.TypeXHeader, Body: "99 path"}), want: oci.ErrDocument},
		"global records":        {bytes: a.and(t, rootfstest.Raw{Name: "x", Type: tar.TypeXGlobalHeader, Body: "19 path=index.json\n"})},
		"garbage after it":      {bytes: append(bytes.Clone(whole), bytes.Repeat([]byte("garbage "), 1000)...)},
		"garbage at its end":    {bytes: append(bytes.Clone(unended(whole)), bytes.Repeat([]byte("garbage "), 128)...), want: oci.ErrDocument},
		"garbage before it":     {bytes: append(bytes.Repeat([]byte("garbage "), 64), whole...), want: oci.ErrDocument},
		"no end":                {bytes: unended(whole)},
	}
}

// TestTruncatedArchives cuts archives at every block and within: what is cut off is missed, or was not needed.
func TestTruncatedArchives(t *testing.T) {
	t.Parallel()
	img, list := archives(t)
	for kind, a := range list {
		whole := ocitest.Tar(t, a.members...)
		for n := 0; n <= len(whole); n += 256 {
			got, err := a.read(t, whole[:n], rootfs.Limits{})
			switch {
			case err == nil && n < len(unended(whole)) && !bytes.Equal(bytes.TrimRight(whole[n:], "\x00"), nil):
				t.Errorf("%s: %d of %d bytes are enough", kind, n, len(whole))
			case err == nil:
				ocitest.SameTree(t, img, got)
			case !errors.Is(err, oci.ErrDocument) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, io.ErrUnexpectedEOF):
				t.Errorf("%s: %d of %d bytes: %v", kind, n, len(whole), err)
			}
		}
	}
}
