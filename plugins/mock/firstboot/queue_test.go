package firstboot

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// newStage makes a root of some files.
func newStage(t *testing.T, steps ...rootfstest.Entry) *rootfs.Staging {
	t.Helper()
	dir := t.TempDir()
	base, err := rootfs.ReadBase(t.Context(), []rootfs.Layer{rootfstest.Tar(t, steps...)}, dir, rootfs.BaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := rootfs.Stage(base, rootfs.StageOptions{Dir: dir, Start: rootfstest.Epoch})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var builder = rootfs.Actor{Kind: "build"}

// add puts commands into a queue: a letter each, and perhaps a slash and who has asked for it.
func add(t *testing.T, s *rootfs.Staging, commands string) error {
	t.Helper()
	var list []Asked
	for _, c := range strings.Fields(commands) {
		name, by, _ := strings.Cut(c, "/")
		list = append(list, Asked{Command{Argv: []string{name}}, rootfs.Actor{Kind: "entity", Plugin: "p", Entity: by}})
	}
	return Add(s.Root, builder, list)
}

// queue shows what is in it.
func queue(t *testing.T, root rootfs.Root) string {
	t.Helper()
	var out []string
	entries, err := root.ReadDir(Dir)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		f, err := root.Open(Dir + "/" + e.Name)
		if err != nil {
			out = append(out, e.Name)
			continue
		}
		content, err := io.ReadAll(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		command := strings.TrimSuffix(strings.TrimPrefix(string(content), "#!/bin/sh\nexec "), "\n")
		out = append(out, strings.TrimLeft(e.Name, "0")+command)
	}
	return strings.Join(out, " ")
}

// TestAdd: what is in a queue after one build, and after others on top of it.
func TestAdd(t *testing.T) {
	for _, tt := range []struct {
		builds []string
		want   string
	}{
		{[]string{""}, ""},
		{[]string{"a b c"}, "1a 2b 3c"},
		{[]string{"a b a"}, "1b 2a"},
		{[]string{"a a a"}, "1a"},
		{[]string{"stop start stop start"}, "1stop 2start"},
		{[]string{"a b", "c"}, "1a 2b 3c"},
		{[]string{"a b", "a b"}, "1a 2b"},
		{[]string{"a b", "b"}, "1a 2b"},
		{[]string{"a b", "a"}, "2b 3a"},
		{[]string{"a b c", "b d"}, "1a 3c 4b 5d"},
		{[]string{"a b", "b a"}, "3b 4a"},
		{[]string{"a b", ""}, "1a 2b"},
	} {
		t.Run(strings.Join(tt.builds, " + "), func(t *testing.T) {
			s := newStage(t, rootfstest.Dir("etc", 0o755))
			for _, b := range tt.builds {
				if err := add(t, s, b); err != nil {
					t.Fatal(err)
				}
			}
			if got := queue(t, s.Root(builder)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if _, err := s.Root(builder).Lstat(runner); (err == nil) != (tt.want != "") {
				t.Errorf("what runs them: %v", err)
			}
		})
	}
}

// TestAddBy: the file of a command is the change of all who have asked for it, in their order.
func TestAddBy(t *testing.T) {
	s := newStage(t, rootfstest.Dir("etc", 0o755))
	if err := add(t, s, "a/one b/one a/two a/one"); err != nil {
		t.Fatal(err)
	}
	changes, err := s.Changes(rootfstest.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range changes {
		by := ""
		for _, a := range c.By {
			by += strings.TrimSuffix(" "+a.Kind+" "+a.Entity, " ")
		}
		got[c.Path] = by
	}
	want := map[string]string{"var/spool/holo-build/deferred/000001": " entity one", "var/spool/holo-build/deferred/000002": " entity one entity two"}
	for path, by := range got {
		if _, ok := want[path]; !ok && by == " build" {
			delete(got, path)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestAddHostile: nothing in the base is taken for more than it is.
func TestAddHostile(t *testing.T) {
	d := func(names ...string) (steps []rootfstest.Entry) {
		for _, n := range []string{"var", "var/spool", "var/spool/holo-build"} {
			steps = append(steps, rootfstest.Dir(n, 0o755))
		}
		for _, n := range names {
			steps = append(steps, rootfstest.File(n, 0o644, "x"))
		}
		return steps
	}
	in := func(name string) string { return Dir + "/" + name }
	for _, tt := range []struct {
		name  string
		steps []rootfstest.Entry
		want  string
		err   string
	}{
		{"names that are no number", append(d(), rootfstest.Dir(Dir, 0o700), rootfstest.File(in("1"), 0o600, "x"), rootfstest.File(in("0000001"), 0o600, "x"),
			rootfstest.File(in("000001.running"), 0o600, "x")), "1x 1a 1.runningx 1x", ""},
		{"a directory of the name", append(d(), rootfstest.Dir(Dir, 0o700), rootfstest.Dir(in("000004"), 0o700)), "000004 5a", ""},
		{"a symlink of the name", append(d("etc-passwd"), rootfstest.Dir(Dir, 0o700), rootfstest.Symlink(in("000004"), "/etc-passwd")), "4x 5a", ""},
		{"no number left", append(d(), rootfstest.Dir(Dir, 0o700), rootfstest.File(in("999999"), 0o600, "x")), "",
			"there is a command number 999999 in /var/spool/holo-build/deferred, and no room for more"},
		{"the queue is a file", d(Dir), "", "reading /var/spool/holo-build/deferred: "},
		{"the queue is elsewhere", append(d(), rootfstest.Symlink(Dir, "/srv")), "1a", ""},
		{"a directory in the place of what runs it", append(d(), rootfstest.Dir("usr", 0o755), rootfstest.Dir("usr/lib", 0o755),
			rootfstest.Dir("usr/lib/holo-build", 0o755), rootfstest.Dir(runner, 0o755)), "", "installing holo-build-deferred.service: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t, tt.steps...)
			err := add(t, s, "a")
			if tt.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tt.err) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := queue(t, s.Root(builder)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestSupported: what there has to be, wherever it is.
func TestSupported(t *testing.T) {
	sh, usr := rootfstest.File("bin/sh", 0o755, ""), rootfstest.Dir("usr", 0o755)
	lib := func(top string) []rootfstest.Entry {
		return []rootfstest.Entry{rootfstest.Dir(top, 0o755), rootfstest.Dir(top+"/systemd", 0o755), rootfstest.File(top+"/systemd/systemd", 0o755, "")}
	}
	for i, tt := range []struct {
		steps []rootfstest.Entry
		want  string
	}{
		{nil, "the image has no systemd (/usr/lib/systemd/systemd) that would run it"},
		{append(lib("lib"), rootfstest.Dir("bin", 0o755), sh), ""},
		{append(append([]rootfstest.Entry{usr}, lib("usr/lib")...), rootfstest.Dir("bin", 0o755), rootfstest.Symlink("bin/sh", "dash"), rootfstest.File("bin/dash", 0o755, "")), ""},
		{append([]rootfstest.Entry{usr}, lib("usr/lib")...), "the image has no /bin/sh that would run it"},
		{append(append([]rootfstest.Entry{usr}, lib("usr/lib")...), rootfstest.Dir("bin", 0o755), rootfstest.Symlink("bin/sh", "dash")), "the image has no /bin/sh that would run it"},
	} {
		got := ""
		if err := Supported(newStage(t, append(tt.steps, rootfstest.Dir("etc", 0o755))...).Root(builder)); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%d: %s", i, fmt.Sprintf("got %q, want %q", got, tt.want))
		}
	}
}
