package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
)

// TestClassifier says of paths what kind they are.
func TestClassifier(t *testing.T) {
	stage := rootfs.Stage(emptyBase(t), rootfs.StageOptions{Dir: t.TempDir()})
	defer stage.Close()
	class := classifier(stage.Root(byBuild), []pluginRecord{{ID: "files"}})
	for path, want := range map[string]string{
		"var/lib/holo/files/base": "state", "var/lib/holo-build/apply-log.jsonl": "state", "run/holo.pid": "state",
		"etc/.pwd.lock": "lock", "run/lock/x": "lock", "var/lib/dpkg/lock-frontend": "lock",
		"var/cache": "cache", "var/cache/apt/pkgcache.bin": "cache", "etc/ld.so.cache": "cache",
		"var/log/dpkg.log": "log",
		"etc/passwd":       "", "var/logs": "", "var/lib/holo-x": "", "etc/.pwd.locks": "", "var": "",
	} {
		if got := class(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func emptyBase(t *testing.T) *rootfs.Base {
	t.Helper()
	base, err := rootfs.Merge(t.Context(), nil, rootfs.BaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return base
}

// TestConflicts finds paths that several entities have changed, unless they are made for that.
func TestConflicts(t *testing.T) {
	entity := func(plugin, id string) byRecord { return byRecord{Kind: "entity", Plugin: plugin, Entity: id} }
	a, b, other := entity("p", "p:a"), entity("p", "p:b"), entity("q", "p:a")
	alice, bob := entity("users-groups", "user:alice"), entity("users-groups", "user:bob")
	changes := []changeRecord{
		{Path: "/one", By: []byRecord{a, a}}, {Path: "/two", By: []byRecord{a, b, a}}, {Path: "/three", By: []byRecord{a, b}},
		{Path: "/all", By: []byRecord{b, a, other}}, {Path: "/state", Class: classState, By: []byRecord{a, b}},
		{Path: "/prepared", By: []byRecord{{Kind: "plugin", Plugin: "p"}, a}}, {Path: "/etc/passwd", By: []byRecord{alice, bob}},
		{Path: "/etc/shadow", By: []byRecord{alice, bob, a}}, {Path: "/nobody"},
	}
	want := []string{
		"write conflict: p:a (plugin p) and then p:b (plugin p) have changed 2 paths: /two, /three",
		"write conflict: p:b (plugin p), p:a (plugin p) and then p:a (plugin q) have changed 1 path: /all",
		"write conflict: user:alice (plugin users-groups), user:bob (plugin users-groups) and then p:a (plugin p) have changed 1 path: /etc/shadow",
	}
	if diff := cmp.Diff(want, describeConflicts(conflicts(changes))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var log bytes.Buffer
	err := printLog(&log, "Layer", []byte(`{"type":"result","conflicts":[{"path":"/\u001b"},{"path":"/a","by":[{"kind":"entity","plugin":"p","entity":"p:1"}]}]}`))
	if err != nil || !strings.HasSuffix(log.String(), "  /\\x1b  ()\n  /a  (p:1 (plugin p))\n") {
		t.Errorf("%v, got:\n%s", err, log.String())
	}
}

// TestJudge fails a build with --strict on paths that nobody claims: all are counted, many are not all listed.
func TestJudge(t *testing.T) {
	scanned := changeRecord{Path: "/etc/scanned", By: []byRecord{{Kind: "plugin", Plugin: "p"}, {Kind: "plugin", Plugin: "q"}}}
	changes := []changeRecord{
		{Path: "/etc/claimed", By: []byRecord{{Kind: "plugin", Plugin: "p"}}},
		{Path: "/var/log/x", Class: classLog}, {Path: "/var/cache/x", Class: classCache}, {Path: "/var/lib/holo/x", Class: classState},
		{Path: "/etc/one"}, {Path: "/etc/two"},
	}
	strict := &build{o: buildOptions{strict: true}}
	want := []string{"--strict: 2 paths are claimed by nobody: /etc/one, /etc/two"}
	if diff := cmp.Diff(want, strict.judge(changes)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := (&build{}).judge(changes); got != nil {
		t.Errorf("without --strict: %q", got)
	}
	if got := strict.judge(changes[:4]); got != nil {
		t.Errorf("nothing unclaimed: %q", got)
	}
	want = []string{"--strict: plugin p or q has changed 2 paths while they scanned, which is not allowed: /etc/scanned, /etc/scanned"}
	if diff := cmp.Diff(want, strict.judge([]changeRecord{scanned, scanned})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var many []changeRecord
	for i := range 25 {
		many = append(many, changeRecord{Path: fmt.Sprintf("/%d", i)})
	}
	if got := strict.judge(many); len(got) != 1 || !strings.HasSuffix(got[0], ", /19 and 5 more (--log writes them all)") {
		t.Errorf("many: %q", got)
	}
}
