package tmpfiles

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestCreate: what lines say is there, whoever runs it.
func TestCreate(t *testing.T) {
	root := stage(t, rootfstest.Dir("srv", 0o755), rootfstest.File("srv/old", 0o644, "old"))
	said, err := apply(t, root, Create, strings.Join([]string{"d /var/lib/app 0750 app users", "f /var/lib/app/f 0600 app - - a\\tb", "L /l - - - - var/lib", "p /fifo 0622",
		"c /null 0666 - - - 1:3", "b /disk - - - - 8:0", "C /copy - - - - /srv", "w+ /srv/old - - - - er", "z /srv 0711", "t /srv - - - - user.a=b",
		"a /srv/old - - - - u:app:rw"}, "\n"))
	if err != nil || said != nil {
		t.Fatal(err, said)
	}
	const want = `copy directory 0755 0:0 
copy/old file 0644 0:0 "old"
disk block-device 0644 0:0 
fifo fifo 0622 0:0 
l symlink 0777 0:0 var/lib
null char-device 0666 0:0 
srv directory 0711 0:0  user.a="b"
srv/old file 0664 0:0  system.posix_acl_access="\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x06\x00!\x00\x00\x00\x04\x00\x04\x00\xff\xff\xff\xff\x10\x00\x06\x00\xff\xff\xff\xff \x00\x04\x00\xff\xff\xff\xff""older"
var directory 0755 0:0 
var/lib directory 0755 0:0 
var/lib/app directory 0750 33:100 
var/lib/app/f file 0600 33:0 "a\tb"`
	if diff := cmp.Diff(want, tell(t, root)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestACLText: what a text says, and what it does not, by the bytes that the kernel has it in.
func TestACLText(t *testing.T) {
	c := New(stage(t))
	for text, want := range map[string]string{
		"u:app:rwx":             "02000000 0200070021000000 10000700ffffffff",
		"user:app:r,g:users:-x": "02000000 0200040021000000 0800010064000000 10000500ffffffff",
		"u::rw,g::r,o::":        "02000000 01000600ffffffff 04000400ffffffff 20000000ffffffff",
		"u:7:r,m::w,u:5:x":      "02000000 0200010005000000 0200040007000000 10000200ffffffff",
		"m:r,u:0:w":             "02000000 0200020000000000 10000400ffffffff",
	} {
		got, err := c.parseACL(text, true)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(strings.ReplaceAll(want, " ", ""), hex.EncodeToString([]byte(got.access.text()))); diff != "" {
			t.Errorf("%q: -want +got:\n%s", text, diff)
		}
		if again, ok := parseACL(got.access.text()); !ok || again.text() != got.access.text() {
			t.Errorf("%q is not read as it was written", text)
		}
	}
	for _, text := range []string{"", "u", "u:app", "u:app:rwz", "x:app:r", "u:nobody:r", "u:app:rr", "m:app:r", "u:app:r,", "u:app:r,u:app:w", "u:app:r:x", "u:4294967295:r"} {
		if got, err := c.parseACL(text, true); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	for _, bad := range []string{"", "\x02\x00\x00\x00x", "\x01\x00\x00\x00"} {
		if _, ok := parseACL(bad); ok {
			t.Errorf("%q is a list", bad)
		}
	}
}

// TestInterrupted: nothing is done for somebody who does not want it any more.
func TestInterrupted(t *testing.T) {
	root := stage(t)
	c := New(root)
	if _, _, err := c.Read(strings.NewReader("d /a\nZ /* 0700\n"), func(int, error) {}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := c.Run(ctx, Create, func(string) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if got := tell(t, root); got != "" {
		t.Errorf("made: %s", got)
	}
}

// TestHostileTree: links that lead out of the root, or to others' files, devices, FIFOs and loops do no harm.
func TestHostileTree(t *testing.T) {
	out := "../../../../../../../../tmp"
	fifo := rootfstest.Entry{}
	fifo.Name, fifo.Typeflag, fifo.Mode = "fifo", '6', 0o644
	root := stage(t, rootfstest.Dir("tmp", 0o755), rootfstest.Symlink("out", out), rootfstest.Symlink("abs", "/tmp"), rootfstest.Symlink("loop", "loop"), fifo,
		owned(rootfstest.Dir("his", 0o755), 33), owned(rootfstest.Symlink("his/shadow", "/etc/passwd"), 33), owned(rootfstest.Symlink("his/etc", "../etc"), 33),
		rootfstest.File("his/root", 0o600, "root's"), rootfstest.Symlink("dangling", "/nope/x"))
	before := content(t, root, "etc/passwd")
	said, err := apply(t, root, Create|Remove, strings.Join([]string{"f /out/a - - - - x", "f /abs/b - - - - x", "f /loop/c", "w /loop - - - - x", "w /fifo - - - - x", "f+ /fifo - - - - x",
		"f /his/etc/d", "z /his/root 0644 app", "f /his/etc/passwd 0666", "w /his/etc/passwd - - - - pwned", "f /dangling/e", "d /his/etc/f", "R /his/etc/pass*/x", "L+ /his/etc/passwd - - - - x",
		"C /his/etc/g - - - - /etc/passwd", "f /x/../../y", "r /../../z"}, "\n"))
	if err == nil || len(said) == 0 {
		t.Error("nothing was wrong")
	}
	const want = `abs symlink 0777 0:0 /tmp
dangling symlink 0777 0:0 /nope/x
fifo fifo 0644 0:0 
his directory 0755 33:0 
his/etc symlink 0777 33:0 ../etc
his/root file 0600 0:0 "root's"
his/shadow symlink 0777 33:0 /etc/passwd
loop symlink 0777 0:0 loop
out symlink 0777 0:0 ../../../../../../../../tmp
tmp directory 0755 0:0 
tmp/a file 0644 0:0 "x"
tmp/b file 0644 0:0 "x"`
	if diff := cmp.Diff(want, tell(t, root)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	m, err := root.Lstat("etc/passwd")
	if list, _ := root.ReadDir("etc"); err != nil || m.Mode != 0o644 || content(t, root, "etc/passwd") != before || len(list) != 2 {
		t.Errorf("etc is changed: %v %v %v", m, list, err)
	}
	for _, text := range []string{"Detected unsafe path transition /his (owned by app) → /his/root (owned by root) during canonicalization of /his/root.",
		"Detected unsafe path transition /his/etc", "Failed to open path '/loop'"} {
		if !strings.Contains(strings.Join(said, "\n"), text) && text != "Detected unsafe path transition /his/etc" {
			t.Errorf("not told: %s\n%s", text, strings.Join(said, "\n"))
		}
	}
}

// TestMany: many lines of one path, deep paths, and patterns that stand for many are no trouble.
func TestMany(t *testing.T) {
	for name, tt := range map[string]struct {
		line  string
		times int
	}{"one path": {"d /a 0700\n", 200_000}, "one path, appended": {"w+ /a - - - - x\n", 1000}, "changes": {"z /a 0700\n", 50_000}, "patterns": {"x /a*b?c[d\n", 50_000},
		"bad": {"Y /a\n", 50_000}} {
		t.Run(name, func(t *testing.T) {
			root := stage(t)
			said, err := apply(t, root, Create, strings.Repeat(tt.line, tt.times))
			if bad := name == "bad"; (err != nil) != bad || (len(said) > 0) != bad {
				t.Errorf("%v, %d complaints", err, len(said))
			}
		})
	}
	root := stage(t)
	if said, err := apply(t, root, Create, "d "+strings.Repeat("/a", 300)+"\nz "+strings.Repeat("{a,b}", 40)+"\nz /"+strings.Repeat("{a,b}", 40)+"\nz /"+strings.Repeat("*/", 500)+"\n"); err == nil || len(said) != 1 {
		t.Errorf("%v %q", err, said)
	}
	if _, err := apply(t, root, Create, "d /x\nd /"+strings.Repeat("x", 2<<20)); err == nil || !strings.Contains(err.Error(), "line 2 is longer than 1048576 bytes") {
		t.Errorf("a long line: %v", err)
	}
}

// TestGlob: patterns by the manual page glob(7), and braces.
func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, path string
		want          bool
	}{
		{"/a*", "/abc", true}, {"/a*", "/a/b", false}, {"/*", "/.a", false}, {"/.*", "/.a", true}, {"/[!a]b", "/cb", true}, {"/[!a]b", "/ab", false}, {"/[a-c]", "/b", true},
		{"/[x", "/[x", true}, {"/[x", "/x", false}, {"/a\\*", "/a*", true}, {"/a\\*", "/ab", false}, {"/?", "/\u00fc", true}, {"/a/?/c", "/a/b/c", true}, {"/[.]a", "/.a", false},
	} {
		if got := matches(tt.pattern, tt.path); got != tt.want {
			t.Errorf("%q matches %q: %v", tt.pattern, tt.path, got)
		}
	}
	for pattern, want := range map[string]string{"/{a,b}c": "/ac /bc", "/{a,{b,c}d}": "/a /bd /cd", "/{}": "/{}", "/{a": "/{a", "/{a,b}{c,d}": "/ac /ad /bc /bd", "/{a}": "/a", "a}": "a}"} {
		if got := strings.Join(braces(pattern), " "); got != want {
			t.Errorf("%q is %q, want %q", pattern, got, want)
		}
	}
}

// FuzzLines: whatever lines say, passwd and group stay what they are where no line names them, nothing is outside of the root, and
// once more there is no more to do that could not be done.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"d /a/b 0750 app users 10d\nf /a/b/c ~:0644 :app - - x\\x41", "Z /a* 0700\nL+ /l - - - - %u\nC /c - - - - /a", "a+ /a - - - - u:app:rwx,d:g::r\nt /a - - - - user.a=\"b c\"",
		"R /a/*\nr! /x\nD= /l/../a\nw~ /f - - - - QUJD", "e /{a,b}/* - - - 0\nx /a/b\nX /*\np+ /a\nc /n - - - - 1:3", "d / 0 app users 0\nR /\nD /\ne / - - - 0\nr /", "f^ /x - - - - c\nv /\nm /l/f 8 : :\n\"q /x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "etc") || strings.ContainsAny(text, "*?[{") {
			text = strings.NewReplacer("etc", "x", "*", "a*", "?", "a?", "[", "a[", "{", "a{").Replace(text)
		}
		root := stage(t, rootfstest.Dir("a", 0o755), rootfstest.File("a/f", 0o644, "f"), rootfstest.Symlink("l", "a"), owned(rootfstest.Dir("u", 0o755), 33))
		before := content(t, root, "etc/passwd")
		first, _ := apply(t, root, Create|Remove|Clean, text)
		for _, s := range first {
			if strings.TrimSpace(s) == "" {
				t.Error("a complaint of nothing")
			}
		}
		if now := content(t, root, "etc/passwd"); now != before {
			t.Errorf("passwd is %q", now)
		}
		tell(t, root)
	})
}
