package sshkeys

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// keygen is ssh-keygen in a directory of its own.
type keygen struct {
	t   *testing.T
	dir string
}

func newKeygen(t *testing.T) keygen {
	t.Helper()
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("needs ssh-keygen: make test-deps")
	}
	return keygen{t, t.TempDir()}
}

func (g keygen) run(args ...string) (string, error) {
	cmd := exec.CommandContext(g.t.Context(), "ssh-keygen", args...)
	cmd.Dir, cmd.Env = g.dir, append(os.Environ(), "LC_ALL=C.UTF-8")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = errors.Join(err, errors.New(stderr.String()))
	}
	return string(out), err
}

// write writes a key file.
func (g keygen) write(name, text string) {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, name+".pub"), []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// same holds our fingerprint of a line against that of ssh-keygen, which says nothing of what it does not take.
func (g keygen) same(line string) bool {
	g.t.Helper()
	g.write("same", line+"\n")
	want, err := g.run("-l", "-f", "same.pub")
	got := ""
	k, perr := parseKey(line)
	if perr == nil {
		got, perr = k.fingerprint()
	}
	if (perr != nil) != (err != nil) || err == nil && got+"\n" != want {
		g.t.Errorf("%.100q:\n got %q, %v\nwant %q, %v", line, got, perr, want, err)
	}
	return err == nil
}

// allKeys are keys of each type, the smallest RSA key among them, and a certificate of each: testdata/keys. They were made
// by ssh-keygen, those of security keys out of random numbers, as only a device has their other half.
func allKeys(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile("testdata/keys")
	if err != nil {
		t.Fatal(err)
	}
	return lines(string(b))
}

// TestFingerprint: each type of key that OpenSSH knows has the fingerprint that ssh-keygen prints, to the byte.
func TestFingerprint(t *testing.T) {
	g := newKeygen(t)
	listed, err := g.runSSH("-Q", "key")
	if err != nil {
		t.Fatal(err)
	}
	types := make(map[string]bool)
	for _, k := range allKeys(t) {
		for _, line := range []string{k, k + " me@home", "no-pty " + k, `command="x y",from="a b" ` + k + " two  words"} {
			k, err := parseKey(line)
			if err != nil {
				t.Error(err)
			}
			if !g.same(k.String()) {
				t.Errorf("%.100s: not taken", line)
			}
			types[k.kind] = true
		}
	}
	for _, name := range strings.Fields(listed) {
		if !types[name] {
			t.Errorf("no key of type %s was seen", name)
		}
	}
}

func (g keygen) runSSH(args ...string) (string, error) {
	out, err := exec.CommandContext(g.t.Context(), "ssh", args...).Output()
	return string(out), err
}

// TestFingerprintComments: comments come out as ssh-keygen prints them in a UTF-8 locale.
func TestFingerprintComments(t *testing.T) {
	g := newKeygen(t)
	for _, c := range []string{"Jürgen Müller", "日本語", "😀", "a\u00a0b", "a\u200bb", "a\u202eb", "e\u0301", "a\u00adb", "\ue000", "back\\slash", "'quotes\"",
		"del\x7f", "bell\x07", "\x1b[31mred", "bad\xff\xfe", "cut\xe6\x97", "\u0085nel", "\u2028ls", "\u0378", "\xed\xa0\x80", "%s%n"} {
		if !g.same("ssh-ed25519 " + ed + " " + c) {
			t.Errorf("%q: not taken", c)
		}
	}
}

// TestFingerprintBroken: what ssh-keygen does not take for a key is none. Keys with random damage are compared; an
// own signature of a certificate is not looked at.
func TestFingerprintBroken(t *testing.T) {
	g := newKeygen(t)
	r := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for _, k := range allKeys(t) {
		kind, blob, _ := strings.Cut(k, " ")
		raw, err := base64.StdEncoding.DecodeString(blob)
		if err != nil {
			t.Fatal(err)
		}
		for range 12 {
			b := bytes.Clone(raw)
			if strings.Contains(kind, "-cert-") {
				b = b[:r.IntN(len(b))]
			} else {
				b = damaged(r, b)
			}
			if !g.same(kind + " " + base64.StdEncoding.EncodeToString(b)) {
				refused++
			}
		}
	}
	if refused < 50 {
		t.Errorf("only %d were refused", refused)
	}
	for _, other := range []string{"!", "A", "AA", "AA==", "AAAA=", ed[:len(ed)-1], ed + "=", ed + "AAAA", ed[:len(ed)-4] + "fYc", ed[:20] + "\u200b" + ed[20:]} {
		if g.same("ssh-ed25519 " + other) {
			t.Errorf("%q: taken", other)
		}
	}
	g.same("ssh-rsa " + ed)
	g.same("ssh-rsa-cert-v01@openssh.com " + ed)
	for _, n := range []string{"", "\x00", "\x7f", "\x80", "\x00\x00\x81", strings.Repeat("\x7f", 127), strings.Repeat("\x7f", 128),
		"\x00\x00" + strings.Repeat("\x7f", 128), strings.Repeat("\x7f", 2048), strings.Repeat("\x7f", 2049)} {
		blob := appendString(appendString(appendString(nil, []byte("ssh-rsa")), []byte{1, 0, 1}), []byte(n))
		g.same("ssh-rsa " + base64.StdEncoding.EncodeToString(blob))
	}
}

// damaged changes an encoded key: a length, the name of a curve, a number; or cuts it, or adds to it.
func damaged(r *rand.Rand, b []byte) []byte {
	switch r.IntN(5) {
	case 0:
		return b[:r.IntN(len(b))]
	case 1:
		return append(b, make([]byte, 1+r.IntN(5))...)
	case 2:
		at := r.IntN(len(b) - 4)
		binary.BigEndian.PutUint32(b[at:], uint32(r.IntN(300)))
	case 3:
		b[r.IntN(len(b))] ^= byte(1 << r.IntN(8))
	case 4:
		at := r.IntN(min(60, len(b)))
		b[at] = 0xff
	}
	return b
}
