package units

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scenario is a root and what is done with it, one command after the other.
type scenario struct {
	name, world string
	// commands are separated by ";".
	commands string
}

// usual is a world that many scenarios add something to.
const usual = `
	L a.service: WantedBy=multi-user.target
	L b.service: WantedBy=multi-user.target
	L t@.service: WantedBy=multi-user.target;DefaultInstance=d
	L s.service
	E l.service: WantedBy=multi-user.target
`

// scenarios are sequences after each of whose commands links, exit status and answer are those of systemctl.
var scenarios = []scenario{
	{"enable and disable", usual, "is-enabled a; enable a; enable a; is-enabled a; enable l; disable a l; is-enabled a; list-unit-files"},
	{"static", usual, "enable s; is-enabled s; disable s; reenable s; preset s"},
	{"several", usual + "E b.service -> /dev/null", "enable a b l; enable a nope; enable nope a; mask a l b; unmask a l b nope; disable a nope l"},
	{"missing", usual, "enable nope; disable nope; is-enabled nope; mask nope; is-enabled nope; unmask nope; preset nope; reenable nope"},
	{"template without default", `L t@.service: WantedBy=multi-user.target`,
		"enable t@; is-enabled t@; enable t@a; is-enabled t@ t@a t@b; disable t@; enable t@a t@b; disable t@a; disable t@b"},
	{"template with default", usual,
		"is-enabled t@ t@d; enable t@; is-enabled t@ t@d t@e; enable t@e; disable t@; enable t@e; is-enabled t@"},
	{"dependency of a template", "L t@.service: WantedBy=c@.target x@y.target\nL c@.target\nL k@.service: WantedBy=c@.target x@y.target;DefaultInstance=d",
		"enable t@; is-enabled t@ t@q; enable t@q; disable t@q; enable k@; disable k@ t@"},
	{"instance with a file of its own", usual + "L t@i.service: WantedBy=i.target", "enable t@i; is-enabled t@i t@j t@; disable t@"},
	{"alias", `L a.service: Alias=b.service c.socket a.service d@.service`, "enable a; is-enabled a b; disable b; disable a; enable b"},
	{"alias and dependency", `L k.service: WantedBy=multi-user.target;Alias=kk.service`, "enable k; is-enabled k kk; disable kk; enable k; disable k"},
	{"alias where a file is", "L a.service: Alias=b.service;WantedBy=multi-user.target\nE b.service", "enable a; is-enabled a b; enable --force a"},
	{"alias where a link is", "L a.service: Alias=b.service;WantedBy=multi-user.target\nL z.service: Alias=b.service",
		"enable z; enable a; enable --force a; disable z; is-enabled z a b"},
	{"alias over a link to elsewhere", usual + "E a.service -> /opt/zzz.service\nL k.service: Alias=a.service", "enable k; enable --force k; mask --force k"},
	{"alias of a template", `L t@.service: Alias=u@.service;WantedBy=multi-user.target;DefaultInstance=d`,
		"enable t@; is-enabled t@ u@ u@d t@d; disable t@; enable t@x; is-enabled u@x t@x t@; disable t@x"},
	{"alias of an instance", `L t@.service: Alias=u@%i.service u.service v@z.service`,
		"enable t@; enable t@x; is-enabled u@x t@x t@; is-enabled u; disable t@x; disable t@; enable t@z"},
	{"alias in a directory of dependencies", `
		L a.service: Alias=graphical.target.wants/a.service graphical.target.requires/b.service foo/a.service graphical.target.wants/x.socket
		L k.service: Alias=multi-user.target.wants/k.service
		L tt@.service: Alias=multi-user.target.wants/tt@.service multi-user.target.wants/tt@q.service c@.target.wants/tt@.service`,
		"enable a; is-enabled a; disable a; enable k; is-enabled k; enable tt@; enable tt@q; enable tt@r"},
	{"alias of types without", "L opt-x.mount: Alias=opt-y.mount;WantedBy=local-fs.target\nL a.slice: Alias=b.slice\nL a.swap: Alias=b.swap\nL a.automount: Alias=b.automount\nL a.scope: Alias=b.scope\nL a.device: Alias=b.device",
		"enable opt-x.mount; enable a.slice; enable a.swap; enable a.automount; enable a.scope; enable a.device; is-enabled opt-x.mount a.slice; disable opt-x.mount"},
	{"alias of the vendor", "L a.service: WantedBy=multi-user.target;Alias=c.service\nL b.service -> a.service",
		"is-enabled a b; enable b; is-enabled a b c; disable b; disable a; is-enabled c; preset b; preset-all; list-unit-files; reenable b"},
	{"alias of the administrator", usual + "E y.service -> /lib/systemd/system/b.service",
		"is-enabled b y; enable y; is-enabled b; preset y; preset b; reenable y; disable b; is-enabled y"},
	{"alias of the administrator for a static unit", usual + "E y.service -> /lib/systemd/system/s.service", "is-enabled s y; enable y; disable s; disable y"},
	{"alias until the next boot", usual + "R y.service -> /lib/systemd/system/b.service", "is-enabled b y; enable y; disable y; disable --runtime y"},
	{"aliases of aliases", "L c1.service -> c2.service\nL c2.service -> c3.service\nL c3.service: WantedBy=multi-user.target",
		"is-enabled c1 c2 c3; enable c1; disable c2; disable c1"},
	{"aliases of templates", usual + "L v@.service -> t@.service\nL w@i.service -> t@.service\nE w@j.service -> /lib/systemd/system/t@.service",
		"is-enabled v@ v@x w@i w@j; enable v@x; enable w@i; enable v@; disable v@x; enable w@j; disable w@j"},
	{"alias of another type", usual + "L e.socket -> a.service", "is-enabled e.socket; enable e.socket; disable e.socket"},
	{"alias of another kind", usual + "L w.service -> t@.service", "enable w; is-enabled w"},
	{"also", `
		L a.service: WantedBy=multi-user.target;Also=b.service
		L b.service: WantedBy=multi-user.target;Also=c.service nope.service t@.service
		L c.service: WantedBy=multi-user.target
		L t@.service: WantedBy=multi-user.target;DefaultInstance=x`, "enable a; disable a; is-enabled a b c; reenable a"},
	{"also and nothing else", "L a.service: Also=b.service\nL b.service: WantedBy=multi-user.target\nL k@.service: Also=b.service;DefaultInstance=e",
		"is-enabled a; enable a; is-enabled a; disable a; is-enabled k@ k@x; enable k@; enable k@q; disable k@q"},
	{"also masked or static", usual + "L k.service: WantedBy=multi-user.target;Also=b.service s.service\nE b.service -> /dev/null", "enable k; disable k"},
	{"also missing, with a link left", usual + "L k.service: WantedBy=multi-user.target;Also=nope.service s.service\nE m.target.wants/nope.service -> /x/nope.service\nE m.target.wants/s.service -> /lib/systemd/system/s.service", "disable k"},
	{"also of templates", "L k@.service: WantedBy=x.target;Also=z@.service\nL z@.service: WantedBy=z.target\nL m@.service: WantedBy=x.target;Also=n@.service\nL n@.service: WantedBy=z.target;DefaultInstance=m",
		"enable k@q; disable k@q; enable m@q; disable m@q"},
	{"also with names that are none", "L a.service: WantedBy=m.target;Also=foo\nL b.service: WantedBy=m.target;Also=../x.service\nL c.service: Also=%y.service\nL d.service: Also=x%%.service",
		"enable a; is-enabled a; disable a; enable b; enable c; enable d; preset a"},
	{"drop-ins", "L a.service\nL a.service.d/10.conf= [Install]\\nWantedBy=multi-user.target\\n\nE a.service.d/20.conf= [Install]\\nAlias=q.service\\n",
		"is-enabled a; enable a; is-enabled a q; disable a"},
	{"drop-ins that reset", usual + "E a.service.d/20.conf= [Install]\\nWantedBy=\\nWantedBy=graphical.target\\n", "enable a"},
	{"drop-ins that replace", "L a.service\nL a.service.d/20.conf= [Install]\\nWantedBy=x.target\\n\nE a.service.d/20.conf= [Install]\\nRequiredBy=x.target\\n", "enable a; is-enabled a"},
	{"drop-ins of all directories", usual + `
		R a.service.d/1.conf= [Install]\nWantedBy=run.target\n
		/run/systemd/generator/a.service.d/2.conf= [Install]\nWantedBy=gen.target\n
		/etc/systemd/system.control/a.service.d/3.conf= [Install]\nWantedBy=ctl.target\n
		/usr/local/lib/systemd/system/a.service.d/4.conf= [Install]\nWantedBy=loc.target\n`, "enable a"},
	{"drop-ins of templates", usual + `
		L t@.service.d/x.conf= [Install]\nWantedBy=tmpl.target\n
		L t@i.service.d/x.conf= [Install]\nWantedBy=inst.target\n
		L t@i.service.d/a.conf= [Install]\nWantedBy=a.target\n
		E t@j.service.d/x.conf= [Install]\nWantedBy=inst.target\n
		E t@.service.d/y.conf= [Install]\nWantedBy=ty.target\n
		L t@j.service.d/y.conf= [Install]\nWantedBy=jy.target\n`, "enable t@i; enable t@j; is-enabled t@i t@k"},
	{"drop-ins of other names", usual + `
		L a.service.d/x.txt= [Install]\nWantedBy=x.target\n
		L a.service.d/.y.conf= [Install]\nWantedBy=y.target\n
		L a.service.d/empty.conf= 
		L a.service.d/w.conf -> ../w
		/usr/lib/systemd/system/w= [Install]\nWantedBy=w.target\n
		E service.d/20.conf= [Install]\nWantedBy=type.target\n
		L b.service.d -> zz
		/usr/lib/systemd/system/zz/q.conf= [Install]\nWantedBy=w.target\n`, "enable a; enable b"},
	{"drop-ins that can't be read", usual + "L a.service.d/w.conf= [Ins\nL b.service.d/w.conf -> ../w", "enable a; is-enabled a; disable a; enable b"},
}

// TestDifferential holds this package against systemctl.
func TestDifferential(t *testing.T) {
	needSystemctl(t)
	t.Parallel()
	for _, s := range append(scenarios, moreScenarios...) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			mine, yours := makeWorld(t, s.world), makeWorld(t, s.world)
			for c := range strings.SplitSeq(s.commands, "; ") {
				argv := strings.Fields(c)
				want := theirs(t, yours, argv)
				got := ours(t, mine, argv)
				if diff := cmp.Diff(want.String(), got.String()); diff != "" {
					t.Fatalf("%s (-systemctl +ours):\n%s", c, diff)
				}
			}
		})
	}
}
