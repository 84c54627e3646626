package systemdunits

import (
	"errors"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/units"
)

// applyRules finds the units that preset rules are for and no list names. Where a file could not be read, the rules that
// there are may not be the first.
func (r *reader) applyRules() error {
	if r.Unreadable || len(r.rules) == 0 && r.all == nil {
		return nil
	}
	names, err := r.tree.Names()
	if err != nil {
		return err
	}
	for _, x := range r.rules {
		// A unit that a rule names may be there only when the rule is applied, as the files plugin brings some.
		if units.ValidName(x.Pattern) {
			names = append(names, x.Pattern)
		}
	}
	var rules, own []units.Rule
	for _, x := range r.rules {
		rules = append(rules, x.Rule)
	}
	if r.all != nil {
		if own, err = r.tree.Presets(); err != nil {
			return err
		}
	}
	for _, name := range names {
		enable, instances, by := units.Decide(rules, name)
		d := &definition{Optional: true}
		switch {
		case by != nil:
			for i := range rules {
				if &rules[i] == by {
					d.Places, d.Rule = []place{r.rules[i].place}, r.rules[i].text()
				}
			}
			d.Optional = by.Pattern == name
		case r.all != nil:
			enable, instances, _ = units.Decide(own, name)
			d.Places, d.Rule, d.Optional = []place{*r.all}, presetAllKey, false
		default:
			continue
		}
		d.Value = string(disabled)
		if enable {
			d.Value = string(enabled)
		}
		r.byRule(name, instances, d)
	}
	return nil
}

// byRule defines a unit, or some instances of a template, unless a list does. Units that there is nothing to do for are
// left out: a rule is for those that it can be for.
func (r *reader) byRule(name string, instances []string, d *definition) {
	if r.Units[name] != nil || name == "default.target" {
		return
	}
	info, err := r.tree.Info(name)
	switch {
	case errors.Is(err, units.ErrMasked):
		// Masked is less than disabled, and rules unmask nothing; but what was provisioned before is no orphan by that.
		if !isFile(r.env.State, baseDir+"/"+name) {
			return
		}
	case err != nil && !d.Optional, err == nil && (info.Alias || !info.Installs):
		return
	}
	if d.Value != string(enabled) || !units.IsTemplate(name) {
		r.Units[name] = d
		return
	}
	if len(instances) == 0 {
		if links, err := r.tree.Wanted(name); err == nil && len(links) > 0 {
			r.Units[name] = d
		}
		return
	}
	for _, instance := range instances {
		unit := strings.Replace(name, "@.", "@"+instance+".", 1)
		if units.ValidName(unit) && r.Units[unit] == nil {
			r.Units[unit] = d
		}
	}
}
