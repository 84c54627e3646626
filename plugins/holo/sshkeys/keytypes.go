package sshkeys

import "strings"

// keyType is a type of key as OpenSSH names it.
type keyType struct {
	// plain is the name in a key file of what is no certificate, and short the name in a fingerprint.
	plain, short string
	// fields are those of the key after its name, and of a certificate after name and nonce; RFC 4253, section 6.6, RFC
	// 5656, section 3.1, RFC 8709, section 4, and OpenSSH's PROTOCOL.u2f.
	fields []fieldType
	// size is the field whose bits are the size of the key, and bits the size if there is none.
	size, bits int
	// curve names the curve in the first field; empty if there is none.
	curve string
}

// fieldType is what a field of a key holds.
type fieldType int

const (
	text fieldType = iota
	number
	// curvePoint is an uncompressed point; SEC 1, section 2.3.3.
	curvePoint
	bytes32
)

const (
	opensshSuffix = "@openssh.com"
	certSuffix    = "-cert-v01" + opensshSuffix
)

// keyTypes are those that OpenSSH 9.2 knows, ssh -Q key.
var keyTypes = []keyType{
	{plain: "ssh-rsa", short: "RSA", fields: []fieldType{number, number}, size: 1},
	{plain: "ssh-dss", short: "DSA", fields: []fieldType{number, number, number, number}},
	{plain: "ssh-ed25519", short: "ED25519", fields: []fieldType{bytes32}, bits: 256},
	{plain: "sk-ssh-ed25519" + opensshSuffix, short: "ED25519-SK", fields: []fieldType{bytes32, text}, bits: 256},
	{plain: "ecdsa-sha2-nistp256", short: "ECDSA", fields: []fieldType{text, curvePoint}, bits: 256, curve: "nistp256"},
	{plain: "ecdsa-sha2-nistp384", short: "ECDSA", fields: []fieldType{text, curvePoint}, bits: 384, curve: "nistp384"},
	{plain: "ecdsa-sha2-nistp521", short: "ECDSA", fields: []fieldType{text, curvePoint}, bits: 521, curve: "nistp521"},
	{plain: "sk-ecdsa-sha2-nistp256" + opensshSuffix, short: "ECDSA-SK", fields: []fieldType{text, curvePoint, text}, bits: 256, curve: "nistp256"},
}

// certificate returns the name of a certificate of the type.
func (t keyType) certificate() string { return strings.TrimSuffix(t.plain, opensshSuffix) + certSuffix }

// typeNamed finds a type by its name in a key file.
func typeNamed(name string) (t keyType, cert, ok bool) {
	for _, t := range keyTypes {
		if name == t.plain || name == t.certificate() {
			return t, name != t.plain, true
		}
	}
	return keyType{}, false, false
}

func known(name string) bool {
	_, _, ok := typeNamed(name)
	return ok
}
