package units

import (
	"os"
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
		"UpheldBy= came with version 254; an older systemctl does not know the key",
		"exit 0\netc/systemd/system/l.service\netc/systemd/system/up.target.upholds/k.service -> /usr/lib/systemd/system/k.service"},
	{scenario{"upheld", usual + "E up.target.upholds/a.service -> /lib/systemd/system/a.service", "is-enabled a"},
		"a link in .upholds counts since version 254", "exit 0\nenabled\netc/systemd/system/l.service\netc/systemd/system/up.target.upholds/a.service -> /usr/lib/systemd/system/a.service"},
	{scenario{"reenable an instance", usual, "reenable t@x"},
		"theirs enables the default instance instead, which nobody has asked for",
		"exit 0\netc/systemd/system/l.service\netc/systemd/system/multi-user.target.wants/t@x.service -> /usr/lib/systemd/system/t@.service"},
	{scenario{"reenable with drop-ins", usual + "L a.service.d/x.conf= [Install]\\nWantedBy=w.target\\n", "reenable a"},
		"theirs forgets the drop-ins, by which the unit is not what it was any more",
		"exit 0\netc/systemd/system/l.service\netc/systemd/system/multi-user.target.wants/a.service -> /usr/lib/systemd/system/a.service\n" +
			"etc/systemd/system/w.target.wants/a.service -> /usr/lib/systemd/system/a.service"},
	{scenario{"drop-in of a linked unit that resets", "/opt/k.service: WantedBy=m.target\nE k.service -> /opt/k.service\nL k.service.d/x.conf= [Install]\\nWantedBy=\\nWantedBy=n.target", "enable k"},
		"theirs reads the file once more after the drop-ins, which thus can't reset anything",
		"exit 0\netc/systemd/system/k.service -> /opt/k.service\netc/systemd/system/n.target.wants/k.service -> /opt/k.service"},
	{scenario{"path of a unit with drop-ins", usual + "L a.service.d/x.conf= [Install]\\nWantedBy=w.target\\n", "enable /usr/lib/systemd/system/a.service"},
		"theirs forgets the drop-ins",
		"exit 0\netc/systemd/system/l.service\netc/systemd/system/multi-user.target.wants/a.service -> /usr/lib/systemd/system/a.service\n" +
			"etc/systemd/system/w.target.wants/a.service -> /usr/lib/systemd/system/a.service"},
	{scenario{"several, one of them an alias", usual + "E y.service -> /lib/systemd/system/a.service", "enable b y"},
		"theirs finds out in the middle; where one of several can't be enabled, none is", "exit 1\netc/systemd/system/l.service\netc/systemd/system/y.service -> /usr/lib/systemd/system/a.service"},
	{scenario{"presets over a broken alias", "L a.service: WantedBy=m.target\nL w@.service -> t@.service", "preset-all"},
		"theirs does nothing at all then: one alias that a package has left keeps all units from their presets",
		"exit 0\netc/systemd/system/m.target.wants/a.service -> /usr/lib/systemd/system/a.service"},
	{scenario{"also generated", "L a.service: Also=g.service\n/run/systemd/generator/g.service: WantedBy=m.target", "enable a"},
		"the link would lead to a file that will be gone; theirs refuses it where the unit is named", "exit 0\nrun/systemd/generator/g.service"},
	{scenario{"presets over generated units", "/run/systemd/generator/g.service: WantedBy=multi-user.target", "preset-all"},
		"theirs says that it can't be done and does it all the same; the link leads to a file that will be gone", "exit 0\nrun/systemd/generator/g.service"},
	{scenario{"drop-in masked by a link", usual + "L a.service.d/w.conf= [Install]\\nWantedBy=w.target\\n\nE a.service.d/w.conf -> /dev/null", "enable a"},
		"theirs looks for dev/null in the root, and takes the unit for missing",
		"exit 0\netc/systemd/system/a.service.d/w.conf -> /dev/null\netc/systemd/system/l.service\netc/systemd/system/multi-user.target.wants/a.service -> /usr/lib/systemd/system/a.service"},
	{scenario{"unmask by another spelling", usual + "E r.service -> ../../../dev/null", "unmask r"},
		"what is-enabled calls masked, unmask unmasks", "exit 0\netc/systemd/system/l.service"},
	{scenario{"alias made, dependency not", "L k.service: WantedBy=foo;Alias=kk.service", "enable k"},
		"theirs says that it failed and exits with success",
		"exit 1\netc/systemd/system/kk.service -> /usr/lib/systemd/system/k.service"},
	{scenario{"configuration behind a symlink", "/opt/sys/x.service: WantedBy=multi-user.target\n/etc/systemd/system -> /opt/sys", "enable x"},
		"theirs follows an absolute symlink to the building machine's own files",
		"exit 0\netc/systemd/system -> /opt/sys"},
	{scenario{"dependencies behind a symlink", usual + "E multi-user.target.wants -> /opt/w\n/opt/w/z= x", "enable a"},
		"theirs follows an absolute symlink to the building machine's own files", "exit 0\netc/systemd/system/l.service\netc/systemd/system/multi-user.target.wants -> /opt/w"},
	{scenario{"drop-ins behind a symlink", usual + "E b.service.d -> /lib/systemd/system/zz\nL zz/q.conf= [Install]\\nWantedBy=w.target\\n", "enable b"},
		"theirs follows an absolute symlink to the building machine's own files", "exit 0\netc/systemd/system/b.service.d -> /usr/lib/systemd/system/zz\netc/systemd/system/l.service\n" +
			"etc/systemd/system/multi-user.target.wants/b.service -> /usr/lib/systemd/system/b.service\netc/systemd/system/w.target.wants/b.service -> /usr/lib/systemd/system/b.service"},
	{scenario{"host's specifiers", "L k.service: WantedBy=%b.target %v.target %a.target", "enable k"},
		"theirs puts boot ID, kernel and processor of the building machine into the root; here they are errors", "exit 1"},
	{scenario{"root's host name", "/etc/hostname= inner.example\nL k.service: WantedBy=%H.target %l.target", "enable k"},
		"theirs puts the name of the building machine into the root", "exit 0\n" +
			"etc/systemd/system/inner.example.target.wants/k.service -> /usr/lib/systemd/system/k.service\netc/systemd/system/inner.target.wants/k.service -> /usr/lib/systemd/system/k.service"},
	{scenario{"template as default target", usual + "L x@.target", "set-default x@y.target"},
		"theirs makes a link by which nothing can be booted", "exit 1\netc/systemd/system/l.service"},
	{scenario{"links to links that are broken", usual + "E aa.service -> zz.service\nE zz.service -> /nonexist/b.service", "disable b"},
		"what theirs removes depends on the order of the directory", "exit 0\netc/systemd/system/l.service"},
	{scenario{"disable beside what can't be followed", usual + "L w.service -> t@.service", "disable w"},
		"theirs fails while it looks for init scripts, before there is anything to disable", "exit 0\netc/systemd/system/l.service"},
	{scenario{"path with two slashes", usual + "/opt/g.service: WantedBy=multi-user.target", "enable /opt//g.service"},
		"theirs takes over the slashes", "exit 0\netc/systemd/system/g.service -> /opt/g.service\netc/systemd/system/l.service\netc/systemd/system/multi-user.target.wants/g.service -> /opt/g.service"},
	{scenario{"SysV script beside a unit", usual + "/etc/init.d/a= x", "enable a"},
		"theirs runs update-rc.d(8) in the root; beside a unit, a script is ignored at boot as well",
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

// TestDifferencesDocumented: docs/stand-ins.md lists the differences, and no others.
func TestDifferencesDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/stand-ins.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(doc), "\n## systemctl\n")
	_, rows, _ := strings.Cut(section, "| what | why |\n|---|---|\n")
	rows, _, _ = strings.Cut(rows+"\n", "\n\n")
	var want []string
	for _, d := range differences {
		want = append(want, "| "+d.name+" | "+d.why+" |")
	}
	if diff := cmp.Diff(want, strings.Split(rows, "\n")); diff != "" {
		t.Errorf("-table of the test +document:\n%s", diff)
	}
}
