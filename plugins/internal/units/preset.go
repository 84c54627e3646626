package units

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// Rule is one line of a preset file; systemd.preset(5).
type Rule struct {
	Enable bool
	// Pattern is a unit's name or a pattern for such.
	Pattern string
	// Instances are those of a template that are enabled.
	Instances []string
	// Line counts from 1.
	Line int
}

// PresetError is a line of a preset file that is no rule.
type PresetError struct {
	Line int
	Text string
}

func (e *PresetError) Error() string {
	return fmt.Sprintf("line %d: no preset rule: %.80q", e.Line, e.Text)
}

// ParsePreset reads the rules of a preset file. Lines that are none are told by a *PresetError each, and passed over.
func ParsePreset(r io.Reader) (rules []Rule, bad []*PresetError, err error) {
	l := newLines(r)
	for {
		line, ok, err := l.next()
		if err != nil || !ok {
			return rules, bad, err
		}
		line = strings.Trim(line, blanks)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(blanks, r) })
		switch {
		case words[0] == "enable" && len(words) > 1:
			rules = append(rules, Rule{Enable: true, Pattern: words[1], Instances: words[2:], Line: l.number})
		case words[0] == "disable" && len(words) == 2:
			rules = append(rules, Rule{Pattern: words[1], Line: l.number})
		default:
			bad = append(bad, &PresetError{l.number, line})
		}
	}
}

// Decide returns what the first of the rules that applies to a unit says: whether the unit is enabled, and of a template
// which instances. Where none applies, units are enabled.
func Decide(rules []Rule, name string) (enable bool, instances []string, by *Rule) {
	for i, r := range rules {
		switch {
		case Match(r.Pattern, name):
			return r.Enable, r.Instances, &rules[i]
		case len(r.Instances) > 0 && IsInstance(name) && TemplateOf(name) == r.Pattern:
			if _, instance, _, _ := cutName(name); slices.Contains(r.Instances, instance) {
				return true, nil, &rules[i]
			}
		}
	}
	return true, nil, nil
}

// presetDirs are where preset files are; the first that has a name wins.
var presetDirs = []string{"etc", "run", "usr/local/lib", "lib", "usr/lib"}

const presetDir = "systemd/system-preset"

// Presets reads the rules of the root's preset files, in the order in which they count.
func (t *Tree) Presets() ([]Rule, error) {
	byName := make(map[string]string)
	for _, dir := range presetDirs {
		at := path.Join(dir, presetDir)
		entries, err := t.root.ReadDir(at)
		if missing(err) {
			continue
		}
		if err != nil {
			return nil, &UnitError{absolute(at), err}
		}
		for _, e := range entries {
			if byName[e.Name] == "" && strings.HasSuffix(e.Name, ".preset") && e.Name[0] != '.' {
				byName[e.Name] = path.Join(at, e.Name)
			}
		}
	}
	var rules []Rule
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		file, err := t.shown(byName[name])
		if missing(err) || file == "" && err == nil {
			continue
		}
		var more []Rule
		if err == nil {
			more, err = t.presetFile(file)
		}
		if err != nil {
			return nil, &UnitError{absolute(byName[name]), err}
		}
		rules = append(rules, more...)
	}
	return rules, nil
}

func (t *Tree) presetFile(file string) ([]Rule, error) {
	f, err := t.root.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l := &io.LimitedReader{R: f, N: maxUnitFile + 1}
	rules, _, err := ParsePreset(l)
	if err == nil && l.N == 0 {
		err = fmt.Errorf("more than %d bytes: %w", maxUnitFile, rootfs.ErrLimit)
	}
	return rules, err
}

// PresetMode says which half of the presets is followed.
type PresetMode string

// The modes; systemctl(1), "--preset-mode=".
const (
	PresetFull    PresetMode = "full"
	PresetEnable  PresetMode = "enable-only"
	PresetDisable PresetMode = "disable-only"
)

// Preset enables and disables units as the preset files say. Aliases are passed over, and templates only enabled where
// there is an instance to be. Where one of the units does not exist or is masked, nothing is done at all.
func (t *Tree) Preset(names []string, mode PresetMode, o Options) Report {
	var r Report
	rules, err := t.Presets()
	if err != nil {
		r.fail("", err)
		return r
	}
	p := preset{t: t, rules: rules, off: make(map[string]bool)}
	for _, name := range names {
		if err := p.decide(name); err != nil {
			r.fail(name, err)
			return r
		}
	}
	p.apply(&r, mode, o)
	return r
}

// PresetAll does so with all units there are. Those that are masked, lead nowhere or come from generators are passed
// over; one that can't be read makes nothing being done.
func (t *Tree) PresetAll(mode PresetMode, o Options) Report {
	var r Report
	rules, err := t.Presets()
	var names []string
	if err == nil {
		names, err = t.names()
	}
	if err != nil {
		r.fail("", err)
		return r
	}
	p := preset{t: t, rules: rules, off: make(map[string]bool)}
	for _, name := range names {
		err := p.decide(name)
		switch e, ok := errors.AsType[*UnitError](err); {
		case err == nil, ok && (e.Err == ErrNotFound || e.Err == ErrLinked || e.Err == ErrGenerated):
		case ok && e.Err == ErrMasked:
			r.add(Event{Op: Passed, Unit: name, Path: e.Unit})
		default:
			r.fail(name, err)
			return r
		}
	}
	p.apply(&r, mode, o)
	return r
}

// preset is what presets decide on units.
type preset struct {
	t     *Tree
	rules []Rule
	on    []*unit
	off   map[string]bool
	// passed are masked units that would be disabled.
	passed []Event
}

func (p *preset) decide(name string) error {
	u, err := p.t.findNamed(name, anyName)
	switch {
	case u != nil && u.followed:
		return nil
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrName):
		return err
	}
	name = path.Base(name)
	enable, instances, _ := Decide(p.rules, name)
	switch e, ok := errors.AsType[*UnitError](err); {
	case !enable && ok && e.Err == ErrMasked:
		p.passed = append(p.passed, Event{Op: Passed, Unit: name, Path: e.Unit})
		return nil
	case !enable:
		p.off[name] = true
		return nil
	case err != nil:
		return err
	}
	if err := p.t.loadEnableable(u); err != nil {
		return err
	}
	if !IsTemplate(u.name) || len(instances) == 0 {
		p.on = append(p.on, u)
		return nil
	}
	for _, instance := range instances {
		if !validInstance(instance) {
			return &UnitError{instantiate(u.name, instance), ErrName}
		}
		i, err := p.t.find(instantiate(u.name, instance), anyName)
		if err == nil {
			err = p.t.loadEnableable(i)
		}
		if err != nil {
			return err
		}
		p.on = append(p.on, i)
	}
	return nil
}

func (p *preset) apply(r *Report, mode PresetMode, o Options) {
	r.Events = append(r.Events, p.passed...)
	if mode != PresetEnable {
		p.t.unlinkAll(r, p.off, o)
	}
	if mode != PresetDisable {
		o.preset = true
		p.t.enableAll(r, p.on, o)
	}
}
