package accounts

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// databases are those that an edit of each kind reads.
var databases = map[string][]string{
	"AddUser":     {passwdFile, groupFile, shadowFile, gshadowFile, subuidFile, subgidFile, defsFile, defaultsFile},
	"ModifyUser":  {passwdFile, groupFile, shadowFile, gshadowFile, subuidFile, subgidFile, defsFile},
	"DeleteUser":  {passwdFile, groupFile, shadowFile, gshadowFile, subuidFile, subgidFile, defsFile},
	"AddGroup":    {passwdFile, groupFile, gshadowFile, defsFile},
	"ModifyGroup": {passwdFile, groupFile, gshadowFile, defsFile},
	"DeleteGroup": {passwdFile, groupFile, gshadowFile, defsFile},
	"NewUsers":    {passwdFile, groupFile, shadowFile, gshadowFile, subuidFile, subgidFile, defsFile},
	"SetRoot":     {passwdFile, shadowFile, defsFile},
}

// replace puts something else in the place of a file.
func replace(t *testing.T, root rootfs.Root, name string, m rootfs.Meta) {
	t.Helper()
	if err := rootfs.MkdirAll(root, "etc/default", rootfs.Meta{Mode: 0o755}); err != nil {
		t.Fatal(err)
	}
	err := root.Remove(name)
	if name == defaultsFile {
		err = nil // is not there
	}
	if err == nil && m.Type == rootfs.Directory {
		err = root.Mkdir(name, m)
	} else if err == nil {
		err = root.Put(name, m, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestHostileDatabase has something in the place of a database that is none.
func TestHostileDatabase(t *testing.T) {
	for what, m := range map[string]rootfs.Meta{
		"fifo":                         {Type: rootfs.FIFO, Mode: 0o644},
		"device":                       {Type: rootfs.CharDevice, Mode: 0o666, Major: 1, Minor: 5},
		"directory":                    {Type: rootfs.Directory, Mode: 0o755},
		"link to a directory":          {Type: rootfs.Symlink, Target: "/etc"},
		"link to itself":               {Type: rootfs.Symlink, Target: "/etc/loop"},
		"link to a FIFO":               {Type: rootfs.Symlink, Target: "/fifo"},
		"link through a file":          {Type: rootfs.Symlink, Target: "/etc/hosts/x"},
		"link out, for who is outside": {Type: rootfs.Symlink, Target: "../../../../../../fifo"},
	} {
		t.Run(what, func(t *testing.T) {
			for name, do := range edits {
				for _, db := range databases[name] {
					root := withApp(t)
					must(t, root.Put("etc/loop", rootfs.Meta{Type: rootfs.Symlink, Target: "loop"}, nil))
					must(t, root.Put("fifo", rootfs.Meta{Type: rootfs.FIFO, Mode: 0o644}, nil))
					must(t, root.Put("etc/hosts", rootfs.Meta{Mode: 0o644}, strings.NewReader("")))
					replace(t, root, db, m)
					before := tell(t, root)
					err := do(t.Context(), Editor{Root: root})
					e, ok := errors.AsType[*Error](err)
					if !ok || e.Status == 0 || !strings.Contains(err.Error(), "cannot open /"+db+": ") {
						t.Errorf("%s, %s: %v", name, db, err)
					}
					if diff := cmp.Diff(before, tell(t, root)); diff != "" {
						t.Errorf("%s, %s: %s", name, db, diff)
					}
				}
			}
		})
	}
}

// TestHugeSettings: settings are read at each edit, so that not much of them is read.
func TestHugeSettings(t *testing.T) {
	for _, name := range []string{defsFile, defaultsFile} {
		root := stage(t, debian(), rootfstest.Dir("etc/default", 0o755)).Root(rootfs.Actor{})
		must(t, root.Put(name, rootfs.Meta{Mode: 0o644}, strings.NewReader(strings.Repeat("#", maxSettings+1))))
		before := tell(t, root)
		err := (Editor{Root: root}).AddUser(t.Context(), AddUser{Name: "a"})
		if want := "cannot open /" + name + ": it has more than 1048576 bytes"; err == nil || err.Error() != want {
			t.Errorf("error %v, want %q", err, want)
		}
		if diff := cmp.Diff(before, tell(t, root)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestLinkToTheMachine: a link to a file of the machine leads to that of the root, where there is none.
func TestLinkToTheMachine(t *testing.T) {
	for name, want := range map[string]string{
		passwdFile: "cannot open /etc/passwd: it is a symlink to /proc/1/environ, where nothing is",
		groupFile:  "cannot open /etc/group: it is a symlink to /proc/1/environ, where nothing is",
		shadowFile: "", // is none then, as for the real tools
	} {
		root := stage(t, debian()).Root(rootfs.Actor{})
		replace(t, root, name, rootfs.Meta{Type: rootfs.Symlink, Target: "/proc/1/environ"})
		before := tell(t, root)
		err := (Editor{Root: root}).AddUser(t.Context(), AddUser{Name: "a"})
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		if diff := cmp.Diff(before, tell(t, root)); (diff != "") != (want == "") {
			t.Errorf("%s: %s", name, diff)
		}
		if m, err := root.Lstat(name); err != nil || m.Target != "/proc/1/environ" {
			t.Errorf("%s: %v %v", name, m, err)
		}
	}
}

// TestLinkedDatabases: a link stays, and the file that it leads to is replaced.
func TestLinkedDatabases(t *testing.T) {
	root := stage(t, debian(), rootfstest.Dir("usr/lib", 0o755)).Root(rootfs.Actor{})
	for _, name := range []string{passwdFile, groupFile, shadowFile, gshadowFile, subuidFile, subgidFile} {
		base := strings.TrimPrefix(name, "etc/")
		must(t, root.Rename(name, "usr/lib/"+base))
		must(t, root.Put("usr/lib/"+base+"2", rootfs.Meta{Type: rootfs.Symlink, Target: "/usr/lib/" + base}, nil))
		must(t, root.Put(name, rootfs.Meta{Type: rootfs.Symlink, Target: "../usr/lib/" + base + "2"}, nil))
	}
	must(t, (Editor{Root: root, Day: 1}).AddUser(t.Context(), AddUser{Name: "a"}))
	for name, want := range map[string]string{"passwd": "a:x:1000:1000::/home/a:/bin/bash", "group": "a:x:1000:", "shadow": "a:!:1::99999::::",
		"gshadow": "a:!::", "subuid": "a:100000:65536", "subgid": "a:100000:65536"} {
		if got := read(t, root, "usr/lib/"+name); !strings.HasSuffix(got, want+"\n") {
			t.Errorf("%s: %q", name, got)
		}
		if m, err := root.Lstat("etc/" + name); err != nil || m.Type != rootfs.Symlink {
			t.Errorf("%s: %v %v", name, m, err)
		}
	}
	if m, err := root.Lstat("usr/lib/shadow"); err != nil || m.Mode != 0o640 || m.GID != shadowGroup {
		t.Errorf("shadow: %v %v", m, err)
	}
}

// TestInjection: nothing that is given can end up as more than one field of one line.
func TestInjection(t *testing.T) {
	for _, s := range []string{"a:b", "a\nb", "a\x00b", "x\r", "\x1b[0m", "a\nroot2::0:0::/:/bin/sh"} {
		root := withApp(t)
		before := tell(t, root)
		e := Editor{Root: root}
		for what, err := range map[string]error{
			"name":               e.AddUser(t.Context(), AddUser{Name: s}),
			"bad name":           e.AddUser(t.Context(), AddUser{Name: s, BadName: true}),
			"comment":            e.AddUser(t.Context(), AddUser{Name: "a", Comment: s}),
			"home":               e.AddUser(t.Context(), AddUser{Name: "a", Home: pointer("/" + s)}),
			"base":               e.AddUser(t.Context(), AddUser{Name: "a", Base: pointer("/" + s)}),
			"shell":              e.AddUser(t.Context(), AddUser{Name: "a", Shell: pointer("/" + s)}),
			"odd shell":          e.AddUser(t.Context(), AddUser{Name: "a", Shell: pointer("*" + s)}),
			"password":           e.AddUser(t.Context(), AddUser{Name: "a", Password: &s}),
			"new name":           e.ModifyUser(t.Context(), ModifyUser{Name: "app", NewName: &s}),
			"new bad name":       e.ModifyUser(t.Context(), ModifyUser{Name: "app", NewName: &s, BadName: true}),
			"new comment":        e.ModifyUser(t.Context(), ModifyUser{Name: "app", Comment: &s}),
			"new home":           e.ModifyUser(t.Context(), ModifyUser{Name: "app", Home: pointer("/" + s)}),
			"new shell":          e.ModifyUser(t.Context(), ModifyUser{Name: "app", Shell: pointer("/" + s)}),
			"new password":       e.ModifyUser(t.Context(), ModifyUser{Name: "app", Password: &s}),
			"group":              e.AddGroup(t.Context(), AddGroup{Name: s}),
			"member":             e.AddGroup(t.Context(), AddGroup{Name: "g", Members: []string{s}}),
			"group's password":   e.AddGroup(t.Context(), AddGroup{Name: "g", Password: &s}),
			"new group":          e.ModifyGroup(t.Context(), ModifyGroup{Name: "app", NewName: &s}),
			"new group's secret": e.ModifyGroup(t.Context(), ModifyGroup{Name: "app", Password: &s}),
			"new member":         e.ModifyGroup(t.Context(), ModifyGroup{Name: "app", Members: &[]string{s}}),
			"default":            e.Defaults(t.Context(), nil, AddUser{Shell: pointer("/" + s)}, map[string]string{"SHELL": "/" + s}),
		} {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Errorf("%q as %s: %v", s, what, err)
			}
			if err != nil && strings.Contains(what, "password") && strings.Contains(err.Error(), s) {
				t.Errorf("the password was told: %v", err)
			}
		}
		if diff := cmp.Diff(before, tell(t, root)); diff != "" {
			t.Errorf("%q: %s", s, diff)
		}
	}
}

// TestHostileHome has home directories, and skeletons of them, that lead elsewhere.
func TestHostileHome(t *testing.T) {
	link := rootfstest.Symlink
	for _, tt := range []struct {
		name  string
		files []rootfstest.Entry
		user  AddUser
		want  string // in the error; empty for none
		made  string
	}{
		{"link out of the root", []rootfstest.Entry{link("home/up", "../../../../.."), rootfstest.Dir("up", 0o755)},
			AddUser{Home: pointer("/home/up/up/a")}, "", "up/a"},
		{"up and out", nil, AddUser{Home: pointer("/../../../x")}, "", "x"},
		{"above a link", []rootfstest.Entry{link("l", "/home/sub"), rootfstest.Dir("home/sub", 0o755)}, AddUser{Home: pointer("/l/../b")}, "", "home/b"},
		{"through a file", []rootfstest.Entry{rootfstest.File("home/f", 0o644, "")}, AddUser{Home: pointer("/home/f/a")}, "cannot create directory /home/f/a", ""},
		{"dangling", []rootfstest.Entry{link("home/a", "/none")}, AddUser{}, "cannot create directory /home/a: /home/a is a symlink to /none, where nothing is", ""},
		{"dangling above", []rootfstest.Entry{link("srv", "none")}, AddUser{Home: pointer("/srv/a")}, "cannot create directory /srv/a: /srv is a symlink to none, where nothing is", ""},
		{"in a loop", []rootfstest.Entry{link("home/a", "a")}, AddUser{}, "cannot create directory /home/a", ""},
		{"skeleton is the root", nil, AddUser{Skel: pointer("/")}, "cannot copy / into itself", ""},
		{"skeleton is a file", nil, AddUser{Skel: pointer("/etc/group")}, "", "home/a"},
		{"skeleton is out of the root", nil, AddUser{Skel: pointer("/../../../etc/none")}, "", "home/a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := stage(t, debian(), tt.files...).Root(rootfs.Actor{})
			before := tell(t, root)
			tt.user.Name, tt.user.CreateHome = "a", pointer(true)
			err := (Editor{Root: root}).AddUser(t.Context(), tt.user)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if m, err := root.Lstat(tt.made); err != nil || m.Type != rootfs.Directory || m.UID != 1000 {
					t.Errorf("%v %v", m, err)
				}
				return
			}
			if e, ok := errors.AsType[*Error](err); !ok || e.Status != StatusHome || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if diff := cmp.Diff(before, tell(t, root)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestManyUsers edits a root of a million users. The databases are read whole, but are not kept more than once or twice.
func TestManyUsers(t *testing.T) {
	root := stage(t, large(1_000_000)).Root(rootfs.Actor{})
	e := Editor{Root: root, Day: 1}
	must(t, e.AddUser(t.Context(), AddUser{Name: "a", Groups: []string{"user999999"}}))
	must(t, e.DeleteUser(t.Context(), DeleteUser{Name: "user500000"}))
	users, err := ReadUsers(root)
	if err != nil || len(users) != 1_000_002 || users[len(users)-1].Name != "a" {
		t.Errorf("%d users, %v", len(users), err)
	}
	groups, err := ReadGroups(root)
	if err != nil || len(groups) != 1_000_004 {
		t.Errorf("%d groups, %v", len(groups), err)
	}
}
