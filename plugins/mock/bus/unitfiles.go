package bus

import (
	"errors"
	"path"
	"slices"

	"github.com/godbus/dbus/v5"

	"github.com/holo-build/holo-build/plugins/internal/units"
)

// Flags of methods that take them as a number; org.freedesktop.systemd1(5), "EnableUnitFilesWithFlags".
const (
	flagRuntime = 1
	flagForce   = 2
)

// What methods tell of symlinks that were made and removed, unit files, units and jobs.
type (
	change     struct{ Type, Path, Source string }
	listedFile struct{ Path, State string }
	listedUnit struct {
		Name, Description, Load, Active, Sub, Following string
		Path                                            dbus.ObjectPath
		JobID                                           uint32
		JobType                                         string
		JobPath                                         dbus.ObjectPath
	}
	listedJob struct {
		ID                uint32
		Unit, Type, State string
		Path, UnitPath    dbus.ObjectPath
	}
)

// unitFileMethods are those that systemctl(1) does its work on unit files by.
func unitFileMethods() map[string]method {
	const changes, both = "a(sss)", "b a(sss)"
	return map[string]method{
		"EnableUnitFiles": {"as b b", both, func(k *call) result {
			return k.changed(true, k.tree().Enable(k.named(), options(k.flag(1), k.flag(2))))
		}},
		"EnableUnitFilesWithFlags": {"as t", both, func(k *call) result {
			return k.changed(true, k.tree().Enable(k.named(), byFlags(k.number64(1))))
		}},
		"ReenableUnitFiles": {"as b b", both, func(k *call) result {
			return k.changed(true, k.tree().Reenable(k.named(), options(k.flag(1), k.flag(2))))
		}},
		"DisableUnitFiles": {"as b", changes, func(k *call) result {
			return k.changed(false, k.tree().Disable(k.named(), options(k.flag(1), false)).Without(units.ErrNotFound))
		}},
		"DisableUnitFilesWithFlags": {"as t", changes, func(k *call) result {
			return k.changed(false, k.tree().Disable(k.named(), byFlags(k.number64(1))).Without(units.ErrNotFound))
		}},
		"DisableUnitFilesWithFlagsAndInstallInfo": {"as t", both, func(k *call) result {
			return k.changed(true, k.tree().Disable(k.named(), byFlags(k.number64(1))).Without(units.ErrNotFound))
		}},
		"MaskUnitFiles": {"as b b", changes, func(k *call) result {
			return k.changed(false, k.tree().Mask(k.list(0), options(k.flag(1), k.flag(2))))
		}},
		"UnmaskUnitFiles": {"as b", changes, func(k *call) result {
			return k.changed(false, k.tree().Unmask(k.list(0), options(k.flag(1), false)))
		}},
		"PresetUnitFiles": {"as b b", both, func(k *call) result {
			return k.changed(true, k.tree().Preset(k.named(), units.PresetFull, options(k.flag(1), k.flag(2))))
		}},
		"PresetUnitFilesWithMode": {"as s b b", both, func(k *call) result {
			mode, e := presetMode(k.text(1))
			if e != nil {
				return refused(e)
			}
			return k.changed(true, k.tree().Preset(k.named(), mode, options(k.flag(2), k.flag(3))))
		}},
		"PresetAllUnitFiles": {"s b b", changes, func(k *call) result {
			mode, e := presetMode(k.text(0))
			if e != nil {
				return refused(e)
			}
			return k.changed(false, k.tree().PresetAll(mode, options(k.flag(1), k.flag(2))))
		}},
		"SetDefaultTarget": {"s b", changes, func(k *call) result {
			return k.changed(false, k.tree().SetDefaultTarget(k.text(0), options(false, k.flag(1))))
		}},
		"GetDefaultTarget": {"", "s", func(k *call) result {
			target, err := k.tree().DefaultTarget()
			if errors.Is(err, units.ErrNotFound) {
				return refused(failure(fileNotFound, "No such file or directory"))
			}
			return done(err, target)
		}},
		"GetUnitFileState": {"s", "s", func(k *call) result {
			state, err := k.tree().Enablement(k.text(0))
			if errors.Is(err, units.ErrNotFound) {
				return refused(failure(fileNotFound, "No such file or directory"))
			}
			return done(err, string(state))
		}},
	}
}

// listMethods are those that list units and their files.
func listMethods() map[string]method {
	return map[string]method{
		"ListUnitFiles": {"", "a(ss)", func(k *call) result { return k.listFiles(nil, nil) }},
		"ListUnitFilesByPatterns": {"as as", "a(ss)", func(k *call) result {
			return k.listFiles(k.list(0), k.list(1))
		}},
		"ListUnits":         {"", "a(ssssssouso)", func(k *call) result { return k.listUnits(nil, nil) }},
		"ListUnitsFiltered": {"as", "a(ssssssouso)", func(k *call) result { return k.listUnits(k.list(0), nil) }},
		"ListUnitsByPatterns": {"as as", "a(ssssssouso)", func(k *call) result {
			return k.listUnits(k.list(0), k.list(1))
		}},
		"ListUnitsByNames": {"as", "a(ssssssouso)", func(k *call) result {
			list := []listedUnit{}
			for _, name := range k.list(0) {
				if !units.ValidName(name) {
					return refused(failure(invalidArgs, "Unit name %.300q is not valid", name))
				}
				list = append(list, k.listed(name))
			}
			return realised(list)
		}},
	}
}

func (k *call) tree() *units.Tree {
	if k.units == nil {
		k.units = units.Open(k.root)
	}
	return k.units
}

// named are the units that the first argument lists: names, and paths of the root, whatever the process calls that.
func (k *call) named() []string {
	list := slices.Clone(k.list(0))
	for i, name := range list {
		if path.IsAbs(name) {
			list[i] = path.Join("/", k.b.o.Use.Name(name))
		}
	}
	return list
}

func options(runtime, force bool) units.Options { return units.Options{Runtime: runtime, Force: force} }

func byFlags(flags uint64) units.Options {
	return options(flags&flagRuntime != 0, flags&flagForce != 0)
}

func presetMode(text string) (units.PresetMode, *dbus.Error) {
	if text == "" {
		return units.PresetFull, nil
	}
	if mode := units.PresetMode(text); slices.Contains([]units.PresetMode{units.PresetFull, units.PresetEnable, units.PresetDisable}, mode) {
		return mode, nil
	}
	return "", failure(invalidArgs, "there is no preset mode %.300q", text)
}

// changed tells what has become of symlinks; first says that whether there was anything to install is told before that.
func (k *call) changed(first bool, r units.Report) result {
	list := []change{}
	for _, e := range r.Events {
		switch e.Op {
		case units.Linked:
			list = append(list, change{"symlink", e.Path, e.Target})
		case units.Unlinked:
			list = append(list, change{"unlink", e.Path, ""})
		}
	}
	out := []any{list}
	if first {
		out = []any{r.Installable, list}
	}
	answer := done(r.Err(), out...)
	if len(list) > 0 {
		answer.after = func() {
			k.b.mu.Lock()
			defer k.b.mu.Unlock()
			k.b.emit(k.s.unique, "", managerPath, managerIface, "UnitFilesChanged")
		}
	}
	return answer
}

func (k *call) listFiles(states, patterns []string) result {
	t := k.tree()
	all, err := t.List()
	if err != nil {
		return refused(asFailure(err))
	}
	list := []listedFile{}
	for _, f := range all {
		if f.Listed(states, patterns) {
			list = append(list, listedFile{t.FileOf(f.Name), string(f.State)})
		}
	}
	return realised(list)
}

// listUnits lists all units that have files, as none runs that has not.
func (k *call) listUnits(states, patterns []string) result {
	all, err := k.tree().List()
	if err != nil {
		return refused(asFailure(err))
	}
	list := []listedUnit{}
	for _, f := range all {
		if f.State == units.Alias || units.IsTemplate(f.Name) || !f.Listed(nil, patterns) {
			continue
		}
		u := k.listed(f.Name)
		if len(states) == 0 || slices.ContainsFunc(states, func(s string) bool { return s == u.Load || s == u.Active || s == u.Sub }) {
			list = append(list, u)
		}
	}
	return realised(list)
}

// listed is a unit as lists have it.
func (k *call) listed(name string) listedUnit {
	return listedUnit{Name: name, Description: name, Load: k.loadState(name), Active: "inactive", Sub: "dead", Path: unitPath(name), JobPath: "/"}
}

// loadState says whether there is a unit; systemctl(1), "LOAD".
func (k *call) loadState(name string) string {
	_, err := k.tree().Info(name)
	switch {
	case errors.Is(err, units.ErrNotFound):
		return "not-found"
	case errors.Is(err, units.ErrMasked):
		return "masked"
	case err != nil && !errors.Is(err, units.ErrGenerated):
		return "bad-setting"
	}
	return "loaded"
}

func (k *call) loadUnit() result {
	name := k.text(0)
	if !units.ValidName(name) || units.IsTemplate(name) {
		return refused(failure(invalidArgs, "Unit name %.300q is not valid", name))
	}
	return realised(unitPath(name))
}

func (k *call) getUnit() result {
	r := k.loadUnit()
	if r.err == nil && k.loadState(k.text(0)) == "not-found" {
		return refused(failure(noSuchUnit, "Unit %s not loaded.", k.text(0)))
	}
	return r
}

// unitProperties are those of one unit.
func unitProperties(name string) map[string]property {
	state := func(k *call) (any, error) {
		s, err := k.tree().Enablement(name)
		if errors.Is(err, units.ErrNotFound) {
			return "", nil
		}
		if err != nil {
			return string(units.Bad), nil
		}
		return string(s), nil
	}
	return map[string]property{
		"Id":               {"s", constant(name)},
		"Names":            {"as", constant([]string{name})},
		"Description":      {"s", constant(name)},
		"Following":        {"s", constant("")},
		"LoadState":        {"s", func(k *call) (any, error) { return k.loadState(name), nil }},
		"ActiveState":      {"s", constant("inactive")},
		"SubState":         {"s", constant("dead")},
		"UnitFileState":    {"s", state},
		"FragmentPath":     {"s", func(k *call) (any, error) { return k.tree().FileOf(name), nil }},
		"NeedDaemonReload": {"b", constant(false)},
		"CanStart":         {"b", constant(path.Ext(name) != ".device")},
		"Job": {"(uo)", constant(struct {
			ID   uint32
			Path dbus.ObjectPath
		}{0, "/"})},
	}
}
