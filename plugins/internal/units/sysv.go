package units

import (
	"path"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// SysV reports whether there is an init script for a service of which there is no unit, and whether it is started at
// boot: by a symlink in the directory of a runlevel that is not for shutting down.
func (t *Tree) SysV(name string) (script, enabled bool) {
	service, ok := strings.CutSuffix(name, ".service")
	if !ok || !ValidName(name) {
		return false, false
	}
	if _, _, _, err := t.lookup(name); err == nil {
		return false, false
	}
	m, err := t.root.Lstat(path.Join("etc/init.d", service))
	if err != nil || m.Type != rootfs.Regular && m.Type != rootfs.Symlink {
		return false, false
	}
	for _, level := range "2345" {
		entries, err := t.root.ReadDir("etc/rc" + string(level) + ".d")
		if err != nil {
			continue
		}
		for _, e := range entries {
			if len(e.Name) == len("S01")+len(service) && e.Name[0] == 'S' && e.Name[len("S01"):] == service {
				return true, true
			}
		}
	}
	return true, false
}

// Enablement is State, that of an init script included.
func (t *Tree) Enablement(name string) (State, error) {
	if script, enabled := t.SysV(name); script {
		if enabled {
			return Enabled, nil
		}
		return Disabled, nil
	}
	return t.State(name)
}
