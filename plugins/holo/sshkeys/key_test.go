package sshkeys

import (
	"strings"
	"testing"
)

const ed = "AAAAC3NzaC1lZDI1NTE5AAAAIJ6qJr5V9L8p0rHUWqGqgHkVYtLzsNJ4R7zKqW3H1fYb"

// TestParseKey has the reference's words for what is wrong; 4.4.
func TestParseKey(t *testing.T) {
	for _, c := range []struct {
		name, line string
		want       key
		text, err  string
	}{
		{name: "bare", line: "ssh-rsa AAA=", want: key{kind: "ssh-rsa", blob: "AAA="}},
		{name: "comment", line: "ssh-rsa AAA= me@home", want: key{kind: "ssh-rsa", blob: "AAA=", comment: "me@home"}},
		{name: "blanks", line: "  ssh-rsa\t AAA=   me  at\thome \r", want: key{kind: "ssh-rsa", blob: "AAA=", comment: "me at home"},
			text: "ssh-rsa AAA= me at home"},
		{name: "options", line: "no-pty ssh-rsa AAA= x", want: key{options: "no-pty", kind: "ssh-rsa", blob: "AAA=", comment: "x"}},
		{name: "quoted blanks", line: `command="x  y",no-pty ssh-rsa AAA= x`,
			want: key{options: `command="x  y",no-pty`, kind: "ssh-rsa", blob: "AAA=", comment: "x"}},
		{name: "quoted quote", line: `environment="A=\"b c\" d" ssh-rsa AAA=`,
			want: key{options: `environment="A=\"b c\" d"`, kind: "ssh-rsa", blob: "AAA="}},
		{name: "hash in options", line: `command="echo #1" ssh-rsa AAA=`, want: key{options: `command="echo #1"`, kind: "ssh-rsa", blob: "AAA="}},
		{name: "security key", line: "sk-ssh-ed25519@openssh.com AAA=", want: key{kind: "sk-ssh-ed25519@openssh.com", blob: "AAA="}},
		{name: "certificate", line: "ecdsa-sha2-nistp521-cert-v01@openssh.com AAA=", want: key{kind: "ecdsa-sha2-nistp521-cert-v01@openssh.com", blob: "AAA="}},
		{name: "security key's certificate", line: "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com AAA=",
			want: key{kind: "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", blob: "AAA="}},
		{name: "UTF-8", line: "ssh-rsa AAA= Jürgen\u00a0Müller 日本", want: key{kind: "ssh-rsa", blob: "AAA=", comment: "Jürgen\u00a0Müller 日本"}},

		{name: "one field", line: "ssh-rsa", err: "key invalid (expected 2+ fields, found less): 'ssh-rsa'"},
		{name: "nothing known", line: "frob", err: "key invalid (expected 2+ fields, found less): 'frob'"},
		{name: "two fields", line: "no-pty ssh-rsa", err: "key invalid (expected 3+ fields, found 2): 'no-pty ssh-rsa'"},
		{name: "unknown type", line: "no-pty ssh-foo AAA= x ", err: "key invalid (unknown key type): 'no-pty ssh-foo AAA= x'"},
		{name: "quoted and two", line: `command="a b" ssh-rsa`, err: `key invalid (expected 3+ fields, found 2): 'command="a b" ssh-rsa'`},
		{name: "quote without end", line: `command="a b ssh-rsa AAA=`, err: `key invalid (quote without an end in the options): 'command="a b ssh-rsa AAA='`},
		{name: "long", line: "frob " + strings.Repeat("ü", 5000), err: "key invalid (expected 3+ fields, found 2): 'frob " + strings.Repeat("ü", 2045) + "...'"},
		{name: "signature type", line: "rsa-sha2-256 AAA= x", err: "key invalid (unknown key type): 'rsa-sha2-256 AAA= x'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseKey(c.line)
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Errorf("error %v, want %s", err, c.err)
				}
				return
			}
			if err != nil || got != c.want {
				t.Errorf("%#v, %v", got, err)
			}
			if c.text == "" {
				c.text = c.line
			}
			if got.String() != c.text {
				t.Errorf("%q, want %q", got, c.text)
			}
		})
	}
}

func TestParseSource(t *testing.T) {
	e := "ssh-ed25519 " + ed
	s, err := parseSource("# first\n\n" + e + " a\n  # second\n\t\r\nno-pty " + e + " b\n" + e + " c")
	if err != nil {
		t.Fatal(err)
	}
	if len(s.lines) != 7 || len(s.keys) != 2 || s.keys[0].comment != "a" || s.keys[1].options != "no-pty" || len(s.prints) != 2 {
		t.Errorf("%+v", s)
	}
	for text, want := range map[string]string{
		e + "\n\nssh-foo AAAA x\n":                        "line 3: key invalid (unknown key type): 'ssh-foo AAAA x'",
		e + "\nssh-rsa " + ed + " x":                      "line 2: key invalid (key is not of the type that stands before it): 'ssh-rsa " + ed + " x'",
		"ssh-ed25519 " + ed[:40] + " x":                   "line 1: key invalid (key is cut off): 'ssh-ed25519 " + ed[:40] + " x'",
		"ssh-ed25519 %%% x":                               "line 1: key invalid (key is no base64): 'ssh-ed25519 %%% x'",
		"-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n":   "it is a private key, which belongs to nobody but its owner; here goes the public one",
		"PuTTY-User-Key-File-3: ssh-ed25519\nsecret: 1\n": "it is a private key, which belongs to nobody but its owner; here goes the public one",
	} {
		if _, err := parseSource(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzParseKey: what was read and written is read as the same, and looking into a key never fails but with an error.
func FuzzParseKey(f *testing.F) {
	f.Add("ssh-ed25519 " + ed + " me")
	f.Add(`command="x \" y",no-pty ssh-rsa AAAA= a  b`)
	f.Add("sk-ecdsa-sha2-nistp256-cert-v01@openssh.com AAAAK3NrLWVjZHNh")
	f.Fuzz(func(t *testing.T, line string) {
		if comment(line) || strings.Contains(line, "\n") {
			return
		}
		k, err := parseKey(line)
		if err != nil {
			return
		}
		again, err := parseKey(k.String())
		if err != nil || again != k {
			t.Errorf("%q is %#v, which is %q, which is %#v, %v", line, k, k.String(), again, err)
		}
		if text, err := k.fingerprint(); err == nil && strings.ContainsAny(text, "\n\x00") {
			t.Errorf("%q: %q", line, text)
		}
	})
}
