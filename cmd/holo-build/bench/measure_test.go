package main

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fake is a side that writes down what is done with it.
type fake struct {
	name  string
	times int
	did   *[]string
	// fails is the step that fails.
	fails string
	stop  context.CancelFunc
}

func (f *fake) step(name string) error {
	*f.did = append(*f.did, f.name+" "+name)
	if f.fails == name {
		return errors.New(name)
	}
	return nil
}

func (f *fake) image() string        { return "small" }
func (f *fake) programs() []string   { return nil }
func (f *fake) often() int           { return f.times }
func (f *fake) prepare(*place) error { return f.step("prepare") }
func (f *fake) check(*place) error   { return f.step("check") }
func (f *fake) clean(*place) error   { return f.step("clean") }
func (f *fake) run(context.Context, *place) (int64, error) {
	if f.stop != nil {
		f.stop()
	}
	return 7, f.step("run")
}

func TestInTurns(t *testing.T) {
	var did []string
	names := []string{"a", "b"}
	results := map[string]*result{"a": {name: "a"}, "b": {name: "b"}}
	table := map[string]side{"a": &fake{name: "a", times: 2, did: &did}, "b": &fake{name: "b", times: 1, did: &did, fails: "check"}}
	told := 0
	p := &place{dir: t.TempDir()}
	err := inTurns(t.Context(), p, 3, names, table, results, func(int, *result, reading) { told++ })
	if err != nil {
		t.Fatal(err)
	}
	if n := len(results["a"].readings); n != 6 || results["a"].err != nil {
		t.Errorf("a has %d readings, %v, want 2 of each of 3 rounds", n, results["a"].err)
	}
	if n := len(results["b"].readings); n != 0 || results["b"].err == nil {
		t.Errorf("b, whose work is wrong, has %d readings, %v", n, results["b"].err)
	}
	if results["a"].peak() != 7 {
		t.Errorf("peak is %d", results["a"].peak())
	}
	if told != 8 || p.runs != 8 {
		t.Errorf("told of %d runs, counted %d, want 7 of a and one of b", told, p.runs)
	}
	all := []string{"prepare", "run", "check", "clean"}
	var want []string
	for _, who := range []string{"a ", "b ", "a ", "a ", "a ", "a ", "a ", "a "} {
		for _, step := range all {
			want = append(want, who+step)
		}
	}
	if d := cmp.Diff(want, did); d != "" {
		t.Error(d)
	}
}

// TestOnceFails: whatever fails is told, and cleaning is never left out.
func TestOnceFails(t *testing.T) {
	for step, want := range map[string][]string{
		"prepare": {"x prepare", "x clean"},
		"run":     {"x prepare", "x run", "x clean"},
		"check":   {"x prepare", "x run", "x check", "x clean"},
		"clean":   {"x prepare", "x run", "x check", "x clean"},
	} {
		var did []string
		if _, err := once(t.Context(), &place{dir: t.TempDir()}, &fake{name: "x", did: &did, fails: step}); err == nil {
			t.Errorf("%s fails, and no complaint", step)
		}
		if d := cmp.Diff(want, did); d != "" {
			t.Errorf("%s fails: %s", step, d)
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var did []string
	table := map[string]side{"a": &fake{name: "a", times: 1, did: &did, stop: stop}}
	err := inTurns(ctx, &place{dir: t.TempDir()}, 3, []string{"a"}, table, map[string]*result{"a": {}}, func(int, *result, reading) {})
	if !errors.Is(err, context.Canceled) || len(did) != 4 {
		t.Errorf("got %v after %q", err, did)
	}
}

// TestCommand: what a program prints, and that it takes memory and fails, comes back.
func TestCommand(t *testing.T) {
	s := session{env: []string{"BENCH_TEST=yes"}}
	got, err := s.command(t.Context(), "sh", "-c", "echo $BENCH_TEST")
	if err != nil || got != "yes" || s.rss <= 0 {
		t.Errorf("got %q, %v, %d bytes", got, err, s.rss)
	}
	if _, err := s.command(t.Context(), "sh", "-c", "exit 3"); err == nil {
		t.Error("exit status 3, and no complaint")
	}
}

// TestOurs: what holo-build finds, by what it may keep, and what it is told.
func TestOurs(t *testing.T) {
	p := &place{dir: t.TempDir(), layers: map[string]int{}}
	if err := p.addImage("small", makeLayout(t, t.TempDir(), nil)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		side ours
		more []string
		kept bool
	}{
		{ours{of: "small", stage: "mount", cache: cold}, []string{"--stage", "mount", "--cache-dir", p.path("cache-cold")}, false},
		{ours{of: "small", stage: "view", cache: warm}, []string{"--stage", "view", "--cache-dir", p.path("cache-warm")}, true},
		{
			ours{of: "small", stage: "copy", cache: none},
			[]string{"--stage", "copy", "--no-cache"}, false,
		},
		{
			ours{of: "small", stage: "view", cache: warm, entities: 3},
			[]string{"--stage", "view", "--cache-dir", p.path("cache-warm"), "--log", p.path("tmp", "apply-log.jsonl")}, true,
		},
	} {
		if err := c.side.prepare(p); err != nil {
			t.Fatal(err)
		}
		ref := "oci:" + p.path("layout")
		want := append([]string{
			"build", "--quiet", "--progress", "none", ref + ":latest", "-r", p.path("resources"), "-o", ref + ":changed",
		}, c.more...)
		if d := cmp.Diff(want, c.side.args(p)); d != "" {
			t.Error(d)
		}
		if _, err := os.Stat(p.path("resources/files/50-bench/etc/bench/part0/file000.conf")); err != nil {
			t.Error(err)
		}
		if err := c.side.check(p); err == nil {
			t.Error("nothing was done, and no complaint")
		}
		if err := c.side.clean(p); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(c.side.cacheDir(p)); (err == nil) != c.kept {
			t.Errorf("%v: the cache afterwards: %v", c.side, err)
		}
	}
}

func TestHuman(t *testing.T) {
	for d, want := range map[time.Duration]string{
		13400 * time.Millisecond: "13.40 s", 123456 * time.Microsecond: "123 ms", 47340 * time.Microsecond: "47.3 ms",
	} {
		if got := human(d); got != want {
			t.Errorf("human(%v) = %q, want %q", d, got, want)
		}
	}
}
