package holo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// uses is a plugin whose entities are command lines, each of which is what it takes to apply it.
type uses struct {
	commands []string
	errs     map[string]error
	before   func()
}

func (u uses) Scan(context.Context, *Env) (list []Entity, err error) {
	for i := range u.commands {
		list = append(list, Entity{ID: fmt.Sprintf("use:%d", i)})
	}
	return list, nil
}

func (u uses) Apply(ctx context.Context, env *Env, id string, _ bool) (Outcome, error) {
	var i int
	if _, err := fmt.Sscanf(id, "use:%d", &i); err != nil {
		return Failed, err
	}
	if u.before != nil {
		u.before()
	}
	err := env.Run(ctx, Command{Argv: strings.Fields(u.commands[i])})
	u.errs[u.commands[i]] = err
	return Applied, err
}

func (uses) Diff(context.Context, *Env, string) (string, string, error) { return "", "", nil }

// toolWorld is a staging root of an image, and a host with stand-ins.
type toolWorld struct {
	stage *rootfs.Staging
	host  *Host
	calls []mock.Call
}

func newToolWorld(t *testing.T, u uses) *toolWorld {
	t.Helper()
	dir := t.TempDir()
	base, err := rootfs.ReadBase(t.Context(), []rootfs.Layer{rootfstest.Tar(t,
		rootfstest.Dir("etc", 0o755), rootfstest.Dir("home", 0o755), rootfstest.Dir("tmp", 0o777),
		rootfstest.Dir("usr/share/holo/uses", 0o755),
		rootfstest.File("etc/passwd", 0o644, "root:x:0:0::/root:/bin/sh\n"), rootfstest.File("etc/group", 0o644, "root:x:0:\n"),
		rootfstest.File("etc/shadow", 0o640, "root:*:::::::\n"), rootfstest.File("etc/login.defs", 0o644, "USERGROUPS_ENAB yes\n"))}, dir, rootfs.BaseOptions{})
	must(t, err)
	w := &toolWorld{stage: rootfs.Stage(base, rootfs.StageOptions{Dir: dir, Start: rootfstest.Epoch})}
	t.Cleanup(func() { must(t, w.stage.Close()) })
	cache, err := w.stage.Scratch("tmp/holo.0")
	must(t, err)
	res, err := ReadResources(t.Context(), w.stage.Root(rootfs.Actor{}), nil, rootfs.Limits{})
	must(t, err)
	must(t, res.Populate(t.Context(), w.stage.Root(rootfs.Actor{}), cache))
	w.host = NewHost(HostOptions{Stage: w.stage, CacheDir: cache, Resources: res, Now: func() time.Time { return rootfstest.Epoch },
		StandIns: &StandIns{Tools: &mock.Tools{Epoch: time.Unix(86400*20000, 0), Record: func(c mock.Call) { w.calls = append(w.calls, c) }}}})
	must(t, w.host.Load(t.Context(), []Spec{{ID: "uses", Plugin: u}}))
	return w
}

func (w *toolWorld) read(t *testing.T, name string) string {
	t.Helper()
	f, err := w.stage.Root(rootfs.Actor{}).Open(name)
	must(t, err)
	defer f.Close()
	content, err := io.ReadAll(f)
	must(t, err)
	return string(content)
}

// TestTools: what a plugin runs by a name is a stand-in, which works on the staging root as the entity does.
func TestTools(t *testing.T) {
	u := uses{commands: []string{"useradd -m -p secret app", "useradd app", "no-such-tool --password secret", "groupadd g", "/bin/true"}, errs: map[string]error{}}
	w := newToolWorld(t, u)
	scans, err := w.host.Scan(t.Context())
	must(t, err)
	var said string
	for _, e := range scans[0].Entities {
		r := w.host.Apply(t.Context(), e, false)
		said += string(r.Stdout) + string(r.Stderr)
	}
	if got, want := w.read(t, "etc/passwd"), "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/bash\n"; got != want {
		t.Errorf("passwd is %q", got)
	}
	if got, want := w.read(t, "etc/shadow"), "root:*:::::::\napp:secret:20000::::::\n"; got != want {
		t.Errorf("shadow is %q", got)
	}
	exit, ok := errors.AsType[*sandbox.ExitError](u.errs[u.commands[1]])
	if !ok || exit.Error() != "exit status 9" || u.errs[u.commands[0]] != nil {
		t.Errorf("errors are %v", u.errs)
	}
	if !strings.Contains(said, "useradd: user 'app' already exists\n") {
		t.Errorf("said %q", said)
	}
	if strings.Contains(said, "secret") {
		t.Errorf("a password was told: %q", said)
	}
	unknown, ok := errors.AsType[*mock.UnknownToolError](u.errs[u.commands[2]])
	if !ok || unknown.Tool != "no-such-tool" || !strings.Contains(unknown.Error(), "running no-such-tool: ") {
		t.Errorf("got %v", u.errs[u.commands[2]])
	}
	want := []mock.Call{
		{Argv: []string{"useradd", "-m", "-p", "REDACTED", "app"}, Plugin: "uses", Entity: "use:0", Outcome: mock.Realised},
		{Argv: []string{"useradd", "app"}, Plugin: "uses", Entity: "use:1", Outcome: mock.Refused, Exit: 9},
		{Argv: []string{"no-such-tool"}, Plugin: "uses", Entity: "use:2", Outcome: mock.Refused, Exit: 127},
		{Argv: []string{"groupadd", "g"}, Plugin: "uses", Entity: "use:3", Outcome: mock.Realised},
	}
	if diff := cmp.Diff(want, w.calls); diff != "" {
		t.Error(diff)
	}
}

// TestToolsAttribution: the journal has what a stand-in has changed as the entity's doing.
func TestToolsAttribution(t *testing.T) {
	u := uses{commands: []string{"useradd -m app", "groupadd g"}, errs: map[string]error{}}
	w := newToolWorld(t, u)
	scans, err := w.host.Scan(t.Context())
	must(t, err)
	for _, e := range scans[0].Entities {
		if r := w.host.Apply(t.Context(), e, false); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	changes, err := w.stage.Changes(rootfstest.Epoch)
	must(t, err)
	got := map[string]string{}
	for _, c := range changes {
		for _, by := range c.By {
			got[c.Path] += by.Entity + " "
		}
	}
	want := map[string]string{"etc/group": "use:0 use:1 ", "etc/passwd": "use:0 ", "etc/shadow": "use:0 ", "home/app": "use:0 "}
	for name, by := range want {
		if got[name] != by {
			t.Errorf("%s is ascribed to %q, want %q", name, got[name], by)
		}
	}
}

// TestToolsStop: a build that is interrupted is not changed any more.
func TestToolsStop(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	u := uses{commands: []string{"useradd -m app"}, errs: map[string]error{}, before: func() { stop(errors.New("enough")) }}
	w := newToolWorld(t, u)
	scans, err := w.host.Scan(t.Context())
	must(t, err)
	r := w.host.Apply(ctx, scans[0].Entities[0], false)
	if err := u.errs[u.commands[0]]; err == nil || err.Error() != "running useradd: enough" || r.Err == nil {
		t.Errorf("got %v, %v", err, r.Err)
	}
	if got := w.read(t, "etc/passwd"); strings.Contains(got, "app") {
		t.Errorf("passwd is %q", got)
	}
}
