package units

var moreScenarios = []scenario{
	{"also through links", usual + `
		L k1.service: WantedBy=m.target;Also=y.service
		L k2.service: WantedBy=m.target;Also=z.service
		L k3.service: WantedBy=m.target;Also=o.service
		L k4.service: WantedBy=m.target;Also=p.service
		L k5.service: WantedBy=m.target;Also=t@j.service v@j.service
		L y.service -> a.service
		E z.service -> /lib/systemd/system/a.service
		L o.service -> /opt/o.service
		/opt/o.service: WantedBy=m.target
		E p.service -> /opt/p.service
		/opt/p.service: WantedBy=m.target
		E t@j.service -> /lib/systemd/system/t@.service
		L v@.service -> t@.service`, "enable k1; disable k1; enable k2; disable k2; enable k3; disable k3; enable k4; disable k4; enable k5; disable k5"},
	{"also unreadable", "L k.service: WantedBy=m.target;Also=o.service\nL o.service= [Ins", "enable k; disable k"},
	{"names", usual + "L k.service: WantedBy=foo ../../x.target a/b.target bad..target @.target x@y.target x@.target q.target # c % -.mount x@%i.target",
		"enable k; is-enabled k; disable k; enable ../a.service; enable .service; enable a@b@c.service; mask foo.bar; mask a.service.d"},
	{"words", `
		L a.service: WantedBy=a.target"b".target "c.target"d.target "" 'e.target' f\tg.target h\ i.target
		L b.service: WantedBy=a.target "un;RequiredBy='b.target c.target' d.target"e f".target;Alias="x y.service" z.service
		L c.service: WantedBy=dev-a\x2db.target "q\"r.target" x\.target`, "enable a; enable b; enable c"},
	{"sections", `
		L a.service= [Install]\nWantedBy=a.target\n[Foo]\nWantedBy=b.target\n[Install]\n WantedBy = c.target\n[]\nWantedBy=d.target
		L b.service= [ Install ]\nWantedBy=a.target\n
		L c.service= [Install]\nWantedBy=a.target\n[Ins
		L d.service= WantedBy=a.target\n[Install]\nwantedby=b.target\nnonsense\nWantedBy\n=x\n.include /etc/x\nX-Foo=b\nFoo=bar
		L e.service= [Unit]\nExecStart=foo \\n[Install]\nWantedBy=a.target\n`, "enable a; enable b; enable c; enable d; enable e; is-enabled a; is-enabled c; disable c"},
	{"lines", `
		L a.service= [Install]\nWantedBy=a.target \\n  # b.target\n  c.target\n\\nWantedBy=d.target
		L b.service= [Install]\nWantedBy=a.target\\nb.target\nRequiredBy=x.target\
		L c.service= [Install]\nWantedBy=a.target \  \n b.target\n
		L d.service= [Install]\n# c \\nWantedBy=b.target\n
		L e.service= [Install]\nWantedBy=a.target \\\nb.target\n`, "enable a; enable b; enable c; enable d; enable e"},
	{"resets", `
		L a.service: WantedBy=a.target b.target;WantedBy=;WantedBy=c.target
		L b.service: Alias=x.service;Alias=;Alias=y.service
		L c.service: Also=a.service;Also=;WantedBy=a.target
		L d.service: RequiredBy=a.target a.target a.target
		L n@.service: WantedBy=m.target;DefaultInstance=x;DefaultInstance=`, "enable a; enable b; enable c; enable d; enable n@; disable a b c d"},
	{"default instances", `
		L k@.service: WantedBy=m.target;DefaultInstance=%p-1
		L m@.service: WantedBy=m.target;DefaultInstance=a/b
		L o@.service: WantedBy=m.target;DefaultInstance=a b
		L p.service: DefaultInstance=x
		L q.service: DefaultInstance=x;WantedBy=m.target`, "enable k@; enable m@; enable o@; enable p; enable q; is-enabled k@ k@k-1"},
	{"default instances that are masked", "L t@.service: WantedBy=m.target;DefaultInstance=i\nE t@i.service -> /dev/null", "enable t@; preset t@; reenable t@; is-enabled t@"},
	{"default instances with a file of their own", "L t@.service: WantedBy=m.target;DefaultInstance=i\nL t@i.service: WantedBy=own.target", "enable t@; disable t@; preset t@; reenable t@; is-enabled t@"},
	{"linked by names that are none", "L w.service -> /opt/nope\n/opt/nope= x\nL v.service -> /opt/a.socket\n/opt/a.socket= x", "is-enabled w; enable w; preset-all; enable v; is-enabled v"},
	{"specifiers", `
		L t@.service: WantedBy=%p-%i-%j-%N-%n.target;Alias=%p-%j@%i.service
		L a-b.service: WantedBy=%p-%j-%N.target %i.target %n.wants x%%.target
		L k@.service: WantedBy=%i.target w-%j.target %n.target %N.target;DefaultInstance=d;Alias=al@%i.service n@.service;Also=z@%i.service
		L z@.service: WantedBy=%i-z.target
		L y@.service: WantedBy=y.target;Also=z@%i.service;DefaultInstance=d`,
		"enable t@x; enable a-b; disable t@x; disable a-b; enable k@; disable k@; enable k@q; is-enabled k@ k@q k@d; disable k@q; enable y@; disable y@"},
	{"specifiers of the root", `
		/etc/os-release= ID=deb\nVERSION_ID="12"\nVARIANT_ID=va\nBUILD_ID=bi\n
		/etc/machine-id= 0123456789abcdef0123456789abcdef\n
		L a.service: WantedBy=%m.target %u-%U-%g-%G.target %o-%w-%W-%B-%A-%M.target`, "enable a; disable a"},
	{"specifiers that are none", "L a.service: WantedBy=%y.target q.target\nL b.service: RequiredBy=%I.target r.target\nL c.service: Alias=%t.service s.service",
		"enable a; enable b; enable c; enable a b c; is-enabled c"},

	{"mask", usual, "enable a; mask a; disable a; is-enabled a; enable a; preset a; reenable a; unmask a; is-enabled a; mask t@ t@x; is-enabled t@x t@y; enable t@x; unmask t@ t@x"},
	{"mask where a file is", usual, "mask l; enable l; is-enabled l; mask --force l; unmask l"},
	{"mask where a link is", usual + "/opt/a.service: WantedBy=multi-user.target\nE a.service -> /opt/a.service", "is-enabled a; mask a; mask --force a; unmask a"},
	{"mask until the next boot", usual + "R a.service -> /dev/null", "is-enabled a; enable a; mask a; is-enabled a; unmask a; is-enabled a; unmask --runtime a; mask --runtime b; is-enabled b"},
	{"mask by the vendor", usual + "L m.service -> /dev/null\nL n.service= ", "is-enabled m; enable m; mask m; unmask m; preset m; disable m; is-enabled n; enable n; list-unit-files"},
	{"mask by another spelling", usual + "E r.service -> ../../../dev/null", "is-enabled r; mask r; enable r; disable r"},
	{"mask in other ways", usual + "E e.service= \nE d.service -> /dev/null\nE q.service -> e.service\nE x@.service -> /dev/null\nR z.service -> /dev/null",
		"is-enabled e; is-enabled q; mask e; unmask d e q x@ z; unmask x@"},

	{"linked", usual + "/opt/k.service: WantedBy=multi-user.target", "enable /opt/k.service; is-enabled k; disable k; is-enabled k; enable /opt/k.service; reenable k; reenable /opt/k.service"},
	{"linked by hand", usual + "/opt/g.service: WantedBy=multi-user.target\nE g.service -> ../../../opt/g.service", "is-enabled g; enable g; disable g"},
	{"linked until the next boot", usual + "/opt/o.service: WantedBy=multi-user.target\nR o.service -> /opt/o.service", "is-enabled o; disable o; disable --runtime o"},
	{"linked with aliases", usual + "/opt/g.service: Alias=h.service\nE g.service -> /opt/g.service\nE h.service -> /opt/g.service\nE i.service -> g.service", "is-enabled g; is-enabled h; is-enabled i; disable g"},
	{"linked template", usual + "/opt/g@.service: WantedBy=multi-user.target\nE g@.service -> /opt/g@.service", "is-enabled g@; is-enabled g@x; enable g@x; is-enabled g@; disable g@x; disable g@"},
	{"linked instance", usual + "/opt/t@x.service: WantedBy=multi-user.target", "enable /opt/t@x.service; is-enabled t@x; is-enabled t@; disable t@x"},
	{"linked by the vendor", usual + "L e.service -> /opt/e.service\n/opt/e.service: WantedBy=multi-user.target\nL g.service -> /opt/g.service\n/opt/g.service", "is-enabled e g; enable e; disable e; enable g"},
	{"linked by another name", usual + "L e.service -> /opt/f.service\n/opt/f.service: WantedBy=multi-user.target", "is-enabled e; enable e; disable e; enable /opt/f.service; disable e; disable f"},
	{"paths", usual + "/opt/sub/m.service -> /opt/g.service\n/opt/g.service: WantedBy=multi-user.target;Alias=gx.service\n/opt/bad.txt= x\n/opt/t@.service: WantedBy=multi-user.target",
		"enable /opt/g.service; enable /opt/sub/m.service; enable /opt/bad.txt; enable /opt/nope.service; enable /opt/t@.service; enable /opt/t@x.service; enable /etc/systemd/system/l.service; enable /opt; disable gx; disable g"},
	{"paths over others", usual + "/opt/a.service: WantedBy=multi-user.target\n/opt/l.service\n/opt/o.service: WantedBy=m.target\nE o.service -> /dev/null",
		"enable /opt/a.service; is-enabled a; disable a; enable /opt/l.service; enable /opt/o.service; enable --force /opt/o.service"},
	{"paths in the search path", usual, "enable /usr/lib/systemd/system/a.service; is-enabled a; disable a"},

	{"broken dependency", usual + "E multi-user.target.wants/a.service -> /nonexist/a.service", "is-enabled a; enable a; disable a"},
	{"relative dependency", usual + "E multi-user.target.wants/a.service -> ../../../../usr/lib/systemd/system/a.service", "is-enabled a; enable a; disable a"},
	{"dependency by the vendor", usual + "L multi-user.target.wants/a.service -> ../a.service\nL multi-user.target.wants/s.service -> ../s.service", "is-enabled a s; enable a; disable a"},
	{"dependencies by hand", usual + `
		E foo.target.wants/a.service -> /lib/systemd/system/a.service
		E m.wants/b.service -> /lib/systemd/system/b.service
		E m@.target.requires/s.service -> /lib/systemd/system/s.service`, "is-enabled a; is-enabled b; is-enabled s; enable a; reenable a; disable a b s"},
	{"dependency on another unit by the name", usual + "E multi-user.target.wants/a.service -> /lib/systemd/system/b.service", "is-enabled a b; enable a; disable b; disable a"},
	{"dependency by another name", usual + "E multi-user.target.wants/zz.service -> /lib/systemd/system/b.service", "is-enabled b; enable b; disable b"},
	{"dependency until the next boot", usual + "R multi-user.target.wants/a.service -> /lib/systemd/system/a.service", "is-enabled a; enable a; disable a; is-enabled a; disable --runtime a"},
	{"dependency that is no link", usual + "E multi-user.target.wants/a.service= x\nE graphical.target.wants/b.service/x= x", "enable a; is-enabled a; disable a"},
	{"directory of dependencies that is none", usual + "E multi-user.target.wants= x", "enable a; is-enabled a; disable a"},
	{"what is left of units", usual + `
		E multi-user.target.wants/zz.service -> /nonexist/b.service
		E yy.service -> /nonexist/b.service
		E ww.service -> ../../x/b.service`, "disable b"},
	{"chains of links", usual + "E y.service -> /lib/systemd/system/b.service\nE z.service -> y.service\nE multi-user.target.wants/q.service -> ../z.service\nE multi-user.target.wants/x.service -> /x/y/z", "is-enabled b y z; disable b"},
	{"chains of links, from their end", usual + "E y.service -> /lib/systemd/system/b.service\nE z.service -> y.service\nE multi-user.target.wants/b.service -> /lib/systemd/system/b.service", "disable z"},
	{"links in all kinds of places", usual + `
		E foo/a.service -> /lib/systemd/system/a.service
		E a.service.d/a.service -> /lib/systemd/system/a.service
		E x.wants/y.wants/a.service -> /lib/systemd/system/a.service
		E multi-user.target.wants/a -> /lib/systemd/system/a.service
		E multi-user.target.wants/a.service~ -> /lib/systemd/system/a.service
		E multi-user.target.wants/README= x
		E empty.target.wants/`, "is-enabled a; disable a"},
	{"links of instances", usual + `
		E multi-user.target.wants/t@x.service -> /lib/systemd/system/t@.service
		E multi-user.target.wants/q@x.service -> /lib/systemd/system/t@.service
		E multi-user.target.wants/zz.service -> /lib/systemd/system/t@x.service
		E t@x.service -> /lib/systemd/system/t@.service
		E u@.service -> /lib/systemd/system/t@.service`, "is-enabled t@ t@x u@; disable t@x; disable q@x; disable u@x; disable t@"},
	{"masks among the links", usual + "E multi-user.target.wants/a.service -> /dev/null\nE b.service -> /dev/null\nE multi-user.target.wants/b.service -> /dev/null", "is-enabled a; disable a; disable b"},
	{"broken unit", usual + "E a.service -> /opt/a.service\nE y.service -> /opt/b.service", "is-enabled a; is-enabled b y; enable a; disable a; enable y; disable y"},
	{"loops", usual + "E x.service -> y.service\nE y.service -> x.service", "is-enabled x; enable x; disable x"},
	{"link by the same name", usual + "E a.service -> /lib/systemd/system/a.service", "is-enabled a; enable a; disable a; is-enabled a"},
	{"directory", usual + "L d.service/x= x\nL e.service -> /etc", "enable d; is-enabled d; mask d; enable e"},

	{"order of directories", usual + `
		R a.service: WantedBy=run.target
		/etc/systemd/system.control/b.service: WantedBy=ctl.target
		/etc/systemd/system.attached/s.service: WantedBy=att.target
		/run/systemd/system.control/q.service: WantedBy=runctl.target
		/usr/local/lib/systemd/system/l.service: WantedBy=loc.target`, "enable a; enable b; enable s; enable q; enable l; is-enabled a b s q l; list-unit-files"},
	{"links in other directories", usual + `
		/etc/systemd/system.control/multi-user.target.wants/a.service -> /lib/systemd/system/a.service
		/etc/systemd/system.attached/multi-user.target.wants/b.service -> /lib/systemd/system/a.service
		/usr/local/lib/systemd/system/multi-user.target.wants/t@d.service -> /lib/systemd/system/t@.service`, "is-enabled a b t@; disable a b t@"},
	{"root before the merge of /usr", "/lib/systemd/system/u.service: WantedBy=multi-user.target\n/lib/systemd/system/a.service: WantedBy=other.target\nL a.service: WantedBy=multi-user.target\nL v.service: WantedBy=multi-user.target", "enable u a v; is-enabled u a v; disable u a v"},
	{"generated and transient", "/run/systemd/generator/a.service\n/run/systemd/transient/b.service\n/run/systemd/generator.late/c.service: WantedBy=multi-user.target\n/run/systemd/generator.early/d.service: WantedBy=multi-user.target",
		"is-enabled a b c d; enable a; enable b; enable c; preset c; list-unit-files"},

	{"presets without a file", usual, "preset a; preset t@; preset t@x; preset s; list-unit-files; preset-all"},
	{"presets that disable all", usual + `P 99-d.preset= disable *\n`, "enable a; preset a b; preset-all; list-unit-files"},
	{"presets of instances", usual + `P 10.preset= enable t@.service x y\nenable a.*\ndisable *\n`, "preset t@; preset t@z; preset t@x; is-enabled t@; preset-all; list-unit-files"},
	{"presets that name instances", usual + `P 10.preset= enable t@x.service\nenable t@y.service\ndisable *\n`, "preset t@x; preset t@z; preset t@; preset-all"},
	{"presets that disable instances", usual + "P 1.preset= disable t@.service\\n\nE m.target.wants/t@x.service -> /lib/systemd/system/t@.service", "preset t@x; preset t@"},
	{"presets of a template without default", "L nd@.service: WantedBy=multi-user.target\nL ne@.service: WantedBy=multi-user.target\nP 1.preset= enable nd@.service x\\n", "preset nd@; preset ne@; preset-all"},
	{"order of presets", usual + `
		P 20.preset= enable a.service\n
		/etc/systemd/system-preset/10.preset= disable a.service\n
		/run/systemd/system-preset/20.preset= disable b.service\n
		/usr/local/lib/systemd/system-preset/30.preset= disable t@.service\n`, "preset a b t@"},
	{"lines of presets", usual + `
		P 20.preset= # c\n; d\n  disable a.service  \nfoo b.service\nENABLE x\ndisable\ndisable b.service c d\nenable * \n
		P x.conf= disable *\n`, "preset a b l"},
	{"hidden presets", usual + "P 20.preset= disable *\\n\n/etc/systemd/system-preset/20.preset= \nP 21.preset= disable b.service", "preset a b"},
	{"presets masked by a link", usual + "P 20.preset= disable *\\n\n/etc/systemd/system-preset/20.preset -> /dev/null", "preset a"},
	{"patterns of presets", usual + `P 20.preset= disable [ab].service\nenable ?.service\ndisable {l,x}*\n`, "preset-all"},
	{"modes of presets", usual + `P 20.preset= disable a.service\nenable b.service\n`,
		"enable a; preset --preset-mode=enable-only a b; preset --preset-mode=disable-only a b; enable l; preset-all --preset-mode=disable-only"},
	{"presets and also", usual + "L p.service: WantedBy=multi-user.target;Also=b.service\nP 1.preset= disable p.service\\nenable b.service\\ndisable *\\n", "enable p b; preset p; enable b; preset-all"},
	{"presets and also, in conflict", usual + "L p.service: WantedBy=multi-user.target;Also=b.service\nP 1.preset= enable p.service\\ndisable *\\n", "preset p; preset-all; preset-all"},
	{"presets in conflict", usual + "L x1.service: Alias=dm.service\nL x2.service: Alias=dm.service", "preset x1 x2"},
	{"presets until the next boot", usual, "preset --runtime a; is-enabled a"},
	{"presets of instances of what is masked", "L t@.service: WantedBy=m.target\nE t@.service -> /dev/null", "preset t@i; preset t@"},
	{"presets that disable what is masked", "L t@.service: WantedBy=m.target\nE t@.service -> /dev/null\nL b.service= [Ins\nP 1.preset= disable *", "preset t@i; preset t@; preset b; preset nope"},
	{"presets that enable masked instances", "L t@.service: WantedBy=m.target\nE t@x.service -> /dev/null\nP 1.preset= enable t@.service x y\\ndisable *\\n", "preset t@; preset-all"},
	{"presets of aliases of templates", "L t@.service: WantedBy=m.target\nL u@.service -> t@.service\nE w@.service -> /lib/systemd/system/t@.service\nP 1.preset= disable *", "preset u@i; preset u@; preset w@i; preset w@"},
	{"presets that disable static units", "L s.service\nE m.target.wants/s.service -> /lib/systemd/system/s.service\nL t@.service\nE m.target.wants/t@i.service -> /lib/systemd/system/t@.service\nE t@j.service -> /lib/systemd/system/t@.service\nP 1.preset= disable *", "preset s; preset t@; preset t@j"},
	{"presets over masks and links", usual + "E b.service -> /dev/null\nE z.service -> /lib/systemd/system/a.service\nE br.service -> /nope\nE lx.service -> ly.service\nE ly.service -> lx.service\nL v.service -> a.service", "preset-all; list-unit-files"},
	{"presets over what can't be read", usual + "L bad.service= [Ins", "preset-all; list-unit-files"},
	{"presets over linked files", usual + "E o.service -> /opt/o.service\n/opt/o.service: WantedBy=multi-user.target\nL o2.service -> /opt/o.service", "preset-all"},
	{"presets over what is no unit", usual + "L d.service/x= x\nL notunit= x\nL x.conf= x\nL @.service= x", "preset-all"},

	{"reenable", usual, "reenable a; reenable a; reenable a nope"},
	{"reenable what is masked", usual + "E b.service -> /dev/null", "reenable b; reenable a b"},

	{"default target", usual, "get-default; set-default graphical.target; set-default multi-user; get-default; set-default multi-user; set-default a.service; get-default; set-default foo; mask graphical.target; set-default graphical"},
	{"default target of the vendor", usual + "L default.target -> graphical.target\nL g.target -> graphical.target\nL real.target",
		"get-default; set-default g.target; get-default; set-default default.target; set-default graphical.target; get-default; set-default real.target; is-enabled graphical.target real.target default.target; disable default.target; disable real.target"},
	{"default target that is a file", usual + "E default.target", "get-default; set-default graphical.target"},
	{"default target that is broken", usual + "E default.target -> /lib/nope.target", "get-default; set-default graphical.target"},
	{"default target that is masked", usual + "E default.target -> /dev/null", "get-default; set-default graphical.target"},
	{"default target's dependencies", usual + "E default.target.wants/a.service -> /lib/systemd/system/a.service", "is-enabled a"},
	{"empty root", "", "enable multi-user.target; is-enabled multi-user.target; get-default; list-unit-files; disable multi-user.target"},
}
