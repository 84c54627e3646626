package xenstore

import (
	"strings"
	"testing"
)

// TestWatches: who watches is told of what happens at a node and below it, in the words in which they have asked.
func TestWatches(t *testing.T) {
	s := newStore(t, map[string]string{"data/a": "1", "data/d/e/f": "1", "vm-data/x": "1"})
	c, other := newTester(t, s), newTester(t, s)
	long := strings.Repeat("t", maxToken)
	for _, step := range []struct {
		kind kind
		in   string
		want string
	}{
		{watch, "data/d\x00rel\x00", "OK|!data/d|rel|"}, {watch, "/local/domain/7/data\x00abs\x00", "OK|!/local/domain/7/data|abs|"},
		{watch, "data/d/e/f\x00leaf\x00", "OK|!data/d/e/f|leaf|"}, {watch, "data/d/none\x00none\x00", "OK|!data/d/none|none|"},
		{watch, "@introduceDomain\x00t\x00", "OK|!@introduceDomain|t|"}, {watch, "data/d\x00rel\x00", "[EEXIST]"},
		{watch, "/local/domain/7/data/d\x00rel\x00", "[EEXIST]"}, {watch, "data/d\x00other\x00more\x00", "OK|!data/d|other|"},
		{unwatch, "data/d\x00other\x00", "OK|"}, {unwatch, "data/d\x00other\x00", "[ENOENT]"}, {unwatch, "@introduceDomain\x00t\x00", "OK|"},
		{unwatch, "data//d\x00t\x00", "[EINVAL]"}, {watch, "data/\x00t\x00", "[EINVAL]"}, {watch, "data\x00t", "[EINVAL]"}, {watch, "data\x00", "[EINVAL]"},
		{watch, "data/far\x00" + long + "\x00", "OK|!data/far|" + long + "|"}, {watch, "data/far\x00" + long + "t\x00", "[EINVAL]"},
	} {
		if got := c.ask(step.kind, 0, step.in); got != step.want {
			t.Errorf("%d %.50q: %.100q, want %.100q", step.kind, step.in, got, step.want)
		}
	}
	const abs = "!/local/domain/7/"
	for _, step := range []struct {
		kind kind
		in   string
		want string
	}{
		{write, "data/d/new\x00x", abs + "data/d/new|abs|"}, // the order is that of the watches, see below
		{write, "data/a\x002", abs + "data/a|abs|"},
		{mkdir, "data/a\x00", ""},
		{setPerms, "data/a\x00n7\x00r0\x00", abs + "data/a|abs|"},
		{write, "data/dd\x00", abs + "data/dd|abs|"},
		{write, "attr/a\x00", ""},
		{read, "data/a\x00", ""},
		{rm, "data/d/none\x00", ""},
		{rm, "data/d/e\x00", "!data/d/e/f|leaf|!data/d/e|rel|" + abs + "data/d/e|abs|"},
		{rm, "data/d\x00", "!data/d|rel|" + abs + "data/d|abs|"},
		{write, "data/d/none/x\x00", "!data/d|rel|" + abs + "data/d|abs|!data/d/none|rel|" + abs + "data/d/none|abs|!data/d/none|none|" +
			"!data/d/none/x|rel|" + abs + "data/d/none/x|abs|!data/d/none/x|none|"},
	} {
		other.ask(step.kind, 0, step.in)
		want := step.want
		if step.in == "data/d/new\x00x" {
			want = "!data/d/new|rel|" + want
		}
		if got := c.got(0, 0); got != want {
			t.Errorf("%d %q: %q, want %q", step.kind, step.in, got, want)
		}
	}
	// What can't be read is nobody's business.
	c.ask(resetWatches, 0, "\x00")
	c.ask(watch, 0, "/\x00t\x00")
	s.tree.change("/local", *s.tree.nodes["/local"])
	s.tree.change("/local/domain/7/vm-data", *s.tree.nodes["/local/domain/7/vm-data"])
	s.fire()
	if got := c.got(0, 0); got != "!/local/domain/7/vm-data|t|" {
		t.Errorf("%q", got)
	}
}

// TestWatchUnread: who does not read what they are told is cut off, and others are told all.
func TestWatchUnread(t *testing.T) {
	s := newStore(t, nil)
	lazy, other := newTester(t, s), newTester(t, s)
	lazy.ask(watch, 0, "data\x00"+strings.Repeat("t", maxToken)+"\x00")
	other.ask(watch, 0, "data\x00t\x00")
	for range 3000 {
		if got := other.ask(write, 0, "data/a\x00"); got != "OK|!data/a|t|" {
			t.Fatal(got)
		}
	}
	if !lazy.cut || other.cut || len(lazy.queue.waiting) > maxWaiting+maxPayload+headerSize {
		t.Errorf("cut off: %t, %t; %d bytes wait", lazy.cut, other.cut, len(lazy.queue.waiting))
	}
}
