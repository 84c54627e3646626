package oci

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/holo-build/holo-build/rootfs"
)

func TestVerifier(t *testing.T) {
	const content = "the content"
	good := hashOf([]byte(content))
	tests := map[string]struct {
		content string
		want    v1.Hash
		size    int64
		ok      bool
	}{
		"as promised":      {content, good, int64(len(content)), true},
		"size not known":   {content, good, -1, true},
		"digest unknown":   {content, v1.Hash{}, int64(len(content)), true},
		"longer":           {content + "!", good, int64(len(content)), false},
		"shorter":          {content[1:], good, int64(len(content)), false},
		"other":            {strings.ToUpper(content), good, int64(len(content)), false},
		"empty":            {"", good, int64(len(content)), false},
		"promised nothing": {content, hashOf(nil), 0, false},
		"nothing":          {"", hashOf(nil), 0, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, wrap := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.DataErrReader, iotest.HalfReader} {
				got, err := io.ReadAll(newVerifier(wrap(strings.NewReader(test.content)), "blob", test.want, test.size))
				if test.ok != (err == nil) || !test.ok && !errors.Is(err, ErrDigest) {
					t.Fatalf("error %v, want one: %v", err, !test.ok)
				}
				if test.size >= 0 && int64(len(got)) > test.size {
					t.Errorf("%d bytes were passed on of %d that were promised", len(got), test.size)
				}
			}
		})
	}
}

// An endless source is left as soon as it says more than was promised.
func TestVerifierStopsAtSize(t *testing.T) {
	v := newVerifier(readerFunc(func(p []byte) (int, error) { return len(p), nil }), "blob", hashOf(nil), 100)
	n, err := io.Copy(io.Discard, v)
	var blob *BlobError
	if !errors.As(err, &blob) || n != 100 {
		t.Fatalf("%d bytes and %v, want 100 and a BlobError", n, err)
	}
	if blob.Wanted != "100 bytes" || blob.Blob != "blob" {
		t.Errorf("BlobError %+v", blob)
	}
}

func TestLimitReader(t *testing.T) {
	for _, n := range []int{0, 9, 10, 11, 1000} {
		_, err := io.ReadAll(limitReader(bytes.NewReader(make([]byte, n)), "thing", 10))
		if (n > 10) != errors.Is(err, rootfs.ErrLimit) {
			t.Errorf("%d bytes of 10: %v", n, err)
		}
	}
}

func TestCheckDigest(t *testing.T) {
	hex := strings.Repeat("a", 64)
	for name, h := range map[string]v1.Hash{
		"path":           {Algorithm: "sha256", Hex: "../../x"},
		"short":          {Algorithm: "sha256", Hex: hex[1:]},
		"long":           {Algorithm: "sha256", Hex: hex + "a"},
		"upper case":     {Algorithm: "sha256", Hex: strings.ToUpper(hex)},
		"sha512":         {Algorithm: "sha512", Hex: hex + hex},
		"unknown":        {Algorithm: "md5", Hex: hex},
		"algorithm path": {Algorithm: "../sha256", Hex: hex},
		"zero":           {},
		"slash":          {Algorithm: "sha256", Hex: "/" + hex[1:]},
	} {
		if p, err := blobPath(h); !errors.Is(err, ErrDocument) {
			t.Errorf("%s: path %q and error %v", name, p, err)
		}
	}
	if _, err := blobPath(v1.Hash{Algorithm: "sha256", Hex: hex}); err != nil {
		t.Error(err)
	}
}
