package oci

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const sha256Name = "sha256"

// checkDigest accepts a SHA-256 digest in its one canonical form, 64 lower-case hexadecimal digits (image-spec,
// descriptor.md, "Digests"). It stands before every path and every request that is made from a digest.
func checkDigest(h v1.Hash) error {
	if h.Algorithm != sha256Name {
		return fmt.Errorf("digest %s: algorithm is not sha256: %w", quoted(h.String()), ErrDocument)
	}
	if !isHex64(h.Hex) {
		return fmt.Errorf("digest %s: not 64 lower-case hexadecimal digits: %w", quoted(h.String()), ErrDocument)
	}
	return nil
}

// isHex64 reports whether s is the hexadecimal part of a SHA-256 digest.
func isHex64(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// blobPath is the place of a blob in an image layout (image-spec, image-layout.md, "Blobs").
func blobPath(h v1.Hash) (string, error) {
	if err := checkDigest(h); err != nil {
		return "", err
	}
	return "blobs/" + h.Algorithm + "/" + h.Hex, nil
}

func hashOf(b []byte) v1.Hash {
	sum := sha256.Sum256(b)
	return v1.Hash{Algorithm: sha256Name, Hex: hex.EncodeToString(sum[:])}
}

func sumOf(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: sha256Name, Hex: hex.EncodeToString(h.Sum(nil))}
}
