package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/rootfs"
)

// TestApplyLogDocumented holds the records against docs/apply-log.md: each member is there, and marked as one of the
// layer exactly if the portable form has it.
func TestApplyLogDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/apply-log.md")
	if err != nil {
		t.Fatal(err)
	}
	whole, layer := documentedMembers(t, string(doc))
	for kind, r := range map[string]record{"build": filled[buildRecord](), "plugin": filled[pluginRecord](),
		"entity": filled[entityRecord](), "call": filled[callRecord](), "setting": filled[settingRecord](),
		"change": filled[changeRecord](), "result": filled[resultRecord]()} {
		if diff := cmp.Diff(whole[kind], members(t, r)); diff != "" {
			t.Errorf("members of %s (-documented +written):\n%s", kind, diff)
		}
		if diff := cmp.Diff(layer[kind], members(t, r.portable())); diff != "" {
			t.Errorf("members of %s in the layer (-documented +written):\n%s", kind, diff)
		}
	}
}

// documentedMembers reads the table of records: the members of each type, and those of them that the layer has.
func documentedMembers(t *testing.T, doc string) (whole, layer map[string][]string) {
	t.Helper()
	whole, layer = map[string][]string{}, map[string][]string{}
	kind := ""
	for line := range strings.Lines(doc) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || !strings.Contains(cells[2], "`") {
			continue
		}
		if name := strings.Trim(cells[1], " `"); name != "" {
			kind = name
		}
		for _, m := range strings.Split(cells[2], ",") {
			m = strings.Trim(m, " `")
			whole[kind] = append(whole[kind], m)
			if strings.TrimSpace(cells[3]) == "x" {
				layer[kind] = append(layer[kind], m)
			}
		}
	}
	if len(whole) != 7 {
		t.Fatalf("the document has the types %v", slices.Sorted(maps.Keys(whole)))
	}
	for _, m := range []map[string][]string{whole, layer} {
		for _, list := range m {
			slices.Sort(list)
		}
	}
	return whole, layer
}

// members lists the members of a record, those of its base by their full names, without its type.
func members(t *testing.T, r record) (names []string) {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	for name, value := range m {
		switch base, ok := value.(map[string]any); {
		case name == "type":
		case name == "base" && ok:
			for inner := range base {
				names = append(names, "base."+inner)
			}
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// filled returns a value in which nothing is empty.
func filled[R any]() (r R) {
	fill(reflect.ValueOf(&r).Elem())
	return r
}

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint32:
		v.SetUint(1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	default:
		panic("fill: " + v.Kind().String())
	}
}

// TestAssembleLog checks what scripts can't bring about as a plain user: devices, attributes, the root itself, hard
// links; and paths that nobody claims.
func TestAssembleLog(t *testing.T) {
	one := rootfs.Actor{Kind: "entity", Plugin: "p", Entity: "p:1"}
	two := rootfs.Actor{Kind: "entity", Plugin: "q", Entity: "p:1"} // another plugin's entity of the same ID
	changes := []rootfs.Change{
		{Path: ".", Kind: rootfs.Modified, Before: rootfs.Meta{Type: rootfs.Directory, Mode: 0o755},
			After: rootfs.Meta{Type: rootfs.Directory, Mode: 0o1777}, By: []rootfs.Actor{one, two, one}},
		{Path: "dev/null", Kind: rootfs.Added, After: rootfs.Meta{Type: rootfs.CharDevice, Mode: 0o666, Major: 1, Minor: 3},
			By: []rootfs.Actor{two}},
		{Path: "etc/a", Kind: rootfs.Added, LinkTo: "etc/b", After: rootfs.Meta{Type: rootfs.Regular, Mode: 0o4755, UID: 7, GID: 8,
			Xattrs: map[string]string{"user.x": "\x00\xff"}}},
		{Path: applyLogPath, Kind: rootfs.Added, After: rootfs.Meta{Type: rootfs.Regular}, By: []rootfs.Actor{one}},
		{Path: "var/lib/holo/x", Kind: rootfs.Deleted, Before: rootfs.Meta{Type: rootfs.Symlink, Mode: 0o777, Target: "/t<>"}},
	}
	var calls ledger
	for _, c := range []mock.Call{ // q was faster
		{Argv: []string{"systemctl", "restart", "a b"}, Plugin: "q", Outcome: mock.Deferred},
		{Argv: []string{"useradd", "-p", mock.Redacted, "x"}, Plugin: "p", Entity: "p:1", Outcome: mock.Realised},
		{Argv: []string{"reboot"}, Plugin: "q", Entity: "q:1", Outcome: mock.Refused, Exit: 127},
	} {
		calls.record(c)
	}
	done := provisioned{
		plugins:  []pluginRecord{{Type: "plugin", ID: "p"}, {Type: "plugin", ID: "q"}},
		calls:    &calls,
		entities: []entityRecord{{Type: "entity", ID: "p:1", Plugin: "p", Outcome: holo.Applied}},
	}
	class := func(path string) string { return map[string]string{"var/lib/holo/x": "state"}[path] }
	var got bytes.Buffer
	if err := writeLog(&got, assembleLog(buildRecord{Type: "build"}, done, changes, class)); err != nil {
		t.Fatal(err)
	}
	const empty = `"sha256:0000000000000000000000000000000000000000000000000000000000000000"`
	want := `{"type":"build","base":{},"epoch":"","flags":{}}
{"type":"plugin","id":"p"}
{"type":"plugin","id":"q"}
{"type":"entity","id":"p:1","plugin":"p","outcome":"applied","changes":["/"]}
{"type":"call","tool":"useradd","argv":["useradd","-p","REDACTED","x"],"plugin":"p","entity":"p:1","outcome":"realised"}
{"type":"call","tool":"systemctl","argv":["systemctl","restart","a b"],"plugin":"q","outcome":"deferred"}
{"type":"call","tool":"reboot","argv":["reboot"],"plugin":"q","entity":"q:1","outcome":"refused","exit":127}
{"type":"change","path":"/","kind":"modify","before":{"type":"directory","mode":"0755","uid":0,"gid":0},"after":{"type":"directory","mode":"1777","uid":0,"gid":0},"by":[{"kind":"entity","plugin":"p","entity":"p:1"},{"kind":"entity","plugin":"q","entity":"p:1"},{"kind":"entity","plugin":"p","entity":"p:1"}]}
{"type":"change","path":"/dev/null","kind":"add","after":{"type":"char-device","mode":"0666","uid":0,"gid":0,"device":"1:3"},"by":[{"kind":"entity","plugin":"q","entity":"p:1"}]}
{"type":"change","path":"/etc/a","kind":"add","after":{"type":"file","mode":"4755","uid":7,"gid":8,"size":0,"digest":` + empty + `,"xattrs":{"user.x":"00ff"}},"linkTo":"/etc/b"}
{"type":"change","path":"/var/lib/holo/x","kind":"delete","class":"state","before":{"type":"symlink","mode":"0777","uid":0,"gid":0,"target":"/t<>"}}
{"type":"result","entities":{"applied":1},"changes":{"add":2,"delete":1,"modify":1},"calls":{"deferred":1,"realised":1,"refused":1},"deferred":["systemctl restart \"a b\""],"unattributed":["/etc/a"],"conflicts":[{"path":"/","by":[{"kind":"entity","plugin":"p","entity":"p:1"},{"kind":"entity","plugin":"q","entity":"p:1"}]}]}
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestLogTextCalls prints what stand-ins were used for, as a person reads it.
func TestLogTextCalls(t *testing.T) {
	var calls ledger
	calls.record(mock.Call{Argv: []string{"useradd", "-c", "A \x1b[31mB", "x"}, Plugin: "p", Entity: "user:x", Outcome: mock.Realised})
	calls.record(mock.Call{Argv: []string{"groupdel", ""}, Plugin: "p", Outcome: mock.Refused, Exit: 6})
	log, err := portableLog(assembleLog(buildRecord{Type: "build"}, provisioned{calls: &calls}, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := printLog(&got, "Layer", log); err != nil {
		t.Fatal(err)
	}
	want := `
Uses of stand-ins for the system's tools, each with whoever used it
  realised    useradd -c "A \x1b[31mB" x  (user:x)
  refused     groupdel ""  (p, exit status 6)
`
	if !strings.HasSuffix(got.String(), want) {
		t.Errorf("got:\n%s\nwant:\n%s", got.String(), want)
	}
}

// TestSameImage checks what counts as a change, and what are only Holo's books.
func TestSameImage(t *testing.T) {
	dir := rootfs.Meta{Type: rootfs.Directory}
	class := func(path string) string {
		if strings.HasPrefix(path, stateDir) || strings.HasPrefix(path, applyLogDir) {
			return "state"
		}
		return ""
	}
	for _, c := range []struct {
		name    string
		changes []rootfs.Change
		want    bool
	}{
		{"nothing", nil, true},
		{"the state and what leads to it", []rootfs.Change{{Path: "var", Kind: rootfs.Added, After: dir},
			{Path: "var/lib", Kind: rootfs.Added, After: dir}, {Path: "var/lib/holo/x", Kind: rootfs.Modified}}, true},
		{"another mode of var", []rootfs.Change{{Path: "var", Kind: rootfs.Modified, After: dir}}, false},
		{"a file for var", []rootfs.Change{{Path: "var", Kind: rootfs.Added, After: rootfs.Meta{Type: rootfs.Regular}}}, false},
		{"a file", []rootfs.Change{{Path: "var/lib/holo/x", Kind: rootfs.Added}, {Path: "etc/x", Kind: rootfs.Added}}, false},
		{"a removed file", []rootfs.Change{{Path: "etc/x", Kind: rootfs.Deleted}}, false},
	} {
		if got := sameImage(c.changes, class); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
