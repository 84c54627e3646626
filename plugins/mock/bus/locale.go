package bus

import (
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/machine"
)

// localeName keeps language and keyboard; org.freedesktop.locale1(5).
const localeName = "org.freedesktop.locale1"

func localeObject(path string) (object, bool) {
	console := func(of func(machine.Console) string) func(*call) (any, error) {
		return func(k *call) (any, error) {
			c, err := machine.ConsoleKeyboard(k.root)
			return of(c), err
		}
	}
	x11 := func(of func(machine.X11) string) func(*call) (any, error) {
		return func(k *call) (any, error) {
			x, err := machine.X11Keyboard(k.root)
			return of(x), err
		}
	}
	return only(localeName, localeMethods(), map[string]property{
		"Locale": {"as", func(k *call) (any, error) {
			variables, err := machine.Locale(k.root)
			list := []string{}
			for _, v := range variables {
				list = append(list, v.Name+"="+v.Value)
			}
			return list, err
		}},
		"VConsoleKeymap":       {"s", console(func(c machine.Console) string { return c.Keymap })},
		"VConsoleKeymapToggle": {"s", console(func(c machine.Console) string { return c.Toggle })},
		"X11Layout":            {"s", x11(func(x machine.X11) string { return x.Layout })},
		"X11Model":             {"s", x11(func(x machine.X11) string { return x.Model })},
		"X11Variant":           {"s", x11(func(x machine.X11) string { return x.Variant })},
		"X11Options":           {"s", x11(func(x machine.X11) string { return x.Options })},
	})(path)
}

func localeMethods() map[string]method {
	return map[string]method{
		"SetLocale": {"as b", "", func(k *call) result {
			var list []machine.LocaleVariable
			for _, assignment := range k.list(0) {
				name, value, ok := strings.Cut(assignment, "=")
				if !ok && len(k.list(0)) == 1 { // one locale for all
					name, value = "LANG", assignment
				} else if !ok {
					return refused(failure(invalidArgs, "Invalid Locale data: %.300q is no assignment", assignment))
				}
				list = append(list, machine.LocaleVariable{Name: name, Value: value})
			}
			return k.set(machine.SetLocale(k.ctx, k.root, list), "Locale")
		}},
		"SetVConsoleKeyboard": {"s s b b", "", func(k *call) result {
			return k.set(machine.SetConsoleKeyboard(k.ctx, k.root, machine.Console{Keymap: k.text(0), Toggle: k.text(1)}, k.flag(2)),
				"VConsoleKeymap", "VConsoleKeymapToggle", "X11Layout", "X11Model", "X11Variant", "X11Options")
		}},
		"SetX11Keyboard": {"s s s s b b", "", func(k *call) result {
			x := machine.X11{Layout: k.text(0), Model: k.text(1), Variant: k.text(2), Options: k.text(3)}
			return k.set(machine.SetX11Keyboard(k.ctx, k.root, x, k.flag(4)),
				"X11Layout", "X11Model", "X11Variant", "X11Options", "VConsoleKeymap", "VConsoleKeymapToggle")
		}},
	}
}
