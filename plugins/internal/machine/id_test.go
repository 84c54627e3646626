package machine

import (
	"testing"

	"github.com/holo-build/holo-build/plugins/internal/units"
	"github.com/holo-build/holo-build/rootfs"
)

const someID = "0123456789abcdef0123456789abcdef"

// TestID: machine IDs that are set, taken over, and left to the first start.
func TestID(t *testing.T) {
	set := func(id string) func(rootfs.Root) error {
		return func(root rootfs.Root) error { return SetID(root, id) }
	}
	setup := func(want string) func(root rootfs.Root) error {
		return func(root rootfs.Root) error {
			id, err := SetupID(root)
			if id != want {
				t.Errorf("ID %q, want %q", id, want)
			}
			return err
		}
	}
	const dbus = "var/lib/dbus/machine-id"
	runChanges(t, []change{
		{name: "new", do: set(someID), after: files{"etc/machine-id": someID + "\n0444"}},
		{name: "UUID", before: files{"etc/machine-id": ""}, do: set("01234567-89AB-cdef-0123-456789abcdef"), after: files{"etc/machine-id": someID + "\n"}},
		{name: "zeros", do: set("00000000000000000000000000000000"), err: "Invalid machine ID '00000000000000000000000000000000'"},
		{name: "short", do: set("0123"), err: "Invalid machine ID '0123'"},
		{name: "missing", do: setup(""), after: files{"etc/machine-id": "uninitialized\n0444"}},
		{name: "empty", before: files{"etc/machine-id": ""}, do: setup(""), after: files{"etc/machine-id": "uninitialized\n"}},
		{name: "broken", before: files{"etc/machine-id": "x\n"}, do: setup(""), after: files{"etc/machine-id": "uninitialized\n"}},
		{name: "uninitialized", before: files{"etc/machine-id": "uninitialized\n"}, do: setup("")},
		{name: "has one", before: files{"etc/machine-id": someID + "\n"}, do: setup(someID)},
		{name: "has one without a newline", before: files{"etc/machine-id": someID}, do: setup(someID)},
		{name: "D-Bus has one", before: files{dbus: someID + "\n"}, do: setup(someID), after: files{dbus: someID + "\n", "etc/machine-id": someID + "\n0444"}},
		{name: "D-Bus has none", before: files{dbus: "-> /etc/machine-id"}, do: setup(""), after: files{dbus: "-> /etc/machine-id", "etc/machine-id": "uninitialized\n0444"}},
	})
	_, err := ID(newRoot(t, files{"etc/machine-id": "x\n"}))
	if err == nil || err.Error() != "reading /etc/machine-id: what is in it is no machine ID" {
		t.Error(err)
	}
}

// TestNTP: which service keeps the time is what lists say, of which one in /etc hides that of the same name.
func TestNTP(t *testing.T) {
	const unit = "[Install]\nWantedBy=sysinit.target\n"
	world := files{"usr/lib/systemd/ntp-units.d/80-a.list": "a.service\n", "usr/lib/systemd/ntp-units.d/50-b.list": "# b\n\nno/name\nmissing.service\nb.service\n",
		"etc/systemd/ntp-units.d/60-c.list": "c.service\n", "usr/lib/systemd/ntp-units.d/60-c.list": "d.service\n", "usr/lib/systemd/ntp-units.d/x": "d.service\n",
		"usr/lib/systemd/system/a.service": unit, "usr/lib/systemd/system/b.service": unit, "usr/lib/systemd/system/c.service": unit,
		"usr/lib/systemd/system/d.service": unit, "etc/systemd/system/c.service": "-> /dev/null"}
	root := newRoot(t, world)
	names, err := NTPUnits(root)
	equal(t, "units", names, err, []string{"b.service", "a.service"})
	state := func(want string) {
		t.Helper()
		got := ""
		for _, name := range names {
			s, err := units.Open(root).State(name)
			if err != nil {
				t.Fatal(err)
			}
			got += string(s) + " "
		}
		can, on, err := NTP(root)
		if got != want || err != nil || !can || on != (want != "disabled disabled ") {
			t.Errorf("%q, %v %v %v; want %q", got, can, on, err, want)
		}
	}
	state("disabled disabled ")
	if err := units.Open(root).Enable([]string{"a.service"}, units.Options{}).Err(); err != nil {
		t.Fatal(err)
	}
	state("disabled enabled ")
	_, err = SetNTP(root, true)
	equal(t, "on", 0, err, 0)
	state("enabled disabled ")
	_, err = SetNTP(root, false)
	equal(t, "off", 0, err, 0)
	state("disabled disabled ")
	none, err := SetNTP(newRoot(t, files{}), true)
	equal(t, "without a service", none, err, nil)
}
