package units

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// difference is where this package does on purpose what the systemctl of Debian 12, version 252, does not.
type difference struct {
	scenario
	// why says why ours is right, or what theirs is made for.
	why string
	// ours is what comes of the last command: its exit status, what it says, and the links there are then.
	ours string
}

var differences = []difference{
	{scenario{"units that uphold", usual + "L k.service: UpheldBy=up.target", "enable k"},
		"UpheldBy= came with version 254. An older systemctl takes it for an unknown key, and an older manager does not look into .upholds.",
		"exit 0\netc/systemd/system/l.service\netc/systemd/system/up.target.upholds/k.service -> /usr/lib/systemd/system/k.service"},
	{scenario{"upheld", usual + "E up.target.upholds/a.service -> /lib/systemd/system/a.service", "is-enabled a"},
		"The same.", "exit 0\nenabled\netc/systemd/system/l.service\netc/systemd/system/up.target.upholds/a.service -> /usr/lib/systemd/system/a.service"},
	{scenario{"reenable an instance", usual, "reenable t@x"},
		"Theirs enables the default instance instead, t@d.service: nobody has asked for that.",
		"exit 0\netc/systemd/system/l.service\netc/systemd/system/multi-user.target.wants/t@x.service -> /usr/lib/systemd/system/t@.service"},
	{scenario{"reenable with drop-ins", usual + "L a.service.d/x.conf= [Install]\\nWantedBy=w.target\\n", "reenable a"},
		"Theirs forgets the drop-ins, by which the unit that was enabled is not any more what it was.",
		"exit 0\netc/systemd/system/l.service\netc/systemd/system/multi-user.target.wants/a.service -> /usr/lib/systemd/system/a.service\n" +
			"etc/systemd/system/w.target.wants/a.service -> /usr/lib/systemd/system/a.service"},
	{scenario{"drop-in of a linked unit that resets", "/opt/k.service: WantedBy=m.target\nE k.service -> /opt/k.service\nL k.service.d/x.conf= [Install]\\nWantedBy=\\nWantedBy=n.target", "enable k"},
		"Theirs reads the file once more after the drop-ins, which thus can't reset anything.",
		"exit 0\netc/systemd/system/k.service -> /opt/k.service\netc/systemd/system/n.target.wants/k.service -> /opt/k.service"},
	{scenario{"path of a unit with drop-ins", usual + "L a.service.d/x.conf= [Install]\\nWantedBy=w.target\\n", "enable /usr/lib/systemd/system/a.service"},
		"The same.",
		"exit 0\netc/systemd/system/l.service\netc/systemd/system/multi-user.target.wants/a.service -> /usr/lib/systemd/system/a.service\n" +
			"etc/systemd/system/w.target.wants/a.service -> /usr/lib/systemd/system/a.service"},
	{scenario{"several, one of them an alias", usual + "E y.service -> /lib/systemd/system/a.service", "enable b y"},
		"Theirs finds out in the middle; where one of several can't be enabled, none is.", "exit 1\netc/systemd/system/l.service\netc/systemd/system/y.service -> /usr/lib/systemd/system/a.service"},
	{scenario{"presets over a broken alias", "L a.service: WantedBy=m.target\nL w@.service -> t@.service", "preset-all"},
		"Theirs does nothing at all then: one alias that a package has left keeps all units from their presets.",
		"exit 0\netc/systemd/system/m.target.wants/a.service -> /usr/lib/systemd/system/a.service"},
	{scenario{"also generated", "L a.service: Also=g.service\n/run/systemd/generator/g.service: WantedBy=m.target", "enable a"},
		"The link would lead to a file that will be gone; theirs refuses it, too, where the unit is named.", "exit 0\nrun/systemd/generator/g.service"},
	{scenario{"presets over generated units", "/run/systemd/generator/g.service: WantedBy=multi-user.target", "preset-all"},
		"Theirs says that it can't be enabled and makes the link all the same, to a file that will be gone.", "exit 0\nrun/systemd/generator/g.service"},
	{scenario{"drop-in masked by a link", usual + "L a.service.d/w.conf= [Install]\\nWantedBy=w.target\\n\nE a.service.d/w.conf -> /dev/null", "enable a"},
		"Theirs looks for dev/null in the root, where nobody needs it, and takes the unit for missing then.",
		"exit 0\netc/systemd/system/a.service.d/w.conf -> /dev/null\netc/systemd/system/l.service\netc/systemd/system/multi-user.target.wants/a.service -> /usr/lib/systemd/system/a.service"},
	{scenario{"unmask by another spelling", usual + "E r.service -> ../../../dev/null", "unmask r"},
		"What is-enabled calls masked, unmask unmasks.", "exit 0\netc/systemd/system/l.service"},
	{scenario{"alias made, dependency not", "L k.service: WantedBy=foo;Alias=kk.service", "enable k"},
		"Theirs says that it failed and exits with success, as the alias could be made. Without the alias it is a failure.",
		"exit 1\netc/systemd/system/kk.service -> /usr/lib/systemd/system/k.service"},
	{scenario{"configuration behind a symlink", "/opt/sys/x.service: WantedBy=multi-user.target\n/etc/systemd/system -> /opt/sys", "enable x"},
		"Theirs follows an absolute symlink to the building machine's own files: what would be changed there is another system.",
		"exit 0\netc/systemd/system -> /opt/sys"},
	{scenario{"dependencies behind a symlink", usual + "E multi-user.target.wants -> /opt/w\n/opt/w/z= x", "enable a"},
		"The same.", "exit 0\netc/systemd/system/l.service\netc/systemd/system/multi-user.target.wants -> /opt/w"},
	{scenario{"drop-ins behind a symlink", usual + "E b.service.d -> /lib/systemd/system/zz\nL zz/q.conf= [Install]\\nWantedBy=w.target\\n", "enable b"},
		"The same.", "exit 0\netc/systemd/system/b.service.d -> /usr/lib/systemd/system/zz\netc/systemd/system/l.service\n" +
			"etc/systemd/system/multi-user.target.wants/b.service -> /usr/lib/systemd/system/b.service\netc/systemd/system/w.target.wants/b.service -> /usr/lib/systemd/system/b.service"},
	{scenario{"host's specifiers", "L k.service: WantedBy=%b.target %v.target %a.target", "enable k"},
		"Theirs puts boot ID, kernel version and processor of the building machine into the root.", "exit 1"},
	{scenario{"root's host name", "/etc/hostname= inner.example\nL k.service: WantedBy=%H.target %l.target", "enable k"},
		"Theirs puts the name of the building machine into the root.", "exit 0\n" +
			"etc/systemd/system/inner.example.target.wants/k.service -> /usr/lib/systemd/system/k.service\netc/systemd/system/inner.target.wants/k.service -> /usr/lib/systemd/system/k.service"},
	{scenario{"template as default target", usual + "L x@.target", "set-default x@y.target"},
		"Theirs makes a link by which nothing can be booted, and tells so when it reads it again.", "exit 1\netc/systemd/system/l.service"},
	{scenario{"links to links that are broken", usual + "E aa.service -> zz.service\nE zz.service -> /nonexist/b.service", "disable b"},
		"What of this theirs removes depends on the order in which the directory is read.", "exit 0\netc/systemd/system/l.service"},
	{scenario{"disable beside what can't be followed", usual + "L w.service -> t@.service", "disable w"},
		"Theirs looks for SysV scripts first, as Debian has changed it to, and fails by that before there is anything to disable.", "exit 0\netc/systemd/system/l.service"},
	{scenario{"path with two slashes", usual + "/opt/g.service: WantedBy=multi-user.target", "enable /opt//g.service"},
		"Theirs takes over the slashes.", "exit 0\netc/systemd/system/g.service -> /opt/g.service\netc/systemd/system/l.service\netc/systemd/system/multi-user.target.wants/g.service -> /opt/g.service"},
	{scenario{"SysV script beside a unit", usual + "/etc/init.d/a= x", "enable a"},
		"Debian's runs update-rc.d in the root. A unit makes the script be ignored, at boot as well.",
		"exit 0\netc/systemd/system/l.service\netc/systemd/system/multi-user.target.wants/a.service -> /usr/lib/systemd/system/a.service"},
}

// TestDifferences pins the differences: that they are there, and what this package does.
func TestDifferences(t *testing.T) {
	needSystemctl(t)
	t.Parallel()
	for _, d := range differences {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			mine, yours := makeWorld(t, d.world), makeWorld(t, d.world)
			argv := strings.Fields(d.commands)
			want, got := theirs(t, yours, slices.Clone(argv)), ours(t, mine, argv)
			if want.String() == got.String() && !strings.HasPrefix(d.name, "links to links") {
				t.Errorf("there is no difference any more:\n%v", got)
			}
			got.links = nil
			text := strings.NewReplacer("\n\n", "\n").Replace(strings.ReplaceAll(got.String(), "\n\n", "\n"))
			if diff := cmp.Diff(strings.TrimSpace(d.ours), strings.TrimSpace(text)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
