package systemdunits

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/internal/units"
	"github.com/holo-build/holo-build/rootfs"
)

// maxFile bounds a resource file; lists of all units there are have some kilobytes.
const maxFile = 4 << 20

// want is what becomes of a unit.
type want string

const (
	enabled  want = "enabled"
	disabled want = "disabled"
	masked   want = "masked"
)

var wants = map[string]want{enableKey: enabled, disableKey: disabled, maskKey: masked}

// place is a line of a resource file.
type place struct {
	File string // below the resource directory
	Line int
}

// definition is what the resources say of a unit, or of the default target.
type definition struct {
	// Value is a want, or the name of a target.
	Value string
	// Places are where it is said, in order.
	Places []place
	// Rule is the preset rule that says it; empty for lists.
	Rule string
	// Optional says that the unit need not be there: a rule names it.
	Optional bool
	// Broken says that the places contradict one another.
	Broken bool
}

// catalog is what all resources say.
type catalog struct {
	// Units are the definitions by the name of the unit.
	Units map[string]*definition
	// Target is the default target's; nil if nothing is said of it.
	Target *definition
	// Unreadable says that a file's definitions are not known.
	Unreadable bool

	// complaints are what is wrong, a line each.
	complaints []string
	rules      []rule
	// all is where it is said that the root's own presets are followed, nil if nowhere.
	all *place
}

// rule is a preset rule of a resource file.
type rule struct {
	units.Rule
	place
}

func (r rule) text() string {
	verb := disableKey
	if r.Enable {
		verb = enableKey
	}
	return strings.Join(append([]string{verb, r.Pattern}, r.Instances...), " ")
}

// reader reads the resources.
type reader struct {
	*catalog
	env  *holo.Env
	tree *units.Tree
}

// readCatalog reads all resource files, and finds the units that preset rules are for.
func readCatalog(ctx context.Context, env *holo.Env, tree *units.Tree) (*catalog, error) {
	entries, err := env.Resources.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", env.Resources.Path, err)
	}
	r := reader{&catalog{Units: map[string]*definition{}}, env, tree}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		toml := strings.HasSuffix(e.Name, ".toml")
		if e.Type == rootfs.Directory || !toml && !strings.HasSuffix(e.Name, ".preset") {
			continue
		}
		text, err := readFile(env.Resources, e.Name)
		switch {
		case strings.Contains(e.Name, "\n"):
			r.unusable(e.Name, complaint{Text: "its name has a line break"})
		case err != nil:
			r.unusable(e.Name, complaint{Text: err.Error()})
		case toml:
			r.toml(e.Name, text)
		default:
			r.preset(e.Name, 0, string(text))
		}
	}
	return r.catalog, r.applyRules()
}

// readFile reads a file whole.
func readFile(d rootfs.Root, name string) ([]byte, error) { return readUpTo(d, name, maxFile) }

func readUpTo(d rootfs.Root, name string, most int) ([]byte, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(text) > most {
		err = fmt.Errorf("it has more than %d bytes", most)
	}
	return text, err
}

// complain says what is wrong in a file.
func (r *reader) complain(name string, c complaint) {
	r.complaints = append(r.complaints, c.Of(r.env.Resources.Join(name)))
}

// unusable says what is wrong in a file of which nothing is used.
func (r *reader) unusable(name string, c complaint) {
	r.Unreadable = true
	r.complain(name, c)
}

func (r *reader) toml(name string, text []byte) {
	items, wrong := parseDocument(text)
	for _, c := range wrong {
		r.unusable(name, c)
	}
	if len(wrong) > 0 {
		return
	}
	for _, i := range items {
		switch i.key {
		case targetKey:
			r.defaultTarget(name, i)
		case presetAllKey:
			if r.all == nil {
				r.all = &place{name, i.line}
			}
		case presetsKey:
			r.preset(name, i.line, i.value)
		default:
			r.list(name, i)
		}
	}
}

// list takes an item of a list of units.
func (r *reader) list(name string, i item) {
	unit := units.Mangle(i.value)
	switch {
	case !units.ValidName(unit):
		r.unusable(name, complaint{Line: i.line, Text: fmt.Sprintf("%s: %q is no name of a unit", i.key, i.value)})
		return
	case unit == "default.target":
		r.unusable(name, complaint{Line: i.line, Text: fmt.Sprintf("%s: what %s is, %s says", i.key, unit, targetKey)})
		return
	}
	// Of several names of a unit, its own is the entity's.
	if info, err := r.tree.Info(unit); err == nil && info.Alias {
		unit = info.Name
	}
	d := r.Units[unit]
	if d == nil {
		d = &definition{Value: string(wants[i.key])}
		r.Units[unit] = d
	}
	r.stack("unit "+unit, d, string(wants[i.key]), place{name, i.line})
}

func (r *reader) defaultTarget(name string, i item) {
	target := i.value
	if !strings.HasSuffix(target, ".target") {
		target += ".target"
	}
	if !units.ValidName(target) || strings.Contains(target, "@") || target == "default.target" {
		r.unusable(name, complaint{Line: i.line, Text: fmt.Sprintf("%s: %q is no name of a target", i.key, i.value)})
		return
	}
	if r.Target == nil {
		r.Target = &definition{Value: target}
	}
	r.stack("the default target", r.Target, target, place{name, i.line})
}

// stack adds a place to a definition, with which it must agree.
func (r *reader) stack(what string, d *definition, value string, at place) {
	if value != d.Value {
		d.Broken = true
		first := d.Places[0]
		r.complain(at.File, complaint{Line: at.Line, Text: fmt.Sprintf("%s is to be %s, but %s in %s, line %d", what, value, d.Value,
			r.env.Resources.Join(first.File), first.Line)})
	}
	d.Places = append(d.Places, at)
}

// preset takes preset rules: a file's, or those of an item in a given line.
func (r *reader) preset(name string, line int, text string) {
	rules, bad, err := units.ParsePreset(strings.NewReader(text))
	if err != nil {
		r.unusable(name, complaint{Line: line, Text: err.Error()})
		return
	}
	at := func(n int) int {
		if line > 0 {
			return line
		}
		return n
	}
	for _, b := range bad {
		r.unusable(name, complaint{Line: at(b.Line), Text: fmt.Sprintf("no preset rule: %.80q", b.Text)})
	}
	for _, x := range rules {
		r.rules = append(r.rules, rule{x, place{name, at(x.Line)}})
	}
}
