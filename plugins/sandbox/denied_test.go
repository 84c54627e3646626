//go:build amd64 || arm64

package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestConfinedDenied: what the filter refuses is told, with a path or an address where there is one, and no more of it than
// somebody would read.
func TestConfinedDenied(t *testing.T) {
	for name, probe := range isolations(t) {
		a := newArena(t, probe)
		for _, c := range []struct {
			args []string
			want string
		}{
			{[]string{"list", a.staging}, ""},
			{[]string{"mount"}, "mount"},
			{[]string{"fsopen"}, "fsopen tmpfs"},
			{[]string{"ptrace"}, "ptrace"},
			{[]string{"unshare"}, "unshare"},
			{[]string{"udp", "192.0.2.1:53"}, "connect 192.0.2.1:53"},
			{[]string{"tcp", a.tcp}, ""}, // its own loopback interface
		} {
			want := c.want
			if strings.HasPrefix(want, "connect ") && probe.Try != nil {
				want = "" // there, no such socket can be made
			}
			_, e := a.run(t, a.process(c.args...))
			if got := strings.Join(e.Denied, ","); got != want && !(want == "mount" && strings.HasPrefix(got, "mount ")) {
				t.Errorf("%s: %v: %q, want %q", name, c.args, got, want)
			}
		}
		p := a.process()
		p.Path, p.Argv0, p.Args = "/bin/sh", "", []string{"-c", "for i in $(seq 60); do umount /x$i; umount /x; done 2>/dev/null; umount \"$(printf 'a\\nb')\" 2>/dev/null; true"}
		_, e := a.run(t, p)
		if n := len(e.Denied); n > maxDenied || n > 0 && !slices.Contains(e.Denied, "umount2 /x") {
			t.Errorf("%s: %d: %q", name, n, e.Denied)
		}
	}
}

// TestDestination: an address is told if it is one of another machine.
func TestDestination(t *testing.T) {
	for want, addr := range map[string][]byte{
		"192.0.2.1:53":    {unix.AF_INET, 0, 0, 53, 192, 0, 2, 1},
		"[2001:db8::]:80": append([]byte{unix.AF_INET6, 0, 0, 80, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8}, make([]byte, 16)...),
		"":                {unix.AF_UNIX, 0, 'x'},
	} {
		if got := destination(addr); got != want {
			t.Errorf("%v: %q, want %q", addr, got, want)
		}
	}
	for _, addr := range [][]byte{nil, {2}, {unix.AF_INET, 0, 0, 53}, {unix.AF_INET, 0, 0, 53, 127, 1, 1, 1}, {unix.AF_INET6, 0, 0, 1}} {
		if got := destination(addr); got != "" {
			t.Errorf("%v: %q", addr, got)
		}
	}
}

// TestDeniedBounded: a program can't fill the report, nor write lines of its own into it.
func TestDeniedBounded(t *testing.T) {
	var d denied
	for i := range 1000 {
		d.add(fmt.Sprintf("mount /%d\n%s", i, strings.Repeat("x", 10000)))
	}
	lines := strings.Split(d.text(), "\n")
	if len(lines) != maxDenied || len(d.text()) > maxDetail/2 || !strings.HasPrefix(lines[0], "mount /0?xxx") {
		t.Errorf("%d lines, %d bytes: %.100q", len(lines), len(d.text()), d.text())
	}
}
