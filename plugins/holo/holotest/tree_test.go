package holotest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
)

func dump(t *testing.T, tree *Tree) string {
	t.Helper()
	var b strings.Builder
	if err := tree.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const line = "----------------------------------------\n"

// TestPlainTree: the format of holo-test(7), to the byte; section 5.
func TestPlainTree(t *testing.T) {
	const text = "file      0644 ./etc/x\nhello\n\n  -- \nworld\n" + line +
		"symlink   0777 ./etc/y\n../x y\n" + line +
		"file      04755 ./etc/with blank\n" + line +
		"directory 0755 ./run/\n" + line +
		"directory 01777 ./tmp/\n" + line +
		"file      00 ./zero\n" + line
	tree, err := ParseTree(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{Name: "etc/x", Mine: true, Meta: rootfs.Meta{Mode: 0o644}, Content: []byte("hello\n\n  -- \nworld\n")},
		{Name: "etc/y", Mine: true, Meta: rootfs.Meta{Type: rootfs.Symlink, Mode: 0o777, Target: "../x y"}},
		{Name: "etc/with blank", Mine: true, Meta: rootfs.Meta{Mode: 0o4755}},
		{Name: "run", Mine: true, Meta: rootfs.Meta{Type: rootfs.Directory, Mode: 0o755}},
		{Name: "tmp", Mine: true, Meta: rootfs.Meta{Type: rootfs.Directory, Mode: 0o1777}},
		{Name: "zero", Mine: true},
	}
	if diff := cmp.Diff(want, tree.Entries); diff != "" {
		t.Error(diff)
	}
	if got := dump(t, tree); got != text {
		t.Errorf("got:\n%s", got)
	}
}

// TestPlainTreeLoose: what may be otherwise when it is read.
func TestPlainTreeLoose(t *testing.T) {
	const text = "\n\nfile 644 etc/x\nhello\n-\n\n  \nfile\t0600   ./etc/../a\n---\nsymlink 0644 ./l\ntarget\n\n--\ndirectory 700 ./d\n-----\nfile 0644 ./last\nno end"
	const want = "file      0644 ./etc/x\nhello\n" + line + "file      0600 ./a\n" + line + "symlink   0777 ./l\ntarget\n" + line +
		"directory 0700 ./d/\n" + line + "file      0644 ./last\nno end\n" + line
	tree, err := ParseTree(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := dump(t, tree); got != want {
		t.Errorf("got:\n%s", got)
	}
}

func TestFullTree(t *testing.T) {
	tree := &Tree{Format: Changes, Entries: []Entry{
		{Name: ".", Mine: true, Meta: rootfs.Meta{Type: rootfs.Directory, Mode: 0o700}},
		{Name: "a b", Meta: rootfs.Meta{Mode: 0o644, UID: 12, GID: 34, Xattrs: map[string]string{"user.k": "v w", "user.a=b c": "\x00\xff"}}, Content: []byte("x\n")},
		{Name: "noeol", Mine: true, Meta: rootfs.Meta{Mode: 0o644}, Content: []byte("a\nb")},
		{Name: "dashes", Mine: true, Meta: rootfs.Meta{Mode: 0o644}, Content: []byte("a\n---\nb")},
		{Name: "bin", Mine: true, Meta: rootfs.Meta{Mode: 0o644}, Content: bytes.Repeat([]byte("\x00\x01\x02"), 30)},
		{Name: "large", Mine: true, Meta: rootfs.Meta{Mode: 0o644, Digest: [32]byte{1, 2, 255}}, Large: true},
		{Name: "l\nl", Mine: true, Meta: rootfs.Meta{Type: rootfs.Symlink, Mode: 0o777, Target: "\"x\ny"}},
		{Name: "dev/null", Meta: rootfs.Meta{Type: rootfs.CharDevice, Mode: 0o666, Major: 1, Minor: 3}},
		{Name: "dev/sda", Mine: true, Meta: rootfs.Meta{Type: rootfs.BlockDevice, Mode: 0o660, Major: 8}},
		{Name: "fifo", Mine: true, Meta: rootfs.Meta{Type: rootfs.FIFO, Mode: 0o600}},
		{Name: "ü", Deleted: true},
	}}
	const want = "holo-build tree 1 changes\n" +
		"directory 0700 - ./\n" + line +
		"file      0644 12:34 \"xattr.user.a=b c\"=\"\\x00\\xff\" xattr.user.k=\"v w\" \"./a b\"\nx\n" + line +
		"file      0644 - noeol ./noeol\na\nb\n" + line +
		"file      0644 - base64 ./dashes\nYQotLS0KYg==\n" + line +
		"file      0644 - base64 ./bin\nAAECAAECAAECAAECAAECAAECAAECAAECAAECAAECAAECAAECAAECAAECAAECAAECAAECAAECAAEC\nAAECAAECAAECAAECAAECAAECAAECAAECAAECAAECAAEC\n" + line +
		"file      0644 - sha256=0102ff0000000000000000000000000000000000000000000000000000000000 ./large\n" + line +
		"symlink   0777 - \"./l\\nl\"\n\"\\\"x\\ny\"\n" + line +
		"char      0666 0:0 ./dev/null\n1,3\n" + line +
		"block     0660 - ./dev/sda\n8,0\n" + line +
		"fifo      0600 - ./fifo\n" + line +
		"deleted   ./ü\n" + line
	got := dump(t, tree)
	if got != want {
		t.Errorf("got:\n%s", got)
	}
	again, err := ParseTree(strings.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tree, again); diff != "" {
		t.Error(diff)
	}
}

func TestTreeErrors(t *testing.T) {
	const full = "holo-build tree 1\n"
	for text, want := range map[string]string{
		"socket 0644 ./x\n---":                       `line 1: "socket" is no type of file`,
		"file 0689 ./x\n---":                         `line 1: "0689" is no mode`,
		"file 010000 ./x\n---":                       `line 1: "010000" is no mode`,
		"file 0644\n---":                             "line 1: no path",
		"file 0644 /etc/x\n---":                      "line 1: /etc/x is an absolute path",
		"file 0644 ./a/../../x\n---":                 "line 1: ./a/../../x leads out of the tree",
		"file 0644 ./\n---":                          "line 1: the root can only be a directory",
		"file 0644 ./x\n---\nfile 0600 x\n---":       "line 3: x is there twice",
		"symlink 0777 ./x\n---":                      "line 2: no target",
		"symlink 0777 ./x\na\nb\n---":                `line 4: "b" follows`,
		"directory 0700 ./x\na\n---":                 `line 3: "a" follows`,
		"char 0600 ./x\n---":                         `line 2: "" is no device: MAJOR,MINOR`,
		"deleted ./x\n---":                           `line 1: "deleted" is no type of file`,
		full + "file 0644 root ./x\n---":             `line 2: "root" is no owner: UID:GID, or a dash for whoever runs the test`,
		full + "file 0644 ./x\n---":                  `line 2: "./x" is no owner: UID:GID, or a dash for whoever runs the test`,
		full + "file 0644 - what ./x\n---":           `line 2: "what" is no attribute`,
		full + "file 0644 - noeol\n---":              `line 2: "noeol": a path that begins with ./ is missing`,
		full + "file 0644 - \"./x\n---":              `line 2: "\"./x" has no end of its quotes, or something wrong in them`,
		full + "file 0644 - \"./x\" y\n---":          `line 2: " y" follows the path`,
		full + "file 0644 - base64 ./x\n%\n---":      "line 4: content: illegal base64 data at input byte 0",
		full + "file 0644 - sha256=12 ./x\n---":      `line 2: "12" is no SHA-256`,
		full + "directory 0755 - noeol ./x\n---":     "line 3: a directory has no content to be noeol",
		full + "file 0644 4294967296:0 ./x\n---":     `line 2: "4294967296:0" is no owner: UID:GID, or a dash for whoever runs the test`,
		full + "symlink 0777 - ./x\n\"a\" b\n---":    `line 4: " b" follows the target`,
		full + "symlink 0777 - ./x\n\"a\\x00\"\n---": "line 4: no target",
		full + "file 0644 - \"./a\\x00\"\n---":       "line 2: NUL byte in a path",
	} {
		if _, err := ParseTree(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// FuzzTree: what was read, is written, and reads the same; in the full format to the byte.
func FuzzTree(f *testing.F) {
	f.Add([]byte("file 0644 ./x\na\n---\nsymlink 0777 ./y z\nx\n---\ndirectory 0700 ./d\n--"))
	f.Add([]byte("holo-build tree 1\nfile 0644 1:2 xattr.a=\"b\" base64 \"./x y\"\nAAAA\n---\nchar 0666 - ./n\n1,3\n--"))
	f.Add([]byte("holo-build tree 1 changes\ndeleted ./x\n---\nfile 0644 - noeol ./y\nz\n--"))
	f.Fuzz(func(t *testing.T, text []byte) {
		tree, err := ParseTree(bytes.NewReader(text))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := tree.Write(&b); err != nil {
			t.Fatal(err)
		}
		again, err := ParseTree(bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatalf("%q was written as %q: %v", text, b.Bytes(), err)
		}
		if diff := cmp.Diff(tree, again, cmp.Comparer(bytes.Equal)); diff != "" {
			t.Errorf("%q was written as %q:\n%s", text, b.Bytes(), diff)
		}
	})
}

// FuzzFullTree: every tree is written so that it reads the same.
func FuzzFullTree(f *testing.F) {
	f.Add("etc/x", []byte("hello\n"), uint8(0), uint16(0o644), uint32(1), "target", "user.k", "v")
	f.Add("a \"b", []byte("--\n"), uint8(2), uint16(0o777), uint32(0), "t\n", "a=b", "\xff")
	f.Fuzz(func(t *testing.T, name string, content []byte, kind uint8, mode uint16, n uint32, target, xattr, value string) {
		var err error
		if name, err = entryName("./"+name, Plain); err != nil || name == "." || target == "" || strings.ContainsRune(target, 0) || xattr == "" {
			return
		}
		e := Entry{Name: name, Meta: rootfs.Meta{Type: rootfs.Type(kind % 6), Mode: uint32(mode & 0o7777), UID: n, GID: n / 2, Xattrs: map[string]string{xattr: value}}}
		switch e.Meta.Type {
		case rootfs.Regular:
			if e.Content = content; n%5 == 0 {
				e.Content, e.Large = nil, true
				copy(e.Meta.Digest[:], content)
			}
		case rootfs.Symlink:
			e.Meta.Mode, e.Meta.Target = 0o777, target
		case rootfs.CharDevice, rootfs.BlockDevice:
			e.Meta.Major, e.Meta.Minor = n, n/3
		}
		tree := &Tree{Format: Full, Entries: []Entry{e, {Name: "zz", Mine: true, Content: []byte("end\n")}}}
		if e.Name == "zz" {
			return
		}
		again, err := ParseTree(strings.NewReader(dump(t, tree)))
		if err != nil {
			t.Fatalf("%q: %v", dump(t, tree), err)
		}
		if diff := cmp.Diff(tree, again, cmp.Comparer(bytes.Equal)); diff != "" {
			t.Errorf("%q:\n%s", dump(t, tree), diff)
		}
	})
}
