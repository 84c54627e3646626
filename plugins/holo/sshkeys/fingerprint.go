package sshkeys

import (
	"bytes"
	"cmp"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fingerprint returns what ssh-keygen -l prints of the key, in a UTF-8 locale. A key that OpenSSH would not take is an
// error.
func (k key) fingerprint() (string, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(k.blob)
	if err != nil {
		return "", errors.New("key is no base64")
	}
	t, cert, ok := typeNamed(k.kind)
	if !ok {
		return "", errUnknown
	}
	r := reader{raw}
	if name, ok := r.next(); !ok || string(name) != k.kind {
		return "", errors.New("key is not of the type that stands before it")
	}
	plain, size, err := t.read(&r, cert)
	if err != nil {
		return "", err
	}
	short := t.short
	if cert {
		short += "-CERT"
	}
	sum := sha256.Sum256(plain)
	shown := cmp.Or(k.comment, k.options, "no comment") // ssh-keygen takes options for a comment, too
	return fmt.Sprintf("%d SHA256:%s %s (%s)", size, base64.RawStdEncoding.EncodeToString(sum[:]), printable(shown), short), nil
}

// The smallest and largest number of bits of an RSA key that OpenSSH takes, and the largest of any number.
const (
	minRSA    = 1024
	maxNumber = 16384
)

// read reads the fields after the name. It returns the public key as it is without a certificate around it, which is
// what is hashed, and its size.
func (t keyType) read(r *reader, cert bool) (plain []byte, size int, err error) {
	if cert {
		r.next() // nonce; if it is cut off, so is what follows
	}
	plain = appendString(nil, []byte(t.plain))
	size = t.bits
	for i, f := range t.fields {
		b, ok := r.next()
		if !ok {
			return nil, 0, errors.New("key is cut off")
		}
		if f == number {
			if b, err = minimal(b); err != nil {
				return nil, 0, err
			}
			if i == t.size {
				size = bitLen(b)
			}
		}
		if err := t.check(i, b); err != nil {
			return nil, 0, err
		}
		plain = appendString(plain, b)
	}
	switch {
	case cert && !certificateEnds(r):
		return nil, 0, errors.New("certificate is cut off, or more follows it")
	case !cert && len(r.b) > 0:
		return nil, 0, errors.New("more follows the key")
	case t.short == "RSA" && size < minRSA:
		return nil, 0, fmt.Errorf("RSA key of %d bits, where %d are the least that are accepted", size, minRSA)
	}
	return plain, size, nil
}

func (t keyType) check(i int, b []byte) error {
	switch t.fields[i] {
	case bytes32:
		if len(b) != 32 {
			return errors.New("key has a wrong length")
		}
	case text:
		if i == 0 && string(b) != t.curve {
			return errors.New("key is of another curve")
		}
	case curvePoint:
		curve := map[string]ecdh.Curve{"nistp256": ecdh.P256(), "nistp384": ecdh.P384(), "nistp521": ecdh.P521()}[t.curve]
		if _, err := curve.NewPublicKey(b); err != nil {
			return errors.New("key is no point on its curve")
		}
	}
	return nil
}

// certificateEnds reads what a certificate has after the key; OpenSSH's PROTOCOL.certkeys.
func certificateEnds(r *reader) bool {
	ok := r.skip(8 + 4) // serial number and type
	for _, n := range []int{0, 0, 8 + 8, 0, 0, 0, 0, 0} {
		// identifier, principals, validity, options, extensions, reserved, signature key, signature
		if n > 0 {
			ok = ok && r.skip(n)
			continue
		}
		_, next := r.next()
		ok = ok && next
	}
	return ok && len(r.b) == 0
}

// reader reads the encoding of RFC 4251, section 5.
type reader struct{ b []byte }

// next returns the next string.
func (r *reader) next() ([]byte, bool) {
	if len(r.b) < 4 {
		r.b = nil
		return nil, false
	}
	n := binary.BigEndian.Uint32(r.b)
	if uint64(n) > uint64(len(r.b)-4) {
		r.b = nil
		return nil, false
	}
	s := r.b[4 : 4+n]
	r.b = r.b[4+n:]
	return s, true
}

func (r *reader) skip(n int) bool {
	if len(r.b) < n {
		r.b = nil
		return false
	}
	r.b = r.b[n:]
	return true
}

func appendString(to, s []byte) []byte {
	return append(binary.BigEndian.AppendUint32(to, uint32(len(s))), s...)
}

// minimal returns a number without zeros at its front, but for the one that keeps it from being negative.
func minimal(b []byte) ([]byte, error) {
	if len(b) > 0 && b[0] >= 0x80 {
		return nil, errors.New("key has a negative number")
	}
	b = bytes.TrimLeft(b, "\x00")
	if bitLen(b) > maxNumber {
		return nil, fmt.Errorf("key has a number of more than %d bits", maxNumber)
	}
	if len(b) > 0 && b[0] >= 0x80 {
		b = append([]byte{0}, b...)
	}
	return b, nil
}

func bitLen(b []byte) int {
	b = bytes.TrimLeft(b, "\x00")
	if len(b) == 0 {
		return 0
	}
	return 8*(len(b)-1) + bits.Len8(b[0])
}

// printable writes bytes and characters that can't be printed as ssh-keygen does, in octal.
func printable(s string) string {
	var b strings.Builder
	for i, w := 0, 0; i < len(s); i += w {
		var r rune
		r, w = utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && w == 1 || !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Zs, unicode.Cf, unicode.Co) {
			for _, c := range []byte(s[i : i+w]) {
				b.WriteString(`\` + strconv.FormatUint(uint64(c)+0o1000, 8)[1:])
			}
			continue
		}
		b.WriteString(s[i : i+w])
	}
	return b.String()
}
