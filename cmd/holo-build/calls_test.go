package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// addsUser is a plugin with one entity, for which it runs useradd, and before that, in its scan, a tool that there is not.
type addsUser struct{ name string }

func (a addsUser) Scan(ctx context.Context, env *holo.Env) ([]holo.Entity, error) {
	if err := env.Run(ctx, holo.Command{Argv: []string{"getent", "passwd"}}); err == nil {
		return nil, io.ErrUnexpectedEOF
	}
	return []holo.Entity{{ID: "user:" + a.name}}, nil
}

func (a addsUser) Apply(ctx context.Context, env *holo.Env, _ string, _ bool) (holo.Outcome, error) {
	return holo.Applied, env.Run(ctx, holo.Command{Argv: []string{"useradd", "-p", "secret", a.name}})
}

func (addsUser) Diff(context.Context, *holo.Env, string) (string, string, error) { return "", "", nil }

// TestCallsOfBuild runs plugins with the host of a build: what they use stand-ins for is dated with the build's epoch, and
// gets into the log, in the same order each time.
func TestCallsOfBuild(t *testing.T) {
	var first string
	for range 5 {
		work, err := rootfs.NewWorkDir(t.TempDir())
		fatal(t, err)
		base, err := rootfs.ReadBase(t.Context(), []rootfs.Layer{rootfstest.Tar(t, rootfstest.Dir("etc", 0o755), rootfstest.Dir("tmp", 0o777),
			rootfstest.File("etc/shadow", 0o640, ""), rootfstest.Dir("usr/share/holo/a", 0o755), rootfstest.Dir("usr/share/holo/b", 0o755))},
			work.Path, rootfs.BaseOptions{})
		fatal(t, err)
		stage := rootfs.Stage(base, rootfs.StageOptions{Dir: work.Path, Start: rootfstest.Epoch})
		b := &build{work: work, epoch: time.Unix(86400*20000, 0)}
		b.o.sandbox = sandboxFlags{mode: sandboxNone, network: networkNone}
		b.process = process{stderr: io.Discard, now: func() time.Time { return rootfstest.Epoch }}
		b.ui, err = newUI(b.process, "none", true)
		fatal(t, err)
		res, err := holo.ReadResources(t.Context(), stage.Root(byBuild), nil, b.limits.Limits)
		fatal(t, err)
		ready, err := b.newPrepared(t.Context(), res)
		fatal(t, err)
		ready.cache, err = makeCache(stage, "tmp")
		fatal(t, err)
		fatal(t, ready.resources.Populate(t.Context(), stage.Root(byBuild), ready.cache))
		ready.host = b.newHost(stage, ready)
		done := provisioned{calls: ready.calls}
		entities, err := b.scanPlugins(t.Context(), ready.host, []holo.Spec{{ID: "a", Plugin: addsUser{"x"}}, {ID: "b", Plugin: addsUser{"y"}}}, &done)
		fatal(t, err)
		fatal(t, b.applyEntities(t.Context(), ready, entities, &done))
		fatal(t, done.failure())
		log, err := portableLog(assembleLog(buildRecord{Type: "build"}, done, nil, nil))
		fatal(t, err)
		if first == "" {
			first = string(log)
		}
		if diff := cmp.Diff(first, string(log)); diff != "" {
			t.Fatalf("another log: %s", diff)
		}
		f, err := stage.Root(byBuild).Open("etc/shadow")
		fatal(t, err)
		shadow, err := io.ReadAll(f)
		fatal(t, err)
		if want := "x:secret:20000::::::\ny:secret:20000::::::\n"; string(shadow) != want {
			t.Errorf("shadow is %q", shadow)
		}
		fatal(t, stage.Close())
		fatal(t, work.Close())
	}
	const want = `{"type":"call","tool":"getent","argv":["getent"],"plugin":"a","outcome":"refused","exit":127}
{"type":"call","tool":"useradd","argv":["useradd","-p","REDACTED","x"],"plugin":"a","entity":"user:x","outcome":"realised"}
{"type":"call","tool":"getent","argv":["getent"],"plugin":"b","outcome":"refused","exit":127}
{"type":"call","tool":"useradd","argv":["useradd","-p","REDACTED","y"],"plugin":"b","entity":"user:y","outcome":"realised"}
`
	var got bytes.Buffer
	for line := range strings.Lines(first) {
		if strings.HasPrefix(line, `{"type":"call"`) {
			got.WriteString(line)
		}
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
