package systemdunits

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
)

// both runs a test in an image build, where systemctl is a stand-in, and in test mode, where it is not used.
func both(t *testing.T, f func(t *testing.T, w *world)) {
	t.Parallel()
	for name, build := range map[string]bool{"build": true, "test mode": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, newWorld(t, build))
		})
	}
}

func equal(t *testing.T, what, want, got string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

const (
	toA = " -> /usr/lib/systemd/system/a.service\n"
	toK = " -> /usr/lib/systemd/system/k.service\n"
	toD = " -> /usr/lib/systemd/system/d.socket\n"
)

func TestEnableDisableMask(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.link(etc+"/multi-user.target.wants/b.service", "/lib/systemd/system/b.service")
		w.resource("10-a.toml", "enable = [\"a\", \"u@y.service\"]\ndisable = [\"b.service\"]\nmask = [\"c.service\", \"none.service\"]\ndefault-target = \"graphical\"\n")
		if n := w.applyAll(); n != 6 {
			t.Errorf("%d entities applied", n)
		}
		equal(t, "links", "c.service -> /dev/null\ndefault.target -> /usr/lib/systemd/system/graphical.target\nmulti-user.target.wants/a.service"+toA+
			"multi-user.target.wants/u@y.service -> /usr/lib/systemd/system/u@.service\nnone.service -> /dev/null\n", w.links())
		state := w.tree(stateAt)
		equal(t, "state", `base/a.service: a.service
base/b.service: b.service; /etc/systemd/system/multi-user.target.wants/b.service -> /lib/systemd/system/b.service
base/c.service: c.service
base/default-target: default.target
base/none.service: none.service
base/u@y.service: u@y.service
provisioned/a.service: a.service; /etc/systemd/system/multi-user.target.wants/a.service -> /usr/lib/systemd/system/a.service
provisioned/b.service: b.service
provisioned/c.service: c.service; /etc/systemd/system/c.service -> /dev/null
provisioned/default-target: default.target; /etc/systemd/system/default.target -> /usr/lib/systemd/system/graphical.target
provisioned/none.service: none.service; /etc/systemd/system/none.service -> /dev/null
provisioned/u@y.service: u@y.service; /etc/systemd/system/multi-user.target.wants/u@y.service -> /usr/lib/systemd/system/u@.service
`, state)
		if n := w.applyAll(); n != 0 {
			t.Errorf("%d entities applied again", n)
		}
		equal(t, "state after it was applied again", state, w.tree(stateAt))
		w.resource("10-a.toml", "")
		if n := w.applyAll(); n != 6 {
			t.Errorf("%d entities scrubbed", n)
		}
		equal(t, "links after scrubbing", "multi-user.target.wants/b.service -> /lib/systemd/system/b.service\n", w.links())
		equal(t, "state after scrubbing", "", w.tree(stateAt))
		equal(t, "scan after scrubbing", "", w.scan())
	})
}

func TestCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	w.link(etc+"/a.service", "/dev/null")
	w.resource("1.toml", "enable = [\"a.service\"]\nmask = [\"b.service\"]\ndefault-target = \"graphical.target\"\n")
	w.applyAll()
	equal(t, "calls", "systemctl set-default graphical.target\nsystemctl unmask a.service\nsystemctl enable a.service\nsystemctl mask b.service", strings.Join(w.calls, "\n"))
	w.calls = nil
	w.applyAll()
	equal(t, "calls", "", strings.Join(w.calls, "\n"))
}

// TestLive: on the running system, systemctl does the work, and the manager is told of what the plugin itself has done.
func TestLive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, false)
	w.live = true
	w.resource("1.toml", "enable = [\"k\"]\nmask = [\"d.socket\"]\n")
	w.applyAll()
	equal(t, "calls", "systemctl mask d.socket; systemctl enable k.service", strings.Join(w.calls, "; "))
	w.calls = nil
	w.resource("1.toml", "mask = [\"d.socket\"]\n")
	w.applyAll()
	equal(t, "calls where no manager runs", "", strings.Join(w.calls, "; "))
	must(t, rootfs.MkdirAll(w.root, "run/systemd/system", rootfs.Meta{Mode: 0o755}))
	w.resource("1.toml", "")
	w.applyAll()
	equal(t, "calls where one runs", "systemctl daemon-reload", strings.Join(w.calls, "; "))
	equal(t, "links", "", w.links())
}

func TestForce(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.resource("1.toml", "enable = [\"a.service\"]\n")
		w.want("unit:a.service", false, "applied")
		w.want("unit:a.service", true, "not-changed")

		w.remove(etc + "/multi-user.target.wants/a.service")
		w.want("unit:a.service", false, "needs-force-overwrite")
		w.want("unit:a.service", true, "applied")

		w.link(etc+"/a.service", "/dev/null")
		w.want("unit:a.service", false, "needs-force-overwrite")
		w.want("unit:a.service", true, "applied")
		equal(t, "links", "multi-user.target.wants/a.service"+toA, w.links())

		w.link(etc+"/more.target.wants/a.service", "/usr/lib/systemd/system/a.service")
		w.want("unit:a.service", false, "not-changed") // it is enabled, and that is all that is wanted

		w.resource("1.toml", "disable = [\"a.service\"]\n") // a changed definition needs no force
		w.want("unit:a.service", false, "applied")
		w.link(etc+"/more.target.wants/a.service", "/usr/lib/systemd/system/a.service")
		w.want("unit:a.service", false, "needs-force-overwrite")
		w.resource("1.toml", "")
		w.want("unit:a.service", false, "needs-force-overwrite")
		w.want("unit:a.service", true, "applied")
		equal(t, "links", "", w.links())

		// What somebody has done meanwhile as it is wanted needs none.
		w.resource("1.toml", "mask = [\"b.service\"]\n")
		w.want("unit:b.service", false, "applied")
		w.remove(etc + "/b.service")
		w.resource("1.toml", "disable = [\"b.service\"]\n")
		w.want("unit:b.service", false, "not-changed")

		w.resource("1.toml", "default-target = \"graphical\"\n")
		w.want("default-target:system", false, "applied")
		w.link(etc+"/default.target", "/usr/lib/systemd/system/multi-user.target")
		w.want("default-target:system", false, "needs-force-overwrite")
		w.resource("1.toml", "default-target = \"multi-user\"\n")
		w.want("default-target:system", false, "not-changed")
	})
}

// TestOwnEntities: what one entity does to the units of another one is undone.
func TestOwnEntities(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.resource("1.toml", "enable = [\"k.service\", \"t@x.service\"]\ndisable = [\"d.socket\", \"t@.service\", \"graphical.target\"]\ndefault-target = \"graphical\"\n")
		w.link(etc+"/multi-user.target.wants/t@w.service", "/usr/lib/systemd/system/t@.service")
		w.applyAll()
		want := "default.target -> /usr/lib/systemd/system/graphical.target\nkk.service" + toK + "multi-user.target.wants/k.service" + toK +
			"multi-user.target.wants/t@x.service -> /usr/lib/systemd/system/t@.service\n"
		equal(t, "links", want, w.links())
		if n := w.applyAll(); n != 0 {
			t.Errorf("%d entities applied again", n)
		}
		w.resource("1.toml", "disable = [\"k\"]\nenable = [\"d.socket\"]\n")
		w.applyAll()
		equal(t, "links after a change", "multi-user.target.wants/t@w.service -> /usr/lib/systemd/system/t@.service\nsockets.target.wants/d.socket"+toD, w.links())
		if n := w.applyAll(); n != 0 {
			t.Errorf("%d entities applied again", n)
		}
	})
}

// TestBroughtAlong: what is no entity of its own follows the unit that brings it along, and returns with it.
func TestBroughtAlong(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.resource("1.toml", "enable = [\"k\"]\n")
		w.want("unit:k.service", false, "applied")
		equal(t, "links", "kk.service"+toK+"multi-user.target.wants/k.service"+toK+"sockets.target.wants/d.socket"+toD, w.links())
		equal(t, "state", "k.service d.socket; /etc/systemd/system/kk.service -> /usr/lib/systemd/system/k.service; "+
			"/etc/systemd/system/multi-user.target.wants/k.service -> /usr/lib/systemd/system/k.service; /etc/systemd/system/sockets.target.wants/d.socket -> /usr/lib/systemd/system/d.socket",
			strings.TrimSpace(strings.TrimPrefix(w.tree(stateAt+"/provisioned"), "k.service: ")))
		w.remove(etc + "/sockets.target.wants/d.socket")
		w.want("unit:k.service", false, "needs-force-overwrite")
		w.want("unit:k.service", true, "applied")
		// What it brings along from the next version of its package on is no change by somebody else.
		w.put(lib+"/k.service", "[Install]\nWantedBy=multi-user.target\nAlso=d.socket a.service\nAlias=kk.service\n")
		w.link(etc+"/old.target.wants/a.service", "/usr/lib/systemd/system/a.service")
		w.want("unit:k.service", false, "applied")
		w.resource("1.toml", "")
		w.want("unit:k.service", false, "applied")
		equal(t, "links after scrubbing", "old.target.wants/a.service"+toA, w.links())
	})
}

func TestCantBeApplied(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.resource("1.toml", `enable = ["s", "nope", "t@", "old", "v", "m", "bad"]`+"\nmask = [\"file\"]\ndefault-target = \"none\"\ndisable = [\"gone\"]\n")
		w.put("etc/init.d/old", "#!/bin/sh\n")
		w.link(lib+"/v.service", "/dev/null")
		w.put("etc/systemd/system/m.service", "")
		w.put("etc/systemd/system/file.service", "[Service]\n")
		w.put(lib+"/bad.service", "[Install\n")
		before := w.links()
		for id, want := range map[string]string{
			"unit:s.service":        "s.service has nothing in its [Install] section: it can't be enabled, and is started by what needs it",
			"unit:nope.service":     "unit nope.service does not exist: its package is missing, or it is called otherwise, or is of another type than .service",
			"unit:gone.service":     "unit gone.service does not exist",
			"unit:t@.service":       "t@.service needs an instance, as in t@NAME.service",
			"unit:old.service":      "old.service has no unit file, only an init script",
			"unit:v.service":        "is masked, and not by a symlink in /etc/systemd/system",
			"unit:m.service":        "is masked, and not by a symlink in /etc/systemd/system",
			"unit:bad.service":      "invalid section header",
			"unit:file.service":     `file "/etc/systemd/system/file.service" already exists`,
			"default-target:system": "unit none.target does not exist",
			"unit:x.service":        `unknown entity ID "unit:x.service"`,
			"unit:../x.service":     `unknown entity ID "unit:../x.service"`,
			"unit:default.target":   `unknown entity ID "unit:default.target"`,
			"x":                     `unknown entity ID "x"`,
		} {
			w.want(id, false, want)
		}
		equal(t, "links", before, w.links())
	})
}

// TestScrubWithoutUnit: of a unit that is gone, only what was provisioned is removed.
func TestScrubWithoutUnit(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.link(etc+"/multi-user.target.wants/a.service", "/usr/lib/systemd/system/a.service")
		w.resource("1.toml", "disable = [\"a\"]\nenable = [\"b\"]\n")
		w.applyAll()
		w.resource("1.toml", "")
		w.remove(lib + "/a.service")
		w.remove(lib + "/b.service")
		w.applyAll()
		equal(t, "links", "", w.links())
		equal(t, "state", "", w.tree(stateAt))
	})
}

// TestDisableLinked: disabling a linked file takes it away, which is not to be taken for a misspelt name then.
func TestDisableLinked(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.put("opt/o.service", "[Install]\nWantedBy=m.target\n")
		w.link(etc+"/o.service", "/opt/o.service")
		w.resource("1.toml", "disable = [\"o\"]\n")
		w.want("unit:o.service", false, "applied")
		w.want("unit:o.service", false, "not-changed")
		w.resource("1.toml", "")
		w.want("unit:o.service", false, "applied")
		equal(t, "links", "o.service -> /opt/o.service\n", w.links())
	})
}

// TestHostileState: what an image has in the place of the plugin's books is not believed.
func TestHostileState(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a link elsewhere":  "a.service\n/etc/passwd -> /dev/null\n",
		"a link out":        "a.service\n/etc/systemd/system/../../passwd -> x\n",
		"a quoted link out": "a.service\n\"/etc/systemd/system/../../passwd\" -> \"x\"\n",
		"no link":           "a.service\nhello\n",
		"no name":           "../a.service\n",
		"nothing":           "",
		"no target":         "a.service\n/etc/systemd/system/a.service -> \n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, true)
			w.put(stateAt+"/base/a.service", text)
			w.put("etc/passwd", "root\n")
			before := w.tree("etc")
			w.want("unit:a.service", true, "reading S/base/a.service: ")
			equal(t, "etc", before, w.tree("etc"))
		})
	}
	w := newWorld(t, true)
	w.link(stateAt+"/base", "/etc")
	w.resource("1.toml", "enable = [\"a\"]\n")
	w.want("unit:a.service", false, "making S/base: a symlink is there")
	equal(t, "links", "", w.links())
}
