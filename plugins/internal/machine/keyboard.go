package machine

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// Where vconsole.conf(5) is, where Debian has what X11 and its console get their keyboard from, and others what X11 does.
const (
	consoleFile        = "etc/vconsole.conf"
	debianKeyboardFile = "etc/default/keyboard"
	xorgKeyboardFile   = "etc/X11/xorg.conf.d/00-keyboard.conf"
)

// Console is the keyboard of the virtual consoles.
type Console struct{ Keymap, Toggle string }

// X11 is the keyboard of X11; xkeyboard-config(7).
type X11 struct{ Layout, Model, Variant, Options string }

// ConsoleKeyboard returns what vconsole.conf(5) says of the keyboard.
func ConsoleKeyboard(root rootfs.Root) (Console, error) {
	f, err := read(root, consoleFile)
	v := parseVariables(f.text)
	return Console{v.get("KEYMAP"), v.get("KEYMAP_TOGGLE")}, err
}

// keyboardPlace returns the file that has X11's keyboard, or is to have it.
func keyboardPlace(root rootfs.Root) (string, error) {
	if _, err := root.Lstat(debianKeyboardFile); err == nil || !isMissing(err) {
		return debianKeyboardFile, err
	}
	if debian, err := IsDebian(root); debian || err != nil {
		return debianKeyboardFile, err
	}
	return xorgKeyboardFile, nil
}

// X11Keyboard returns X11's keyboard.
func X11Keyboard(root rootfs.Root) (X11, error) {
	name, err := keyboardPlace(root)
	if err != nil {
		return X11{}, err
	}
	f, err := read(root, name)
	if name == xorgKeyboardFile {
		return parseXorg(f.text), err
	}
	v := parseVariables(f.text)
	return X11{v.get("XKBLAYOUT"), v.get("XKBMODEL"), v.get("XKBVARIANT"), v.get("XKBOPTIONS")}, err
}

// setConsole changes vconsole.conf, where all else stays.
func (e *edit) setConsole(c Console) error {
	return e.setVariables(consoleFile, variable{"KEYMAP", c.Keymap}, variable{"KEYMAP_TOGGLE", c.Toggle})
}

func (e *edit) setX11(x X11) error {
	name, err := keyboardPlace(e.root)
	if err != nil {
		return err
	}
	if name == xorgKeyboardFile {
		return e.set(name, x.xorg())
	}
	return e.setVariables(name, variable{"XKBLAYOUT", x.Layout}, variable{"XKBMODEL", x.Model},
		variable{"XKBVARIANT", x.Variant}, variable{"XKBOPTIONS", x.Options})
}

// xorgOptions are the options of xorg.conf(5)'s section for a keyboard.
func (x *X11) xorgOptions() map[string]*string {
	return map[string]*string{"XkbLayout": &x.Layout, "XkbModel": &x.Model, "XkbVariant": &x.Variant, "XkbOptions": &x.Options}
}

// xorg writes the section of xorg.conf(5) for all keyboards.
func (x X11) xorg() string {
	if x == (X11{}) {
		return ""
	}
	var b strings.Builder
	b.WriteString("# The keyboard of X11, as set by localectl(1), which reads it here and replaces this file.\n" +
		"Section \"InputClass\"\n        Identifier \"system-keyboard\"\n        MatchIsKeyboard \"on\"\n")
	for _, name := range []string{"XkbLayout", "XkbModel", "XkbVariant", "XkbOptions"} {
		if value := *x.xorgOptions()[name]; value != "" {
			fmt.Fprintf(&b, "        Option %q \"%s\"\n", name, value)
		}
	}
	b.WriteString("EndSection\n")
	return b.String()
}

// parseXorg reads the options of the section for input devices.
func parseXorg(text string) X11 {
	var x X11
	inside := false
	s := bufio.NewScanner(strings.NewReader(text))
	s.Buffer(nil, maxBytes+1)
	for s.Scan() {
		line := strings.TrimSpace(s.Text())
		word, rest, _ := strings.Cut(line, " ")
		switch rest = strings.TrimSpace(rest); {
		case strings.EqualFold(word, "Section"):
			inside = strings.EqualFold(rest, `"InputClass"`)
		case strings.EqualFold(word, "EndSection"):
			inside = false
		case inside && strings.EqualFold(word, "Option"):
			parts := strings.Split(rest, `"`) // "" name between value ""
			if len(parts) == 5 {
				if to := x.xorgOptions()[parts[1]]; to != nil {
					*to = parts[3]
				}
			}
		}
	}
	return x
}
