//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// refusing runs f where the kernel refuses some system calls, as it does in a container, to the processes that f starts
// too.
func refusing(t *testing.T, list []rule, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this function
		err := errors.Join(unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), install(assemble(auditArch, foreignCalls, list)))
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func refuse(errno unix.Errno, calls ...uint32) (list []rule) {
	for _, nr := range calls {
		list = append(list, rule{nr: nr, errno: errno, arg: -1})
	}
	return list
}

var (
	noMounts     = refuse(unix.EPERM, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_OPEN_TREE, unix.SYS_FSOPEN, unix.SYS_MOVE_MOUNT, unix.SYS_PIVOT_ROOT)
	noNamespaces = append(refuse(unix.ENOSYS, unix.SYS_CLONE3), rule{nr: unix.SYS_CLONE, errno: unix.EPERM, arg: 0, test: anyBit, vals: []uint32{namespaceFlags}})
	noLandlock   = refuse(unix.ENOSYS, unix.SYS_LANDLOCK_CREATE_RULESET)
	noFilter     = refuse(unix.EINVAL, unix.SYS_SECCOMP)
)

// TestConfinedWithout: where the kernel refuses something, the rest holds, what is missing is said, and a strict
// confinement is an error.
func TestConfinedWithout(t *testing.T) {
	abi, err := landlockVersion()
	if err != nil {
		t.Logf("Landlock: %v", err)
	}
	for _, c := range []struct {
		name    string
		refused []rule
		missing []string // how they begin; among others, where the kernel has no Landlock, or an old one
		root    bool
		attack  []string
		gets    string
		abi     int // from which on
	}{
		{"mounts and namespaces, as in a container", slices.Concat(noMounts, noNamespaces),
			[]string{"namespaces (operation not permitted)", "a root of its own", "so modes, owners"}, false,
			[]string{"write", "SECRET"}, "permission denied", 1},
		{"the network, in a container", slices.Concat(noMounts, noNamespaces), nil, false,
			[]string{"udp", "192.0.2.1:53"}, "address family not supported by protocol", 0},
		{"mounts", noMounts, []string{"a root of its own, with a /tmp", "so modes, owners"}, false,
			[]string{"write", "SECRET"}, "permission denied", 1},
		{"Landlock", noLandlock, []string{"Landlock (function not implemented)"}, true,
			[]string{"write", "SECRET"}, "no such file or directory", 0},
		{"a filter", noFilter, []string{"a filter of system calls (invalid argument)"}, true,
			[]string{"mount"}, "operation not permitted", 0},
		{"a filter, in a container", slices.Concat(noMounts, noNamespaces, noFilter), []string{"nor are UDP and Multipath TCP"}, false,
			[]string{"tcp", "TCP"}, "permission denied", 4},
		{"all", slices.Concat(noMounts, noNamespaces, noLandlock, noFilter),
			[]string{"so files are confined by their modes alone", "nor are Unix sockets", "nor are signals", "nor are abstract", "nor is the network"}, false,
			[]string{"work", "STAGING", "user"}, "done", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newArena(t, Probe{})
			p := a.process(c.attack...)
			for i, arg := range p.Args {
				p.Args[i] = strings.NewReplacer("SECRET", a.secret, "STAGING", a.staging, "TCP", a.tcp).Replace(arg)
			}
			var out, strict bytes.Buffer
			var e Exit
			var err, lacks error
			refusing(t, c.refused, func() {
				p.Stdout, p.Stderr = &out, &out
				e, err = Run(t.Context(), p)
				p.Confine.Strict = true
				p.Stdout, p.Stderr = &strict, &strict
				_, lacks = Run(t.Context(), p)
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSpace(out.String()); got != c.gets && abi >= c.abi && (a.full || !c.root) {
				t.Errorf("%q, want %q", got, c.gets)
			}
			for _, m := range c.missing {
				if abi < 6 && m == "nor are UDP and Multipath TCP" {
					continue
				}
				if !slices.ContainsFunc(e.Confined.Missing, func(s string) bool { return strings.HasPrefix(s, m) }) {
					t.Errorf("%q is not said to be missing: %v", m, e.Confined)
				}
			}
			if e.Confined.Root != (c.root && a.full) {
				t.Errorf("root %v: %v", e.Confined.Root, e.Confined)
			}
			if lack, ok := errors.AsType[*LackError](lacks); !ok || !slices.Equal(lack.Missing, e.Confined.Missing) || strict.Len() > 0 {
				t.Errorf("strict: %v, want %q; it printed %q", lacks, e.Confined.Missing, &strict)
			}
		})
	}
}

// TestConfinedElsewhere: where there is no root to show something in, it is an error that something is to appear elsewhere.
func TestConfinedElsewhere(t *testing.T) {
	a := newArena(t, Probe{})
	p := a.process("list", "/")
	p.Confine.Writable[0].At = "/holo/root"
	refusing(t, noMounts, func() {
		if _, err := Run(t.Context(), p); !errors.Is(err, unix.EPERM) {
			t.Errorf("mounts are refused, and got %v", err)
		}
	})
	refusing(t, noNamespaces, func() {
		if _, err := Run(t.Context(), p); !errors.Is(err, unix.EPERM) {
			t.Errorf("namespaces are refused, and got %v", err)
		}
	})
}

// withoutLandlock runs f where the kernel has none.
func withoutLandlock(t *testing.T, f func()) { refusing(t, noLandlock, f) }

// TestInRootWithout: without mounts or namespaces there is no root to run in, and nothing is started.
func TestInRootWithout(t *testing.T) {
	a := newImage(t)
	for name, refused := range map[string][]rule{"mounts": noMounts, "namespaces": noNamespaces} {
		before := a.state(t)
		refusing(t, refused, func() {
			if _, err := Run(t.Context(), a.inside("write", "/new")); !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, unix.EPERM) {
				t.Errorf("%s are refused, and got %v", name, err)
			}
			if c, err := TryConfine(t.Context(), *a.inside().Confine, Probe{}); err != nil || c.Root {
				t.Errorf("%s are refused, and TryConfine says %v, %v", name, c, err)
			}
		})
		if a.state(t) != before {
			t.Errorf("%s are refused, and something has changed", name)
		}
	}
}
