package mock

import (
	"cmp"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/machine"
)

// localectl is localectl(1).
var localectl = settings{
	name:    "localectl",
	options: []option{{long: "no-convert"}},
	verbs: map[string]settingsVerb{
		"":                         {0, 0, (*settingsCall).localeStatus},
		"status":                   {0, 0, (*settingsCall).localeStatus},
		"set-locale":               {1, -1, (*settingsCall).setLocale},
		"list-locales":             {0, 0, (*settingsCall).listLocales},
		"set-keymap":               {1, 2, (*settingsCall).setKeymap},
		"list-keymaps":             {0, 0, (*settingsCall).listKeymaps},
		"set-x11-keymap":           {1, 4, (*settingsCall).setX11Keymap},
		"list-x11-keymap-models":   {0, 0, (*settingsCall).listX11},
		"list-x11-keymap-layouts":  {0, 0, (*settingsCall).listX11},
		"list-x11-keymap-variants": {0, 1, (*settingsCall).listX11},
		"list-x11-keymap-options":  {0, 0, (*settingsCall).listX11},
	},
}

// setLocale takes assignments, or one locale, which is LANG.
func (c *settingsCall) setLocale(operands []string) error {
	var list []machine.LocaleVariable
	for _, o := range operands {
		name, value, ok := strings.Cut(o, "=")
		if !ok && len(operands) == 1 {
			if !machine.IsLocaleName(o) {
				return told("Failed to issue method call: Invalid locale specification: %s", o)
			}
			name, value, ok = "LANG", o, true
		}
		if !ok {
			return told("Failed to issue method call: Locale assignment %s not valid, refusing.", o)
		}
		list = append(list, machine.LocaleVariable{Name: name, Value: value})
	}
	return failed("Failed to issue method call", machine.SetLocale(c.ctx, c.use.Root, list))
}

func (c *settingsCall) listLocales([]string) error {
	list, err := machine.Locales(c.ctx, c.use.Root)
	return c.printList(list, err)
}

func (c *settingsCall) setKeymap(operands []string) error {
	k := machine.Console{Keymap: operands[0]}
	if len(operands) > 1 {
		k.Toggle = operands[1]
	}
	return failed("Failed to set keymap", machine.SetConsoleKeyboard(c.ctx, c.use.Root, k, !c.has("no-convert")))
}

func (c *settingsCall) listKeymaps([]string) error {
	list, err := machine.Keymaps(c.ctx, c.use.Root)
	if err == nil && len(list) == 0 {
		err = told("Couldn't find any console keymaps.")
	}
	return c.printList(list, err)
}

func (c *settingsCall) setX11Keymap(operands []string) error {
	operands = append(operands, "", "", "")
	x := machine.X11{Layout: operands[0], Model: operands[1], Variant: operands[2], Options: operands[3]}
	return failed("Failed to set keymap", machine.SetX11Keyboard(c.ctx, c.use.Root, x, !c.has("no-convert")))
}

// listX11 lists what X11 knows of keyboards.
func (c *settingsCall) listX11(operands []string) error {
	kind := strings.TrimSuffix(strings.TrimPrefix(c.verb, "list-x11-keymap-"), "s")
	layout := ""
	if len(operands) > 0 {
		layout = operands[0]
	}
	list, err := machine.X11Choices(c.use.Root, kind, layout)
	return c.printList(list, err)
}

func (c *settingsCall) localeStatus([]string) error {
	list, err := machine.Locale(c.use.Root)
	if err != nil {
		return err
	}
	k, err := machine.ConsoleKeyboard(c.use.Root)
	if err != nil {
		return err
	}
	x, err := machine.X11Keyboard(c.use.Root)
	if err != nil {
		return err
	}
	var locale []string
	for _, v := range list {
		locale = append(locale, v.Name+"="+v.Value)
	}
	const unset = "(unset)"
	c.printRows([]row{
		{"System Locale", cmp.Or(strings.Join(locale, "\n"), unset)},
		{"VC Keymap", cmp.Or(k.Keymap, unset)}, {"VC Toggle Keymap", k.Toggle},
		{"X11 Layout", cmp.Or(x.Layout, unset)}, {"X11 Model", x.Model}, {"X11 Variant", x.Variant}, {"X11 Options", x.Options},
	})
	return nil
}
