package accounts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

func pointer[T any](v T) *T { return &v }

// edits are one of each kind, which all change a root that has the user app.
var edits = map[string]func(ctx context.Context, e Editor) error{
	"AddUser": func(ctx context.Context, e Editor) error {
		return e.AddUser(ctx, AddUser{Name: "new", Groups: []string{"sudo"}, CreateHome: pointer(true)})
	},
	"ModifyUser": func(ctx context.Context, e Editor) error {
		return e.ModifyUser(ctx, ModifyUser{Name: "app", NewName: pointer("app2"), Groups: &[]string{"users"}, Home: pointer("/home/app2"), MoveHome: true,
			Password: pointer("x"), UID: pointer(uint32(3000)), DelSubUIDs: []Span{{0, 1 << 32}}, AddSubGIDs: []Span{{5, 6}}})
	},
	"DeleteUser": func(ctx context.Context, e Editor) error {
		return e.DeleteUser(ctx, DeleteUser{Name: "app", Remove: true})
	},
	"AddGroup": func(ctx context.Context, e Editor) error {
		return e.AddGroup(ctx, AddGroup{Name: "g", Members: []string{"app"}})
	},
	"ModifyGroup": func(ctx context.Context, e Editor) error {
		return e.ModifyGroup(ctx, ModifyGroup{Name: "app", NewName: pointer("g"), GID: pointer(uint32(3000))})
	},
	"DeleteGroup": func(ctx context.Context, e Editor) error {
		return e.DeleteGroup(ctx, DeleteGroup{Name: "app", Force: true})
	},
	"NewUsers": func(ctx context.Context, e Editor) error {
		return e.NewUsers(ctx, NewUsers{Users: []NewUser{{Line: 1, Name: "new", Home: "/home/new"}, {Line: 2, Name: "app", Password: pointer("!")}}})
	},
	"SetRoot": func(ctx context.Context, e Editor) error {
		return e.SetRoot(ctx, RootAccount{Password: pointer("")})
	},
}

// withApp is a root that has the user app, with a home directory.
func withApp(t *testing.T) rootfs.Root {
	t.Helper()
	root := stage(t, debian(), rootfstest.Dir("etc/skel", 0o755), rootfstest.File("etc/skel/.profile", 0o640, "hello")).Root(rootfs.Actor{})
	if err := (Editor{Root: root, Day: 20000}).AddUser(t.Context(), AddUser{Name: "app", Groups: []string{"sudo"}, CreateHome: pointer(true)}); err != nil {
		t.Fatal(err)
	}
	return root
}

// failing is a root that can't do the nth change any more, but all after that one.
type failing struct {
	rootfs.Root
	nth, done int
}

var errDisk = errors.New("disk full")

func (f *failing) change() error {
	f.done++
	if f.done == f.nth {
		return errDisk
	}
	return nil
}

func (f *failing) Put(name string, m rootfs.Meta, content io.Reader) error {
	if err := f.change(); err != nil {
		return &fs.PathError{Op: "write", Path: name, Err: err}
	}
	return f.Root.Put(name, m, content)
}

func (f *failing) Mkdir(name string, m rootfs.Meta) error {
	if err := f.change(); err != nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: err}
	}
	return f.Root.Mkdir(name, m)
}

func (f *failing) Rename(from, to string) error {
	if err := f.change(); err != nil {
		return &fs.PathError{Op: "rename", Path: from, Err: err}
	}
	return f.Root.Rename(from, to)
}

// TestEditsAreWhole lets each change of each edit fail, one after the other: nothing of the edit must be left. What
// comes after the databases (files that lose their user, or get another) can't be taken back.
func TestEditsAreWhole(t *testing.T) {
	for name, do := range edits {
		t.Run(name, func(t *testing.T) {
			failures := 0
			for n := 1; ; n++ {
				root := withApp(t)
				before := tell(t, root)
				f := &failing{Root: root, nth: n}
				err := do(t.Context(), Editor{Root: f, Day: 20001})
				if f.done < n {
					if err != nil {
						t.Fatal(err)
					}
					break
				}
				failures++
				e, ok := errors.AsType[*Error](err)
				if !errors.Is(err, errDisk) || !ok || e.Status == 0 {
					t.Errorf("change %d: error %v", n, err)
				}
				if diff := cmp.Diff(before, tell(t, root)); diff != "" {
					t.Errorf("change %d: %s", n, diff)
				}
			}
			if failures < 2 {
				t.Errorf("only %d changes", failures)
			}
		})
	}
}

// TestEditsKeepFiles: modes, owners and extended attributes of the databases stay, and the files nobody meant.
func TestEditsKeepFiles(t *testing.T) {
	for name, do := range edits {
		t.Run(name, func(t *testing.T) {
			root := withApp(t)
			before := map[string]rootfs.Meta{}
			for i, db := range []string{passwdFile, groupFile, shadowFile, gshadowFile, subuidFile, subgidFile} {
				m, err := root.Lstat(db)
				if err != nil {
					t.Fatal(err)
				}
				m.Mode, m.UID, m.Xattrs = 0o600+uint32(i), uint32(i), map[string]string{"user.x": db, "security.selinux": "s"}
				if err := root.SetMeta(db, m); err != nil {
					t.Fatal(err)
				}
				before[db] = m
			}
			if err := do(t.Context(), Editor{Root: root, Day: 20001}); err != nil {
				t.Fatal(err)
			}
			for db, was := range before {
				now, err := root.Lstat(db)
				if err != nil {
					t.Fatal(err)
				}
				now.Size, now.Digest, now.ModTime = was.Size, was.Digest, was.ModTime
				if diff := cmp.Diff(was, now); diff != "" {
					t.Errorf("%s: %s", db, diff)
				}
			}
		})
	}
}

// TestEditsKeepLines: whatever else is in the databases is there afterwards, where it was.
func TestEditsKeepLines(t *testing.T) {
	odd := "# comment\n\n  \nbroken\n:::\n\x00\xff:x:y\n+@netgroup::::::\n-bad::::::\n+::::::"
	for name, do := range edits {
		t.Run(name, func(t *testing.T) {
			root := withApp(t)
			for _, db := range []string{passwdFile, groupFile, shadowFile, gshadowFile, subuidFile, subgidFile} {
				m, err := root.Lstat(db)
				if err != nil {
					t.Fatal(err)
				}
				if err := root.Put(db, m, strings.NewReader(read(t, root, db)+odd)); err != nil {
					t.Fatal(err)
				}
			}
			if err := do(t.Context(), Editor{Root: root, Day: 20001}); err != nil {
				t.Fatal(err)
			}
			for _, db := range []string{passwdFile, groupFile, shadowFile, gshadowFile, subuidFile, subgidFile} {
				text := read(t, root, db)
				at := strings.Index(text, "# comment\n")
				if at < 0 {
					t.Errorf("%s has lost its comment: %q", db, text)
					continue
				}
				// What is new stands before the first NIS line.
				head, tail, _ := strings.Cut(odd, "+@")
				if !strings.HasPrefix(text[at:], head) || !strings.HasSuffix(strings.TrimSuffix(text, "\n"), "+@"+tail) {
					t.Errorf("%s has lost lines: %q", db, text)
				}
			}
		})
	}
}

// TestEditsInterrupted: a context that has ended ends an edit before it has changed anything.
func TestEditsInterrupted(t *testing.T) {
	for name, do := range edits {
		t.Run(name, func(t *testing.T) {
			root := withApp(t)
			before := tell(t, root)
			ctx, stop := context.WithCancel(t.Context())
			stop()
			if err := do(ctx, Editor{Root: root}); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(before, tell(t, root)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLoginLogs: however large its number, an account leaves the logs of logins alone, and makes none. A record of it in
// lastlog, which has 292 bytes for each number, would make a file of a terabyte.
func TestLoginLogs(t *testing.T) {
	const uid = noID - 1
	logs := []rootfstest.Entry{rootfstest.Dir("var", 0o755), rootfstest.Dir("var/log", 0o755)}
	for name, more := range map[string][]rootfstest.Entry{
		"none": nil,
		"some": {rootfstest.File("var/log/lastlog", 0o664, "of others").Owned(0, 43), rootfstest.File("var/log/faillog", 0o600, "of others")},
	} {
		t.Run(name, func(t *testing.T) {
			root := stage(t, debian(), append(slices.Clone(logs), more...)...).Root(rootfs.Actor{})
			of := func() string { return tell(t, rootfs.Sub(root, "var")) }
			before := of()
			e := Editor{Root: root, Day: 20000}
			if err := e.AddUser(t.Context(), AddUser{Name: "huge", UID: pointer(uint32(uid))}); err != nil {
				t.Fatal(err)
			}
			if err := e.ModifyUser(t.Context(), ModifyUser{Name: "huge", UID: pointer(uint32(uid - 1))}); err != nil {
				t.Fatal(err)
			}
			if text := read(t, root, passwdFile); !strings.Contains(text, fmt.Sprintf("\nhuge:x:%d:", uid-1)) {
				t.Errorf("passwd is %q", text)
			}
			if diff := cmp.Diff(before, of()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestDayOfChange: the day of the build is the day of a password's change, but never 0, which would order another one.
func TestDayOfChange(t *testing.T) {
	for day, want := range map[int64]string{0: "", -5: "", 1: "1", 19675: "19675"} {
		root := stage(t, debian()).Root(rootfs.Actor{})
		e := Editor{Root: root, Day: day}
		if err := e.AddUser(t.Context(), AddUser{Name: "a"}); err != nil {
			t.Fatal(err)
		}
		if err := e.ModifyUser(t.Context(), ModifyUser{Name: "nobody", Password: pointer("p")}); err != nil {
			t.Fatal(err)
		}
		shadow := read(t, root, shadowFile)
		if !strings.Contains(shadow, "\na:!:"+want+"::99999::::\n") || !strings.Contains(shadow, "\nnobody:p:"+want+":0:99999:7:::\n") {
			t.Errorf("day %d: %q", day, shadow)
		}
	}
}
