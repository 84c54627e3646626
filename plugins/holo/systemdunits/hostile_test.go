package systemdunits

import (
	"strings"
	"testing"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// TestHostileImages: what an image has in the place of units and their links is an error that names it, or does no harm;
// nothing is written elsewhere, and the default target is still set.
func TestHostileImages(t *testing.T) {
	for _, c := range []struct {
		name   string
		make   func(w *world)
		enable string
		want   string // an outcome or an error
		links  string // that there are then, besides the default target
	}{
		{"also loop", func(w *world) {
			w.put(lib+"/h.service", "[Install]\nWantedBy=m.target\nAlso=i.service\n")
			w.put(lib+"/i.service", "[Install]\nWantedBy=m.target\nAlso=h.service i.service\n")
		}, "h", "applied", "m.target.wants/h.service -> /usr/lib/systemd/system/h.service\nm.target.wants/i.service -> /usr/lib/systemd/system/i.service\n"},
		{"alias to itself", func(w *world) { w.put(lib+"/h.service", "[Install]\nAlias=h.service\n") }, "h", "not-changed", ""},
		{"wanted by a path", func(w *world) { w.put(lib+"/h.service", "[Install]\nWantedBy=../../../../x.target\n") }, "h", "x.target", ""},
		{"alias that is a path", func(w *world) { w.put(lib+"/h.service", "[Install]\nAlias=../../../x.service\n") }, "h", "invalid unit reference", ""},
		{"odd characters", func(w *world) { w.put(lib+`/a\x2db:c_d.service`, "[Install]\nWantedBy=m.target\n") }, `a\\x2db:c_d`, "applied",
			"m.target.wants/a\\x2db:c_d.service -> /usr/lib/systemd/system/a\\x2db:c_d.service\n"},
		{"link to /dev/null", func(w *world) { w.link(lib+"/h.service", "/dev/null") }, "h", "is masked", ""},
		{"link out of the root", func(w *world) { w.link(lib+"/h.service", "../../../../../../../etc/passwd") }, "h", "nothing in its [Install]", ""},
		{"link out of the root, to what it lacks", func(w *world) { w.link(lib+"/h.service", "../../../../../../../etc/group") }, "h", "does not exist", ""},
		{"loop", func(w *world) { w.link(lib+"/h.service", "i.service"); w.link(lib+"/i.service", "h.service") }, "h", "refusing to operate on linked", ""},
		{"fifo", func(w *world) { must(w.t, w.root.Put(lib+"/h.service", fifo, nil)) }, "h", "it is a fifo", ""},
		{"directory", func(w *world) { must(w.t, w.root.Mkdir(lib+"/h.service", rootfs.Meta{Mode: 0o755})) }, "h", "it is a directory", ""},
		{"fifo for a drop-in", func(w *world) {
			w.put(lib+"/h.service", "[Install]\nWantedBy=m.target\n")
			must(w.t, rootfs.MkdirAll(w.root, lib+"/h.service.d", rootfs.Meta{Mode: 0o755}))
			must(w.t, w.root.Put(lib+"/h.service.d/x.conf", fifo, nil))
		}, "h", "x.conf", ""},
		{"huge", func(w *world) { w.put(lib+"/h.service", strings.Repeat("#"+strings.Repeat("x", 1023)+"\n", 17<<10)) }, "h", "more than 16777216 bytes", ""},
		{"instance of no template", func(*world) {}, "none@x", "does not exist", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			both(t, func(t *testing.T, w *world) {
				c.make(w)
				w.put("etc/passwd", "root\n")
				w.resource("1.toml", "enable = [\""+c.enable+"\"]\ndefault-target = \"graphical\"\n")
				id := "unit:" + strings.ReplaceAll(c.enable, `\\`, `\`) + ".service"
				w.want(id, false, c.want)
				w.want("default-target:system", false, "applied")
				equal(t, "links", c.links, strings.ReplaceAll(w.links(), "default.target -> /usr/lib/systemd/system/graphical.target\n", ""))
				entries, err := w.root.ReadDir("etc")
				if must(t, err); len(entries) != 2 {
					t.Errorf("in /etc: %v", entries)
				}
			})
		})
	}
}

// TestConfigurationElsewhere: a directory of the configuration that is a symlink is followed inside the root alone, and made
// there if it is missing.
func TestConfigurationElsewhere(t *testing.T) {
	for _, link := range []string{"etc/systemd", "etc/systemd/system"} {
		for target, ok := range map[string]bool{"/opt/there": true, "../../../../../../opt/there": true, "/opt/missing": true, "/etc/passwd": false,
			"../" + link: false} {
			t.Run(link+" to "+target, func(t *testing.T) {
				both(t, func(t *testing.T, w *world) {
					w.put("etc/passwd", "root\n")
					must(t, rootfs.MkdirAll(w.root, "opt/there", rootfs.Meta{Mode: 0o755}))
					w.link(link, target)
					w.resource("1.toml", "enable = [\"a\"]\n")
					got, err := w.apply("unit:a.service", false)
					switch {
					case ok && (err != nil || got != holo.Applied):
						t.Errorf("%s, %v", got, err)
					case !ok && (err == nil || !strings.Contains(err.Error(), "/etc/systemd")):
						t.Errorf("%s, %v", got, err)
					}
					if m, err := w.root.Lstat(link); err != nil || m.Target != target {
						t.Errorf("%s is %+v, %v", link, m, err)
					}
					if text := w.tree("etc/passwd"); text != "" {
						t.Error("a file became a directory")
					}
				})
			})
		}
	}
}
