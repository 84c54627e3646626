package accounts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
)

func openRoot(t *testing.T, dir string) rootfs.Root {
	t.Helper()
	root, err := rootfs.OpenHost(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestReadUsers(t *testing.T) {
	root := User{"root", "x", 0, 0, "root", "/root", "/bin/bash"}
	for _, tt := range []struct {
		name, content string
		want          []User
	}{
		{"one", "root:x:0:0:root:/root:/bin/bash\n", []User{root}},
		{"no newline at the end", "root:x:0:0:root:/root:/bin/bash", []User{root}},
		{"empty fields", "a::1:2:::\n", []User{{Name: "a", UID: 1, GID: 2}}},
		{"largest ID", "a:x:4294967294:4294967294:::", []User{{"a", "x", 4294967294, 4294967294, "", "", ""}}},
		{"comments and empty lines", "# c\n\n#root:x:0:0:root:/root:/bin/bash\n", nil},
		{"NIS", "+::::::\n-a:x:1:1:::\n+@netgroup:x:1:1:::\n", nil},
		{"short", "a:x:1:1::\n", nil},
		{"long", "a:x:1:1::::\n", nil},
		{"no name", ":x:1:1:::\n", nil},
		{"no ID", "a:x::1:::\nb:x:1::::\n", nil},
		{"wrong IDs", "a:x:-1:1:::\nb:x:4294967295:1:::\nc:x:1:4294967296:::\nd:x:+1:1:::\ne:x: 1:1:::\nf:x:0x1:1:::\n", nil},
		{"nothing lost around broken ones", "a\n\x00\xff\nroot:x:0:0:root:/root:/bin/bash\n:::::::\n", []User{root}},
		{"empty", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, dir+"/etc/passwd", tt.content)
			got, err := ReadUsers(openRoot(t, dir))
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Error(err, diff)
			}
		})
	}
}

func TestReadGroups(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/etc/group", "root:x:0:\n+:::\nusers:!:100:a,b\nodd:x:7:,a,,b,\nshort:x:8\nlong:x:9::\nshorter:x\nwrong:x:x:\n\nlast:x:9:z")
	got, err := ReadGroups(openRoot(t, dir))
	want := []Group{{"root", "x", 0, nil}, {"users", "!", 100, []string{"a", "b"}}, {"odd", "x", 7, []string{"a", "b"}}, {"short", "x", 8, nil},
		{"last", "x", 9, []string{"z"}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

// TestReadHostileFile has something else where the database should be.
func TestReadHostileFile(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(dir string) error
		want string // in the error; empty for none
	}{
		{"missing", func(string) error { return nil }, ""},
		{"missing directory", func(dir string) error { return os.Remove(dir + "/etc") }, ""},
		{"link inside", func(dir string) error {
			writeFile(t, dir+"/usr/lib/passwd", "")
			return os.Symlink("/usr/lib/passwd", dir+"/etc/passwd")
		}, ""},
		{"link to the machine's own", func(dir string) error { return os.Symlink("/proc/1/environ", dir+"/etc/passwd") }, ""},
		{"fifo", func(dir string) error { return unix.Mkfifo(dir+"/etc/passwd", 0o644) }, "etc/passwd: not a regular file"},
		{"directory", func(dir string) error { return os.Mkdir(dir+"/etc/passwd", 0o755) }, "etc/passwd: not a regular file"},
		{"link to a directory", func(dir string) error { return os.Symlink(".", dir+"/etc/passwd") }, "etc/passwd: not a regular file"},
		{"loop", func(dir string) error { return os.Symlink("passwd", dir+"/etc/passwd") }, "etc/passwd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(dir+"/etc", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := tt.make(dir); err != nil {
				t.Fatal(err)
			}
			got, err := ReadUsers(openRoot(t, dir))
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) || len(got) > 0 {
				t.Errorf("got %v, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestReadBounded(t *testing.T) {
	for content, want := range map[string]string{"": "", "1234": "", "12345": "it has more than 4 bytes"} {
		got, err := readBounded(strings.NewReader(content), 4, 100)
		if want == "" && (err != nil || got != content) || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%q: got %q, %v; want %q", content, got, err, want)
		}
	}
}
