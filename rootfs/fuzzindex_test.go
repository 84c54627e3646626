package rootfs

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"testing"
	"time"
)

// FuzzIndex: what is accepted as an index says the same when it is written anew.
func sum(b []byte) []byte { s := sha256.Sum256(b); return s[:] }

func FuzzIndex(f *testing.F) {
	var b bytes.Buffer
	w := newIndexWriter(&b)
	for _, e := range []indexedEntry{
		{Header: tar.Header{Typeflag: tar.TypeReg, Name: "f", Mode: 0644, Uid: 1, Gid: 70000, Size: 5, ModTime: time.Unix(-5, 7)}, offset: 4096, digest: [32]byte{1}},
		{Header: tar.Header{Typeflag: tar.TypeDir, Name: "d/", PAXRecords: map[string]string{"SCHILY.xattr.user.k": "v", "SCHILY.xattr.user.l": ""}}, textACL: true},
		{Header: tar.Header{Typeflag: tar.TypeChar, Name: "c", Devmajor: 1, Devminor: -3}},
	} {
		if err := w.add(&e); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.finish(&b, 8192); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, in []byte) {
		if digest := sum(in); len(in) > len(digest) && !bytes.HasSuffix(in, digest) {
			in = append(bytes.Clone(in[:len(in)-len(digest)]), sum(in[:len(in)-len(digest)])...) // beyond the digest
		}
		once, err := rewriteIndex(in)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("untyped: %v", err)
			}
			return
		}
		if twice, err := rewriteIndex(once); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%q\nwritten\n%q\nwritten again\n%q, %v", in, once, twice, err)
		}
	})
}

// rewriteIndex writes what it reads.
func rewriteIndex(in []byte) ([]byte, error) {
	var out bytes.Buffer
	w := newIndexWriter(&out)
	r := newIndexReader(bytes.NewReader(in))
	for {
		e, err := r.next()
		if errors.Is(err, io.EOF) {
			err := w.finish(&out, r.dataSize)
			return out.Bytes(), err
		}
		if err == nil {
			err = w.add(e)
		}
		if err != nil {
			return nil, err
		}
	}
}
