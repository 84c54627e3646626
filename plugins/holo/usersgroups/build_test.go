package usersgroups

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// image is a root file system that is provisioned as by holo-build, with stand-ins for the account tools.
type image struct {
	t     *testing.T
	stage *rootfs.Staging
	runs  int
	calls []string
}

const (
	basePasswd = "root:x:0:0:root:/root:/bin/sh\nwww:x:33:33:www:/var/www:/usr/sbin/nologin\n"
	baseGroup  = "root:x:0:\nwww:x:33:\nvideo:x:44:\naudio:x:29:www\n"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newImage makes an image with the accounts of basePasswd and baseGroup, or those that more has.
func newImage(t *testing.T, more ...rootfstest.Entry) *image {
	t.Helper()
	list := append([]rootfstest.Entry{
		rootfstest.Dir("etc", 0o755), rootfstest.Dir("home", 0o755), rootfstest.Dir("tmp", 0o777),
		rootfstest.File("etc/passwd", 0o644, basePasswd), rootfstest.File("etc/group", 0o644, baseGroup),
		rootfstest.File("etc/login.defs", 0o644, "USERGROUPS_ENAB yes\nCREATE_HOME no\nUID_MIN 1000\nUID_MAX 60000\nGID_MIN 1000\nGID_MAX 60000\n"),
	}, more...)
	dir := t.TempDir()
	base, err := rootfs.ReadBase(t.Context(), []rootfs.Layer{rootfstest.Tar(t, list...)}, dir, rootfs.BaseOptions{})
	check(t, err)
	i := &image{t: t, stage: rootfs.Stage(base, rootfs.StageOptions{Dir: dir, Start: rootfstest.Epoch})}
	t.Cleanup(func() { check(t, i.stage.Close()) })
	return i
}

func (i *image) root() rootfs.Root { return i.stage.Root(rootfs.Actor{}) }

func (i *image) record(c mock.Call) {
	text := strings.Join(c.Argv, " ")
	if c.Exit != 0 {
		text += fmt.Sprintf(" = %d", c.Exit)
	}
	i.calls = append(i.calls, text)
}

// host begins a build with definitions, which are one file, or several in the form of a txtar archive.
func (i *image) host(definitions string) (h *holo.Host, scan holo.PluginScan, done func()) {
	i.t.Helper()
	dir := i.t.TempDir()
	at := filepath.Join(dir, "users-groups")
	check(i.t, os.Mkdir(at, 0o755))
	for name, text := range files(definitions) {
		check(i.t, os.WriteFile(filepath.Join(at, name), []byte(text), 0o644))
	}
	i.runs++
	cache, err := i.stage.Scratch(fmt.Sprintf("tmp/holo.%d", i.runs))
	check(i.t, err)
	res, err := holo.ReadResources(i.t.Context(), i.root(), []string{dir}, rootfs.Limits{})
	check(i.t, err)
	check(i.t, res.Populate(i.t.Context(), i.root(), cache, "users-groups"))
	h = holo.NewHost(holo.HostOptions{Stage: i.stage, CacheDir: cache, Resources: res, Now: func() time.Time { return rootfstest.Epoch },
		StandIns: &holo.StandIns{Tools: &mock.Tools{Record: i.record}}})
	check(i.t, h.Load(i.t.Context(), []holo.Spec{{ID: "users-groups", Plugin: Plugin{}}}))
	scans, err := h.Scan(i.t.Context())
	check(i.t, err)
	check(i.t, scans[0].Err)
	return h, scans[0], func() { check(i.t, i.stage.Discard(cache)) }
}

// apply provisions all entities, and returns what came of each, with what the plugin said and the tools that were used.
func (i *image) apply(definitions string, force bool) string {
	i.t.Helper()
	h, scan, done := i.host(definitions)
	defer done()
	out := string(scan.Stderr)
	for _, e := range scan.Entities {
		i.calls = nil
		r := h.Apply(i.t.Context(), e, force)
		out += e.ID + ": " + string(r.Outcome) + "\n" + string(r.Stdout) + string(r.Stderr) + string(r.Diff)
		for _, c := range i.calls {
			out += "  " + c + "\n"
		}
	}
	return out
}

// expect applies, and compares with what apply is to return.
func (i *image) expect(definitions, want string) {
	i.t.Helper()
	if d := cmp.Diff(want, i.apply(definitions, false)); d != "" {
		i.t.Error(d)
	}
}

// file reads a file; a missing one is "none".
func (i *image) file(name string) string {
	i.t.Helper()
	f, err := i.root().Open(name)
	if err != nil {
		return "none"
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	check(i.t, err)
	return string(b)
}

// accounts is what is in the databases besides what the image came with.
func (i *image) accounts() string {
	i.t.Helper()
	var out string
	for _, f := range []struct{ name, base string }{{"etc/group", baseGroup}, {"etc/passwd", basePasswd}} {
		for line := range strings.Lines(i.file(f.name)) {
			if !strings.Contains(f.base, line) {
				out += line
			}
		}
	}
	return out
}

func (i *image) expectAccounts(want string) {
	i.t.Helper()
	if d := cmp.Diff(want, i.accounts()); d != "" {
		i.t.Error(d)
	}
}

// edit changes a file as somebody else.
func (i *image) edit(name, from, to string) {
	i.t.Helper()
	text := i.file(name)
	if !strings.Contains(text, from) {
		i.t.Fatalf("%s has no %q: %q", name, from, text)
	}
	text = strings.Replace(text, from, to, 1)
	check(i.t, i.root().Put(name, rootfs.Meta{Mode: 0o644, Size: int64(len(text))}, strings.NewReader(text)))
}

const app = `
[[group]]
name = "app"
[[user]]
name = "app"
comment = "The app"
home = "/srv/app"
group = "app"
groups = ["video", "audio"]
shell = "/bin/sh"
`

// TestBuild makes accounts in an image, and takes them away again.
func TestBuild(t *testing.T) {
	i := newImage(t)
	i.expect(app, "group:app: applied\n  groupadd app\n"+
		"user:app: applied\nuseradd: Warning: missing or non-executable shell '/bin/sh'\n"+
		"  useradd --comment The app --home-dir /srv/app --gid app --groups audio,video --shell /bin/sh app\n")
	const is = "video:x:44:app\naudio:x:29:www,app\napp:x:1000:\napp:!:1000:1000:The app:/srv/app:/bin/sh\n"
	i.expectAccounts(is)
	const image = "[[user]]\nname = \"app\"\ncomment = \"The app\"\nuid = 1000\nhome = \"/srv/app\"\ngroup = \"app\"\ngroups = [\"audio\", \"video\"]\nshell = \"/bin/sh\"\n"
	if got := i.file("var/lib/holo/users-groups/provisioned/user:app.toml"); got != image {
		t.Errorf("provisioned image %q", got)
	}
	if got, want := i.file("var/lib/holo/users-groups/base/user:app.toml"), "[[user]]\nname = \"app\"\n"; got != want {
		t.Errorf("base image %q", got)
	}
	i.expect(app, "group:app: not-changed\nuser:app: not-changed\n")
	i.expectAccounts(is)
	i.expect("", "group:app: applied\n  userdel app\nuser:app: applied\n")
	i.expectAccounts("")
	if got := i.file("etc/passwd"); got != basePasswd {
		t.Errorf("passwd %q", got)
	}
	i.expect("", "")
}

// files splits a txtar archive; without a name in it, it is the file 10.toml.
func files(definitions string) map[string]string {
	a := txtar.Parse([]byte(definitions))
	out := map[string]string{}
	if len(a.Comment) > 0 {
		out["10.toml"] = string(a.Comment)
	}
	for _, f := range a.Files {
		out[f.Name] = string(f.Data)
	}
	return out
}
