package mock

import (
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// linkStory is a root, and commands, each with its exit status, what it prints, and what became of links.
type linkStory struct {
	setup string
	steps []linkStep
}

type linkStep struct {
	command string
	status  int
	stdout  string
	stderr  string
	links   string // of all runlevels, one space between them; "-" is as before
}

// runLinkStory runs one, of which list finds the links.
func runLinkStory(t *testing.T, s linkStory, list func(p initPair) string) {
	t.Helper()
	p := initPair{t, t.TempDir(), t.TempDir()}
	p.setup("mkdir -p etc/init.d usr/lib/systemd/system\n" + s.setup)
	before := list(p)
	for _, step := range s.steps {
		got := alternativesPair{t, p.theirs, p.ours}.mockTool(split(step.command), "")
		if d := cmp.Diff(printed{step.status, step.stdout, step.stderr}, got); d != "" {
			t.Errorf("%s: -want +got:\n%s", step.command, d)
		}
		want := step.links
		if want == "-" {
			want = before
		}
		before = list(p)
		if d := cmp.Diff(want, before); d != "" {
			t.Errorf("%s: -want +got:\n%s", step.command, d)
		}
	}
}

// linksBelow lists the symlinks below a directory, without what all have in common.
func linksBelow(dirs ...string) func(p initPair) string {
	return func(p initPair) string {
		var out []string
		for _, line := range p.tree(p.ours) {
			name, target, ok := strings.Cut(line, " -> ")
			for _, d := range dirs {
				if rest, below := strings.CutPrefix(name, d); below && ok && strings.Contains(rest, "/") {
					if !strings.HasSuffix(name, path.Base(target)) || !strings.HasPrefix(target, "../init.d/") && !strings.HasPrefix(target, "/etc/init.d/") {
						rest += "->" + target
					}
					out = append(out, rest)
				}
			}
		}
		return strings.Join(out, " ")
	}
}

// TestChkconfig: chkconfig(8), by its manual page.
func TestChkconfig(t *testing.T) {
	const scripts = "printf '# chkconfig: 345 20 80\\n' >etc/init.d/red; printf '### BEGIN INIT INFO\\n# Provides: lsb\\n# Default-Start: 3 5\\n### END INIT INFO\\n' >etc/init.d/lsb\n" +
		"echo exit >etc/init.d/bare; printf '[Service]\\nExecStart=/x\\n[Install]\\nWantedBy=multi-user.target\\n' >usr/lib/systemd/system/unit.service\n" +
		"touch usr/lib/systemd/system/multi-user.target\n"
	const red = "rc0.d/K80red rc1.d/K80red rc2.d/K80red rc3.d/S20red rc4.d/S20red rc5.d/S20red rc6.d/K80red"
	const redOff = "rc0.d/K80red rc1.d/K80red rc2.d/K80red rc3.d/K80red rc4.d/K80red rc5.d/K80red rc6.d/K80red"
	list := linksBelow("etc/")
	runLinkStory(t, linkStory{scripts, []linkStep{
		{command: "chkconfig --list", links: ""},
		{command: "chkconfig red", status: 1, links: ""},
		{command: "chkconfig --list red", status: 1,
			stderr: "service red supports chkconfig, but is not referenced in any runlevel (run 'chkconfig --add red')\n"},
		{command: "chkconfig --add red", links: red},
		{command: "chkconfig red", links: red},
		{command: "chkconfig --level 2 red", status: 1, links: red},
		{command: "chkconfig --list", stdout: "red            \t0:off\t1:off\t2:off\t3:on\t4:on\t5:on\t6:off\n", links: red},
		{command: "chkconfig red off", links: redOff},
		{command: "chkconfig --add red", links: redOff},
		{command: "chkconfig red reset", links: red},
		{command: "chkconfig --level 35 red off", links: strings.NewReplacer("rc3.d/S20", "rc3.d/K80", "rc5.d/S20", "rc5.d/K80").Replace(red)},
		{command: "chkconfig --level=35 red on", links: red},
		{command: "chkconfig --del red", links: ""},
		{command: "chkconfig lsb on", links: "rc2.d/S50lsb rc3.d/S50lsb rc4.d/S50lsb rc5.d/S50lsb"},
		{command: "chkconfig --del lsb", links: ""},
		{command: "chkconfig --add bare", status: 1, stderr: "service bare does not support chkconfig\n"},
		{command: "chkconfig --add missing", status: 1, stderr: "error reading information on service missing: No such file or directory\n"},
		{command: "chkconfig ../x on", status: 1, stderr: "chkconfig: \"../x\" is no name of an init script\n"},
		{command: "chkconfig unit on", stderr: "Note: Forwarding request to 'systemctl enable unit.service'.\n" +
			"Created symlink /etc/systemd/system/multi-user.target.wants/unit.service -> /usr/lib/systemd/system/unit.service.\n",
			links: "systemd/system/multi-user.target.wants/unit.service->/usr/lib/systemd/system/unit.service"},
		{command: "chkconfig unit", stdout: "enabled\n", stderr: "Note: Forwarding request to 'systemctl is-enabled unit.service'.\n", links: "-"},
		{command: "chkconfig --level 9 red on", status: 1, stderr: "chkconfig: \"9\" are no runlevels\n", links: "-"},
		{command: "chkconfig --override red", status: 1, stderr: "chkconfig: --override can't be used here\n", links: "-"},
		{command: "chkconfig red what", status: 1, stderr: errChkconfigUse.Error() + "\n", links: "-"},
	}}, list)
	runLinkStory(t, linkStory{"mkdir -p etc/rc.d/init.d; rmdir etc/init.d; ln -s rc.d/init.d etc/init.d\n" + scripts, []linkStep{
		{command: "chkconfig --add red", links: red},
	}}, linksBelow("etc/rc.d/"))
}

// TestRCUpdate: rc-update(8), by its manual page.
func TestRCUpdate(t *testing.T) {
	runLinkStory(t, linkStory{"mkdir -p etc/runlevels/default etc/runlevels/boot; touch etc/init.d/a etc/init.d/b", []linkStep{
		{command: "rc-update add a", stdout: " * service a added to runlevel default\n", links: "default/a"},
		{command: "rc-update add a", stdout: " * rc-update: a already installed in runlevel `default'; skipping\n", links: "default/a"},
		{command: "rc-update -q add a boot default", links: "boot/a default/a"},
		{command: "rc-update add b boot", stdout: " * service b added to runlevel boot\n", links: "boot/a boot/b default/a"},
		{command: "rc-update show", stdout: "                    a | boot default\n                    b | boot        \n", links: "-"},
		{command: "rc-update show default", stdout: "                    a | default\n", links: "-"},
		{command: "rc-update", stdout: "                    a | boot default\n                    b | boot        \n", links: "-"},
		{command: "rc-update del b", status: 1, stderr: " * rc-update: service `b' is not in the runlevel `default'\n", links: "-"},
		{command: "rc-update --all del a", stdout: " * service a removed from runlevel boot\n * service a removed from runlevel default\n", links: "boot/b"},
		{command: "rc-update delete b boot", stdout: " * service b removed from runlevel boot\n", links: ""},
		{command: "rc-update -a del b", status: 1,
			stderr: " * rc-update: service `b' is not in the runlevel `boot'\n * rc-update: service `b' is not in the runlevel `default'\n"},
		{command: "rc-update -a add b", status: 1, stderr: " * rc-update: the -a option is invalid with add\n"},
		{command: "rc-update add", status: 1, stderr: " * rc-update: no service specified\n"},
		{command: "rc-update -v show", stdout: "                    a |             \n                    b |             \n", links: ""},
		{command: "rc-update add c", status: 1, stderr: " * rc-update: service `c' does not exist\n"},
		{command: "rc-update add a single", status: 1, stderr: " * rc-update: `single' is not a valid runlevel\n"},
		{command: "rc-update add ../a", status: 1, stderr: " * rc-update: \"../a\" is no name of an init script\n"},
		{command: "rc-update frob", status: 1, stderr: " * rc-update: invalid command `frob'\n"},
		{command: "rc-update -s add a", status: 1, stderr: " * rc-update: --stack can't be used here: make the directory of the runlevel in /etc/runlevels\n"},
	}}, linksBelow("etc/runlevels/"))
}

// lsb makes a script that says what it needs: NAME:START:STOP.
const lsb = `lsb() { printf '### BEGIN INIT INFO\n# Provides: %s\n# Required-Start: %s\n# Required-Stop: %s\n# Default-Start: 2\n# Default-Stop: 0\n%s### END INIT INFO\n' "$1" "$2" "$2" "$3" >etc/init.d/$1; }
`

// TestInsserv: links are numbered by what the scripts need.
func TestInsserv(t *testing.T) {
	runLinkStory(t, linkStory{lsb + `lsb log '$local_fs' ''; lsb net log ''; lsb web '$network log' '# Should-Start: db
'; lsb db net ''; lsb last '$all' ''; lsb early '' '# X-Start-Before: log
'; lsb loop1 loop2 ''; lsb loop2 loop1 ''; lsb lost nothing ''; echo exit >etc/init.d/bare; echo '$network net' >etc/insserv.conf`, []linkStep{
		{command: "insserv log", links: "rc0.d/K01log rc2.d/S01log"},
		{command: "insserv net", links: "rc0.d/K01net rc0.d/K02log rc2.d/S01log rc2.d/S02net"},
		{command: "insserv web db", links: "rc0.d/K01db rc0.d/K01web rc0.d/K02net rc0.d/K03log rc2.d/S01log rc2.d/S02net rc2.d/S03db rc2.d/S04web"},
		{command: "insserv last early", links: "rc0.d/K01last rc0.d/K02db rc0.d/K02early rc0.d/K02web rc0.d/K03net rc0.d/K04log " +
			"rc2.d/S01early rc2.d/S02log rc2.d/S03net rc2.d/S04db rc2.d/S05web rc2.d/S06last"},
		{command: "insserv -r net", status: 1, stderr: "insserv: service net has to be enabled to start service db\n", links: "-"},
		{command: "insserv -f -r last early net", links: "rc0.d/K01db rc0.d/K01web rc0.d/K02log rc2.d/S01db rc2.d/S01log rc2.d/S02web"},
		{command: "insserv -f -n last", links: "-"},
		{command: "insserv missing", status: 1, stderr: "insserv: unable to read /etc/init.d/missing\n", links: "-"},
		{command: "insserv -p /srv/init.d web", status: 1,
			stderr: "insserv: --path /srv/init.d can't be used here: the scripts are those in /etc/init.d of the root that is being provisioned\n", links: "-"},
	}}, linksBelow("etc/"))
}

// TestInsservRefused: what can't be put in order is told, and no link has another number.
func TestInsservRefused(t *testing.T) {
	setup := lsb + "lsb a b ''; lsb b a ''; lsb c nothing ''; lsb d '' ''\n" +
		"mkdir -p etc/rc2.d; ln -s ../init.d/d etc/rc2.d/S20d; ln -s ../init.d/c etc/rc2.d/S20c"
	runLinkStory(t, linkStory{setup, []linkStep{
		{command: "insserv d", status: 1, stderr: "insserv: service nothing has to be enabled to start service c\n", links: "rc2.d/S20c rc2.d/S20d"},
		{command: "insserv -f d", links: "rc2.d/S01c rc2.d/S01d"},
		{command: "insserv -f a b", status: 1, stderr: "insserv: there is a loop: a needs b needs a\n",
			links: "-"},
	}}, linksBelow("etc/"))
}

// TestUpdateRCDOthers: where the root has insserv, links are numbered; where it has OpenRC, its runlevels follow.
func TestUpdateRCDOthers(t *testing.T) {
	runLinkStory(t, linkStory{lsb + "lsb a '' ''; lsb b a ''; lsb loop1 loop2 ''; lsb loop2 loop1 ''; mkdir -p sbin etc/runlevels/default; touch sbin/insserv etc/insserv.conf sbin/openrc", []linkStep{
		{command: "update-rc.d a defaults", links: "rc0.d/K01a rc2.d/S01a runlevels/default/a"},
		{command: "update-rc.d b defaults", links: "rc0.d/K01b rc0.d/K02a rc2.d/S01a rc2.d/S02b runlevels/default/a runlevels/default/b"},
		{command: "update-rc.d b disable", links: "rc0.d/K01b rc0.d/K02a rc2.d/K01b rc2.d/S01a runlevels/default/a"},
		{command: "update-rc.d b remove", links: "rc0.d/K01a rc2.d/S01a runlevels/default/a"},
		{command: "update-rc.d a remove", links: ""},
	}}, linksBelow("etc/"))
	runLinkStory(t, linkStory{lsb + "lsb loop1 loop2 ''; lsb loop2 loop1 ''; mkdir -p sbin; touch sbin/insserv etc/insserv.conf", []linkStep{
		{command: "update-rc.d loop1 defaults", links: "rc0.d/K01loop1 rc2.d/S01loop1"},
		{command: "update-rc.d loop2 defaults", status: 1,
			stderr: "update-rc.d: error: insserv rejected the script header: there is a loop: loop1 needs loop2 needs loop1\n", links: "-"},
	}}, linksBelow("etc/"))
}
