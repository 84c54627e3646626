package sshkeys

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

func TestImage(t *testing.T) {
	i := newImage(t)
	i.resources["app/k.pub"] = "# mine\n" + keyA + " me@home\n\n" + keyB + "\n"
	_, scan, done := i.scan()
	if len(scan.Entities) != 1 {
		t.Fatalf("%+v", scan)
	}
	e := scan.Entities[0]
	if e.ID != "ssh-keyset:app/k" || !slices.Equal(e.Sources, []string{"$HOLO_ROOT_DIR/usr/share/holo/ssh-keys/app/k.pub"}) || len(e.Info) != 3 ||
		e.Info[0].Key != "found in" || e.Info[1] != (holo.InfoLine{Key: "key is", Value: "256 SHA256:HbH5nBBahkLQ14gS0Wh2+YMigJLcK1AmGgcO8Z+uzsQ me@home (ED25519)"}) {
		t.Errorf("%+v", e)
	}
	done()
	i.expect(false, "app/k: applied\n")
	if got, want := i.file(keys), "file 0600 1000:1001\n"+keyA+mark+keyB+mark; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := i.file(sshDir); got != "directory 0700 1000:1001\n" {
		t.Error(got)
	}
	if got := i.file(book); got != "file 0644 0:0\nssh-keyset:app/k\n" {
		t.Error(got)
	}
	if got := i.changes(); got != "add home/app/.ssh, add home/app/.ssh/authorized_keys" {
		t.Error(got)
	}
	i.expect(false, "app/k: not-changed\n")
	i.expect(true, "app/k: not-changed\n")

	// The definition changes: no force is needed, and the options stay with the key.
	i.resources["app/k.pub"] = keyB
	i.expect(false, "app/k: applied\n")
	if got, want := i.file(keys), "file 0600 1000:1001\n"+keyB+mark; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// The set is empty: nothing is left of it, not even in the book.
	i.resources["app/k.pub"] = "# nobody\n"
	i.expect(false, "app/k: applied\n")
	if got := i.file(keys) + i.file(book) + i.file("var/lib/holo/ssh-keys/written/app/k"); got != "file 0600 1000:1001\nnonenone" {
		t.Errorf("%q", got)
	}
	delete(i.resources, "app/k.pub")
	i.expect(false, "")
}

// TestKeysOfOthers: what is not the entity's stays as it is, to the byte, whatever it is.
func TestKeysOfOthers(t *testing.T) {
	others := "# comment\r\n\n" + keyA + "\n" + keyA + " holo=ssh-keyset:app/other\n\tnonsense  \nssh-new QQ== holo=ssh-keyset:app/k\n\xff\xfe\n" + keyB + " x"
	i := newImage(t, owned(rootfstest.Dir(sshDir, 0o700), 1000, 1001), owned(rootfstest.File(keys, 0o600, others), 1000, 1001))
	i.resources["app/k.pub"] = keyA + " me\n"
	i.expect(false, "app/k: applied\n")
	if got, want := i.file(keys), "file 0600 1000:1001\n"+others+"\n"+keyA+mark; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	i.expect(false, "app/k: not-changed\n")
	delete(i.resources, "app/k.pub")
	i.expect(false, "app/k: applied\n")
	if got, want := i.file(keys), "file 0600 1000:1001\n"+others+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestKeyTwice: a key that stands twice in a resource is added once (the reference adds two, and removes one later), and
// what somebody doubled is single again.
func TestKeyTwice(t *testing.T) {
	i := newImage(t)
	i.resources["app/k.pub"] = keyA + " a\n" + keyA + " b\n"
	i.expect(false, "app/k: applied\n")
	if got, want := i.file(keys), "file 0600 1000:1001\n"+keyA+mark; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	i.expect(false, "app/k: not-changed\n")
	i.put(keys, keyA+mark+keyA+mark)
	i.expect(false, "app/k: applied\n")
	if got, want := i.file(keys), "file 0600 1000:1001\n"+keyA+mark; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestForce: a key that was taken out comes back unasked, as in the reference; a line that somebody edited is only
// overwritten by force.
func TestForce(t *testing.T) {
	i := newImage(t)
	i.resources["app/k.pub"] = keyA + " me\n"
	i.expect(false, "app/k: applied\n")
	i.put(keys, "# empty\n")
	i.expect(false, "app/k: applied\n")
	if got, want := i.file(keys), "file 0600 1000:1001\n# empty\n"+keyA+mark; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	edited := `from="10.1.1.1" ` + keyA + mark
	i.put(keys, edited)
	refused := i.apply(false)
	if want := "app/k: needs-force-overwrite\n"; !strings.HasPrefix(refused, want) || !strings.Contains(refused, "\n+from=") {
		t.Errorf("%q", refused)
	}
	if got := i.file(keys); got != "file 0600 1000:1001\n"+edited {
		t.Errorf("%q", got)
	}
	delete(i.resources, "app/k.pub") // nor is it thrown away with the resource
	if got := i.apply(false); !strings.HasPrefix(got, "app/k: needs-force-overwrite\n") {
		t.Errorf("%q", got)
	}
	i.resources["app/k.pub"] = keyA + " me\n"
	i.expect(true, "app/k: applied\n")
	if got, want := i.file(keys), "file 0600 1000:1001\n"+keyA+mark; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestOwnersAndModes: what sshd insists on is mended, but the home directory is left as it is; 8.12.
func TestOwnersAndModes(t *testing.T) {
	i := newImage(t, rootfstest.Dir(sshDir, 0o777), rootfstest.File(keys, 0o664, keyA+mark), owned(rootfstest.Dir("home/other", 0o775), 7, 7))
	i.resources["app/k.pub"] = keyA + " me\n"
	i.expect(false, "app/k: applied\n")
	if got := i.file(keys) + i.file(sshDir); got != "file 0600 1000:1001\n"+keyA+mark+"directory 0700 1000:1001\n" {
		t.Errorf("%q", got)
	}
	i.expect(false, "app/k: not-changed\n")
	i.resources = map[string]string{"other/k.pub": keyA}
	got := i.apply(false)
	want := ">> sshd will not accept these keys, unless its StrictModes are off: $HOLO_ROOT_DIR/home/other may be written to by others than its owner (mode 0775)\n"
	if !strings.Contains(got, "other/k: applied\n"+want) {
		t.Error(got)
	}
	if got := i.file("home/other"); got != "directory 0775 7:7\n" {
		t.Error(got)
	}
}

// TestBadUsers: what is wrong with a user is one line, and nothing is written.
func TestBadUsers(t *testing.T) {
	i := newImage(t, rootfstest.File("home/file", 0o644, ""), rootfstest.File("etc/passwd", 0o644,
		"nohome:x:1:1::/nohome:/\nempty:x:2:2:::/\nrelative:x:3:3::home/app:/\nfile:x:4:4::/home/file:/\ndots:x:5:5::/home/../home/app:/\n+nis\nbroken:x:6\n"))
	for user, want := range map[string]string{
		"nobody": "user nobody is not in $HOLO_ROOT_DIR/etc/passwd", "broken": "user broken is not in $HOLO_ROOT_DIR/etc/passwd",
		"nohome":   "$HOLO_ROOT_DIR/nohome, the home directory of user nohome, does not exist",
		"empty":    `the home directory of user empty in $HOLO_ROOT_DIR/etc/passwd is "", which is no absolute path`,
		"relative": `the home directory of user relative in $HOLO_ROOT_DIR/etc/passwd is "home/app", which is no absolute path`,
		"file":     "$HOLO_ROOT_DIR/home/file, the home directory of user file, is a file",
		"dots":     `finding the home directory of user dots: unacceptable name "/home/../home/app"`,
	} {
		i.resources = map[string]string{user + "/k.pub": keyA}
		got := i.apply(false)
		if !strings.HasPrefix(got, user+"/k: failed\n!! ") || !strings.Contains(got, want) || strings.Count(got, "\n") != 2 {
			t.Errorf("%s: %s", user, got)
		}
	}
	if got := i.changes(); got != "" {
		t.Error(got)
	}
	if got := i.file(book); got != "none" {
		t.Error(got)
	}
}

// TestUserGone: what was provisioned for a user who is gone is forgotten, in place of failing for ever.
func TestUserGone(t *testing.T) {
	i := newImage(t)
	i.resources["app/k.pub"] = keyA
	i.expect(false, "app/k: applied\n")
	i.put("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
	delete(i.resources, "app/k.pub")
	i.expect(false, "app/k: applied\n>> nothing to take keys out of: user app is not in $HOLO_ROOT_DIR/etc/passwd\n")
	i.expect(false, "")
}

// TestLinks: symlinks are followed inside the root, to what is the user's.
func TestLinks(t *testing.T) {
	root := owned(rootfstest.Dir("root", 0o700), 0, 0)
	dir := rootfstest.Dir(sshDir, 0o700)
	for _, c := range []struct {
		name string
		tree []rootfstest.Entry
		// where the keys go, or what the error says.
		want, err string
	}{
		{name: "home", want: "data/home/.ssh/authorized_keys", tree: []rootfstest.Entry{rootfstest.File("etc/passwd", 0o644, "app:x:1000:1001::/srv/app:/\n"),
			rootfstest.Dir("data", 0o755), rootfstest.Dir("srv", 0o755), owned(rootfstest.Dir("data/home", 0o755), 1000, 1001), rootfstest.Symlink("srv/app", "/data/home")}},
		{name: ".ssh", want: "data/authorized_keys", tree: []rootfstest.Entry{owned(rootfstest.Dir("data", 0o700), 1000, 1001), rootfstest.Symlink(sshDir, "/data")}},
		{name: "out of the root", want: "data/authorized_keys", tree: []rootfstest.Entry{owned(rootfstest.Dir("data", 0o700), 1000, 1001),
			rootfstest.Symlink(sshDir, "../../../../../../../data")}},
		{name: "file", want: "home/app/keys", tree: []rootfstest.Entry{dir, rootfstest.Symlink(keys, "../keys"), owned(rootfstest.File("home/app/keys", 0o600, ""), 1000, 1001)}},
		{name: ".ssh of root", err: keysDir("which leads to $HOLO_ROOT_DIR/root: it belongs to 0, and not to the user, who is 1000"),
			tree: []rootfstest.Entry{root, rootfstest.Symlink(sshDir, "/root")}},
		{name: "keys of root", err: "authorized_keys, which leads to $HOLO_ROOT_DIR/root/authorized_keys: it belongs to 0, and not to the user, who is 1000",
			tree: []rootfstest.Entry{root, dir, rootfstest.File("root/authorized_keys", 0o600, ""), rootfstest.Symlink(keys, "/root/authorized_keys")}},
		{name: "dangling", err: keysDir("which leads to $HOLO_ROOT_DIR/nowhere: a symlink to nothing"), tree: []rootfstest.Entry{rootfstest.Symlink(sshDir, "/nowhere")}},
		{name: "dangling file", err: "!! $HOLO_ROOT_DIR/" + keys + ", which leads to /no/where: a symlink to nothing\n",
			tree: []rootfstest.Entry{dir, rootfstest.Symlink(keys, "/no/where")}},
		{name: "loop", err: "too many levels of symbolic links", tree: []rootfstest.Entry{rootfstest.Symlink(sshDir, ".ssh")}},
		{name: "FIFO", err: "authorized_keys: a fifo, where a file should be", tree: []rootfstest.Entry{dir, fifo(keys)}},
		{name: "directory", err: "authorized_keys: a directory, where a file should be", tree: []rootfstest.Entry{dir, rootfstest.Dir(keys, 0o700)}},
		{name: "file as .ssh", err: ".ssh: a file, where a directory should be", tree: []rootfstest.Entry{rootfstest.File(sshDir, 0o644, "")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := newImage(t, c.tree...)
			i.resources["app/k.pub"] = keyA
			got := i.apply(false)
			if c.err != "" {
				if !strings.HasPrefix(got, "app/k: failed\n!! ") || !strings.Contains(got, c.err) || i.changes() != "" || i.file(book) != "none" {
					t.Errorf("%s%s", got, i.changes())
				}
				return
			}
			if got != "app/k: applied\n" || i.file(c.want) != "file 0600 1000:1001\n"+keyA+mark {
				t.Errorf("%s%s%s", got, i.changes(), i.file(c.want))
			}
			i.expect(false, "app/k: not-changed\n")
		})
	}
}

func keysDir(s string) string { return "$HOLO_ROOT_DIR/home/app/.ssh, " + s }

func fifo(name string) rootfstest.Entry {
	e := rootfstest.File(name, 0o644, "")
	e.Typeflag = '6'
	return e
}

// TestResources: what is no resource is passed over with a notice; what is a wrong one fails, and the others go on.
func TestResources(t *testing.T) {
	i := newImage(t)
	i.resources = map[string]string{
		"app/good.pub": keyA, "app/bad.pub": "# c\n" + keyA + "\nssh-foo AAAA x\n", "app/README": "", "top.pub": keyA, "app/sub/x.pub": keyA,
		"app/.pub": keyA, "Bad.User/k.pub": keyA,
	}
	const vres = "$HOLO_RESOURCE_DIR"
	want := map[string]bool{
		"!! failure occurred while processing " + vres + "/app/bad.pub, line 3: key invalid (unknown key type): 'ssh-foo AAAA x'": true,
		"!! unacceptable source file path: '" + vres + "/app/.pub'":                                                               true,
		"!! unacceptable source file path: '" + vres + "/Bad.User/k.pub'":                                                         true,
		">> " + vres + ": app/README is no file that is named *.pub, and ignored":                                                 true,
		">> " + vres + ": app/sub is no file that is named *.pub, and ignored":                                                    true,
		">> " + vres + ": top.pub is no user's directory, and ignored":                                                            true,
		"app/good: applied": true,
	}
	got := make(map[string]bool)
	for _, l := range lines(i.apply(false)) {
		got[l] = true
	}
	if !maps.Equal(got, want) {
		t.Errorf("%q", slices.Sorted(maps.Keys(got)))
	}
	if got := i.changes(); got != "add home/app/.ssh, add home/app/.ssh/authorized_keys" {
		t.Error(got)
	}
}

// TestBooks: of a list that somebody else has written, what is no ID is kept and not reported; what is no list is an error.
func TestBooks(t *testing.T) {
	i := newImage(t, rootfstest.Dir("var/lib/holo/ssh-keys", 0o755), rootfstest.File(book, 0o644, "\nssh-keyset:app/../../x\nfile:/x\n\nssh-keyset:app/gone\n"))
	i.expect(false, "app/gone: not-changed\n")
	if got := i.file(book); got != "file 0644 0:0\nssh-keyset:app/../../x\nfile:/x\n" {
		t.Errorf("%q", got)
	}
	i = newImage(t, rootfstest.Dir("var/lib/holo/ssh-keys", 0o755), rootfstest.Symlink(book, "/etc/passwd"))
	h := holo.NewHost(holo.HostOptions{Stage: i.stage, CacheDir: "tmp/holo.9"})
	_, err := i.stage.Scratch("tmp/holo.9/generated-resources/ssh-keys")
	check(t, err)
	check(t, h.Load(t.Context(), []holo.Spec{{ID: "ssh-keys", Plugin: Plugin{}}}))
	scans, err := h.Scan(t.Context())
	if err != nil || !scans[0].Complained || !strings.Contains(string(scans[0].Stderr), "a symlink, where a file should be") {
		t.Errorf("%+v %v", scans, err)
	}
}

// TestImageDiff: only what drifted differs.
func TestImageDiff(t *testing.T) {
	i := newImage(t)
	i.resources["app/k.pub"] = "# mine\n\n" + keyB + " b\n" + keyA + " a" // no line end
	i.expect(false, "app/k: applied\n")
	diff := func() string {
		h, scan, done := i.scan()
		defer done()
		d, err := h.Diff(t.Context(), scan.Entities[0])
		check(t, err)
		return string(d)
	}
	if got := diff(); got != "" {
		t.Error(got)
	}
	i.put(keys, keyB+mark)
	if got := diff(); !strings.Contains(got, "\n-"+keyA+" a\n") || strings.Contains(got, "\n+") && !strings.Contains(got, "\n+++ ") || strings.Contains(got, "-# mine") {
		t.Error(got)
	}
	delete(i.resources, "app/k.pub")
	if got := diff(); !strings.Contains(got, "--- /dev/null\n") || !strings.Contains(got, "\n+"+keyB+mark) {
		t.Error(got)
	}
}
