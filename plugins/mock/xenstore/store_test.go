package xenstore

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tester is a client without a connection.
type tester struct {
	*testing.T
	*client
	cut bool
}

func newTester(t *testing.T, s *Store) *tester {
	c := &tester{T: t}
	c.client = newClient(s, func() { c.cut = true })
	return c
}

// ask sends a request, and returns the reply, NULs as bars; an error by its name in brackets. Events that come with it follow,
// each after a "!".
func (c *tester) ask(k kind, transaction uint32, payload string) string {
	c.Helper()
	c.handle(message{k, 9, transaction, []byte(payload)})
	return c.got(9, transaction)
}

func (c *tester) got(request, transaction uint32) (said string) {
	c.Helper()
	r := strings.NewReader(string(c.queue.waiting))
	c.queue.waiting = nil
	for r.Len() > 0 {
		m, err := readMessage(r)
		text := strings.ReplaceAll(string(m.payload), "\x00", "|")
		switch {
		case err != nil:
			c.Fatal(err)
		case m.kind == watchEvent && m.request == 0 && m.transaction == 0:
			said += "!" + text
		case m.request != request || m.transaction != transaction:
			c.Errorf("%+v", m)
		case m.kind == failure:
			said += "[" + strings.TrimSuffix(text, "|") + "]"
		default:
			said += text
		}
	}
	return said
}

// TestRequests: requests that are wrong, and what clients seldom ask for.
func TestRequests(t *testing.T) {
	c := newTester(t, newStore(t, map[string]string{"vm-data/a": "1", "vm-data/b/c": "2", "data/own": ""}))
	long := strings.Repeat("a", maxPath)
	for _, step := range []struct {
		kind kind
		in   string
		want string
	}{
		{read, "vm-data/a\x00", "1"}, {read, "/local/domain/7/vm-data/a\x00", "1"},
		{read, "vm-data/a", "[EINVAL]"}, {read, "", "[EINVAL]"}, {read, "\x00", "[EINVAL]"}, {read, "vm-data/a\x00x\x00", "[EINVAL]"},
		{read, "vm-data/\x00", "[EINVAL]"}, {read, "vm-data//a\x00", "[EINVAL]"}, {read, "vm-data/../a\x00", "[EINVAL]"}, {read, "vm data\x00", "[EINVAL]"},
		{read, "//\x00", "[EINVAL]"}, {read, "\xff\x00", "[EINVAL]"}, {read, "@introduceDomain\x00", "[ENOENT]"},
		{read, long[1:maxRelative+1] + "\x00", "[ENOENT]"}, {read, long[:maxRelative+1] + "\x00", "[EINVAL]"},
		{read, "/" + long[1:] + "\x00", "[EACCES]"}, {read, "/" + long + "\x00", "[EINVAL]"},
		{read, "none\x00", "[ENOENT]"}, {read, "none/deep\x00", "[ENOENT]"}, {read, "/\x00", "[EACCES]"}, {read, "/none\x00", "[EACCES]"},
		{directory, "vm-data\x00", "a|b|"}, {directory, "vm-data/a\x00", ""}, {directory, "/local\x00", "[EACCES]"},
		{directoryPart, "vm-data\x000\x00", "0|a|b||"}, {directoryPart, "vm-data\x002\x00", "0|b||"}, {directoryPart, "vm-data\x004\x00", "0||"},
		{directoryPart, "vm-data\x00400\x00", "0||"}, {directoryPart, "vm-data\x00-1\x00", "[EINVAL]"}, {directoryPart, "vm-data\x00", "[EINVAL]"},
		{getPerms, "vm-data/a\x00", "n0|r7|"}, {getPerms, "data/own\x00", "n7|"}, {getPerms, "none\x00", "[ENOENT]"},
		{write, "data/x\x00a\x00b", "OK|"}, {read, "data/x\x00", "a|b"}, {write, "data/x\x00", "OK|"}, {read, "data/x\x00", ""},
		{write, "data/x", "[EINVAL]"}, {write, "vm-data/a\x002", "[EACCES]"}, {write, "new\x00", "[EACCES]"}, {write, "/tool\x00", "[EACCES]"},
		{write, "data/d/e/p\x00x", "OK|"}, {directory, "data/d\x00", "e|"}, {getPerms, "data/d/e\x00", "n7|"},
		{write, "data/x\x00" + strings.Repeat("v", maxValue), "OK|"}, {write, "data/x\x00" + strings.Repeat("v", maxValue+1), "[ENOSPC]"},
		{mkdir, "data/d\x00", "OK|"}, {directory, "data/d\x00", "e|"}, {mkdir, "data/new\x00x", "[EINVAL]"}, {mkdir, "vm-data/new\x00", "[EACCES]"},
		{rm, "data/d\x00", "OK|"}, {read, "data/d/e/p\x00", "[ENOENT]"}, {rm, "data/d\x00", "OK|"}, {rm, "data/d/e\x00", "[ENOENT]"},
		{rm, "/\x00", "[EINVAL]"}, {rm, "vm-data/a\x00", "[EACCES]"}, {rm, "vm-data/none\x00", "[EACCES]"},
		{setPerms, "data/own\x00n7\x00r0\x00b65535\x00", "OK|"}, {getPerms, "data/own\x00", "n7|r0|b65535|"},
		{setPerms, "data/own\x00", "[EINVAL]"}, {setPerms, "data/own\x00n7", "[EINVAL]"}, {setPerms, "data/own\x00x7\x00", "[EINVAL]"},
		{setPerms, "data/own\x00n\x00", "[EINVAL]"}, {setPerms, "data/own\x00n65536\x00", "[EINVAL]"}, {setPerms, "data/own\x00n+7\x00", "[EINVAL]"},
		{setPerms, "data/own\x00n0\x00", "[EPERM]"}, {setPerms, "data/own\x00n7\x00r1\x00r2\x00r3\x00r4\x00r5\x00", "[ENOSPC]"},
		{setPerms, "vm-data/a\x00n7\x00", "[EACCES]"}, {setPerms, "data/none\x00n7\x00", "[ENOENT]"},
		{getDomainPath, "3\x00", "/local/domain/3|"}, {getDomainPath, "007\x00", "/local/domain/7|"}, {getDomainPath, "x\x00", "[EINVAL]"},
		{isIntroduced, "7\x00", "T|"}, {isIntroduced, "0\x00", "T|"}, {isIntroduced, "3\x00", "F|"}, {isIntroduced, "7", "[EINVAL]"},
		{control, "check\x00", "[EACCES]"}, {introduce, "3\x001\x001\x00", "[EACCES]"}, {release, "3\x00", "[EACCES]"},
		{resume, "3\x00", "[EACCES]"}, {setTarget, "3\x007\x00", "[EACCES]"},
		{watchEvent, "a\x00b\x00", "[ENOSYS]"}, {failure, "", "[ENOSYS]"}, {20, "\x00", "[ENOSYS]"}, {1 << 31, "", "[ENOSYS]"},
		{resetWatches, "\x00", "OK|"}, {transactionEnd, "T\x00", "[EINVAL]"},
	} {
		if got := c.ask(step.kind, 0, step.in); got != step.want {
			t.Errorf("%d %.60q: %q, want %q", step.kind, step.in, got, step.want)
		}
	}
	if got := c.ask(read, 5, "vm-data/a\x00"); got != "[ENOENT]" {
		t.Errorf("no such transaction: %s", got)
	}
	sound(t, c.store)
}

// sound checks that a store is one.
func sound(t *testing.T, s *Store) {
	t.Helper()
	owned := 0
	for path, n := range s.tree.nodes {
		owned += s.tree.owns(n)
		if !slices.IsSorted(n.children) || len(slices.Compact(slices.Clone(n.children))) != len(n.children) {
			t.Errorf("%s: %q", path, n.children)
		}
		for _, c := range n.children {
			if s.tree.nodes[below(path, c)] == nil {
				t.Errorf("%s has no %s", path, c)
			}
		}
		if path != "/" {
			above := s.tree.nodes[parentOf(path)]
			if above == nil || !slices.Contains(above.children, path[strings.LastIndexByte(path, '/')+1:]) {
				t.Errorf("%s is in nothing", path)
			}
		}
	}
	if owned != s.tree.owned || owned > s.tree.most || len(s.tree.events) > 0 {
		t.Errorf("%d nodes of the domain, counted as %d, %d events", owned, s.tree.owned, len(s.tree.events))
	}
}

// TestTransactions: a transaction sees what was there when it began and what it does; what others have done to what it has
// seen is a conflict, and what they have done elsewhere is none.
func TestTransactions(t *testing.T) {
	for name, c := range map[string]struct {
		within, meanwhile string // request and payload, separated by a blank; | for NUL
		want              string
	}{
		"nothing else":              {"write data/a|2", "", "OK|"},
		"read what is written":      {"read data/a|", "write data/a|3", "[EAGAIN]"},
		"only read elsewhere":       {"read data/b|", "write data/a|3", "OK|"},
		"written by both":           {"write data/a|2", "write data/a|2", "[EAGAIN]"},
		"listed, child made":        {"list data|", "write data/new|3", "[EAGAIN]"},
		"listed, child written":     {"list data|", "write data/a|3", "OK|"},
		"missing, made":             {"read data/new|", "write data/new|3", "[EAGAIN]"},
		"made by both":              {"write data/new|2", "write data/new|2", "[EAGAIN]"},
		"made and removed":          {"read data/new|", "", "OK|"},
		"removed, child made":       {"rm data/d|", "write data/d/new|3", "[EAGAIN]"},
		"removed, child written":    {"rm data/d|", "write data/d/e|3", "[EAGAIN]"},
		"made in what is removed":   {"write data/d/new|3", "rm data/d|", "[EAGAIN]"},
		"permissions":               {"perms data/a|", "chmod data/a|n7|r0|", "[EAGAIN]"},
		"elsewhere":                 {"write data/d/new|2", "write attr/new|3", "OK|"},
		"side by side, one parent":  {"write data/n1|2", "write data/n2|2", "[EAGAIN]"},
		"what could not be written": {"write vm-data/x|2", "write data/a|3", "OK|"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, map[string]string{"data/a": "1", "data/b": "1", "data/d/e": "1", "vm-data/x": "1"})
			one, other := newTester(t, s), newTester(t, s)
			do := func(c *tester, transaction uint32, step string) string {
				word, payload, _ := strings.Cut(step, " ")
				k := map[string]kind{"write": write, "read": read, "list": directory, "rm": rm, "perms": getPerms, "chmod": setPerms}[word]
				return c.ask(k, transaction, strings.ReplaceAll(payload, "|", "\x00"))
			}
			if got := one.ask(transactionStart, 0, "\x00"); got != "1|" {
				t.Fatal(got)
			}
			do(one, 1, c.within)
			if c.meanwhile != "" {
				if got := do(other, 0, c.meanwhile); got != "OK|" {
					t.Fatal(got)
				}
			}
			if got := one.ask(transactionEnd, 1, "T\x00"); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if got := one.ask(transactionEnd, 1, "T\x00"); got != "[ENOENT]" {
				t.Errorf("ended twice: %s", got)
			}
			sound(t, s)
		})
	}
}

// TestTransactionIsolated: nobody sees what a transaction has done before its end, and it does not see what others do.
func TestTransactionIsolated(t *testing.T) {
	s := newStore(t, map[string]string{"data/a": "1"})
	one, other := newTester(t, s), newTester(t, s)
	for _, step := range []struct {
		c           *tester
		kind        kind
		transaction uint32
		in, want    string
	}{
		{one, watch, 0, "data\x00t\x00", "OK|!data|t|"},
		{one, transactionStart, 0, "\x00", "1|"}, {one, transactionStart, 0, "\x00", "2|"}, {one, transactionStart, 1, "\x00", "[EBUSY]"},
		{one, write, 1, "data/new\x00x", "OK|"}, {one, rm, 1, "data/a\x00", "OK|"},
		{one, read, 1, "data/new\x00", "x"}, {one, read, 0, "data/new\x00", "[ENOENT]"}, {other, read, 0, "data/a\x00", "1"},
		{other, read, 1, "data/a\x00", "[ENOENT]"}, // a transaction is its client's
		{other, write, 0, "attr/b\x003", "OK|"}, {one, read, 1, "attr/b\x00", "[ENOENT]"},
		{one, transactionEnd, 1, "F\x00", "OK|"}, {one, read, 0, "data/new\x00", "[ENOENT]"},
		{one, transactionEnd, 2, "\x00", "[EINVAL]"}, {one, write, 2, "data/new\x00y", "OK|"}, {one, rm, 2, "data/a\x00", "OK|"},
		{one, transactionEnd, 2, "T\x00", "OK|!data/new|t|!data/a|t|"}, {other, read, 0, "data/new\x00", "y"}, {other, directory, 0, "data\x00", "new|"},
		{one, transactionStart, 0, "\x00", "3|"}, {one, resetWatches, 0, "\x00", "OK|"}, {one, transactionEnd, 3, "T\x00", "[ENOENT]"},
		{other, write, 0, "data/new\x00", "OK|"},
	} {
		if got := step.c.ask(step.kind, step.transaction, step.in); got != step.want {
			t.Errorf("%d %q: %q, want %q", step.kind, step.in, got, step.want)
		}
	}
	if got := one.got(0, 0); got != "" {
		t.Errorf("told after watches were reset: %q", got)
	}
	sound(t, s)
}

// TestQuotas: a domain can make no more than its share, with and without transactions.
func TestQuotas(t *testing.T) {
	s := newStore(t, map[string]string{"data/a": "1"})
	c, other := newTester(t, s), newTester(t, s)
	for i := range maxWatches {
		if got := c.ask(watch, 0, fmt.Sprintf("data\x00%d\x00", i)); !strings.HasPrefix(got, "OK|") {
			t.Fatal(got)
		}
	}
	if got := other.ask(watch, 0, "data\x00x\x00"); got != "[E2BIG]" {
		t.Errorf("watch: %s", got)
	}
	c.ask(resetWatches, 0, "\x00")
	for range maxTransactions {
		c.ask(transactionStart, 0, "\x00")
	}
	if got := other.ask(transactionStart, 0, "\x00"); got != "[ENOSPC]" {
		t.Errorf("transaction: %s", got)
	}
	for i := range 600 { // in each of two, which together are too much
		c.ask(mkdir, 1, fmt.Sprintf("data/d/%d\x00", i))
		c.ask(mkdir, 2, fmt.Sprintf("attr/d/%d\x00", i))
	}
	if got := c.ask(transactionEnd, 1, "T\x00") + c.ask(transactionEnd, 2, "T\x00"); got != "OK|[ENOSPC]" {
		t.Errorf("two transactions: %s", got)
	}
	for i := range maxEvents {
		if got := c.ask(write, 3, fmt.Sprintf("data/a\x00%d", i)); got != "OK|" {
			t.Fatal(i, got)
		}
	}
	if got := c.ask(write, 3, "data/a\x00"); got != "[ENOSPC]" {
		t.Errorf("long transaction: %s", got)
	}
	n := 0
	for ; c.ask(mkdir, 0, fmt.Sprintf("error/%d\x00", n)) == "OK|"; n++ {
	}
	if n != maxNodes-601 {
		t.Errorf("%d nodes", n)
	}
	if got := c.ask(mkdir, 0, "error/0/a/b\x00") + c.ask(rm, 0, "error/0\x00") + c.ask(mkdir, 0, "error/z\x00"); got != "[ENOSPC]OK|OK|" {
		t.Errorf("nodes: %s", got)
	}
	sound(t, s)
}

func TestNewStoreRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		make func(dir string) error
		want string
	}{
		"name": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "a.b"), nil, 0o644) }, "a.b can't be the name of a node"},
		"link": {func(dir string) error { return os.Symlink("/etc/passwd", filepath.Join(dir, "a")) }, "a is neither a file nor a directory"},
		"large file": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "a"), make([]byte, maxPayload+1), 0o644)
		}, "a has more than the 4096 bytes"},
		"missing": {os.Remove, "no such file"},
		"long path": {func(dir string) error {
			for range 13 {
				if err := os.Mkdir(filepath.Join(dir, strings.Repeat("d", 250)), 0o755); err != nil {
					return err
				}
				dir = filepath.Join(dir, strings.Repeat("d", 250))
			}
			return nil
		}, "can't be the name of a node"},
		"many": {func(dir string) error {
			first := filepath.Join(dir, "0")
			err := os.WriteFile(first, nil, 0o644)
			for i := 1; i <= maxGiven && err == nil; i++ {
				err = os.Link(first, filepath.Join(dir, fmt.Sprint(i)))
			}
			return err
		}, "more than 2000 nodes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := c.make(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := NewStore(dir, 0); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestDigest: a store's digest is that of what is in it.
func TestDigest(t *testing.T) {
	digest := func(value string) string { return newStore(t, map[string]string{"data/a": value}).Digest() }
	if a := digest("1"); a != digest("1\n") || a == digest("2") || len(a) != 71 {
		t.Errorf("%s, %s, %s", a, digest("1\n"), digest("2"))
	}
	s := newStore(t, map[string]string{"data/a": "1"})
	newTester(t, s).ask(setPerms, 0, "data/a\x00n7\x00r0\x00")
	if s.Digest() == digest("1") {
		t.Error("permissions don't count")
	}
}

// TestChanges: what has changed is told once, whoever has changed it back is not, and no values are.
func TestChanges(t *testing.T) {
	s := newStore(t, map[string]string{"data/a": "1", "data/b": "1", "data/host/1": "secret"})
	c := newTester(t, s)
	for _, step := range []struct {
		kind kind
		in   string
	}{
		{write, "data/a\x002"}, {write, "data/a\x001"}, {write, "data/guest/1\x00secret"}, {write, "data/b\x00"}, {setPerms, "data/b\x00n7\x00r0\x00"},
		{rm, "data/host\x00"}, {mkdir, "data/none\x00"}, {rm, "data/none\x00"},
	} {
		if got := c.ask(step.kind, 0, step.in); got != "OK|" {
			t.Error(got)
		}
	}
	const data = "/local/domain/7/data/"
	want := [][]string{
		{"xenstore-write", data + "b", ""}, {"xenstore-chmod", data + "b", "n7", "r0"}, {"xenstore-write", data + "guest", ""},
		{"xenstore-write", data + "guest/1", "REDACTED"}, {"xenstore-rm", data + "host"},
	}
	if d := cmp.Diff(want, s.changes()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if again := s.changes(); again != nil {
		t.Errorf("again: %q", again)
	}
}
