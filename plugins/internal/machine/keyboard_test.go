package machine

import (
	"testing"

	"github.com/holo-build/holo-build/rootfs"
)

const modelMap = "# keymap layout model variant options\n" +
	"us us pc105+inet - terminate:ctrl_alt_bksp\nde de pc105 - terminate:ctrl_alt_bksp\nde-nodead de pc105 nodeadkeys -\n" +
	"cz-lat2 cz pc105 qwerty terminate:ctrl_alt_bksp\nmk mk,us pc105 - grp:toggle\nshort\n"

const xorgDe = `# The keyboard of X11, as set by localectl(1), which reads it here and replaces this file.
Section "InputClass"
        Identifier "system-keyboard"
        MatchIsKeyboard "on"
        Option "XkbLayout" "de"
        Option "XkbModel" "pc105"
        Option "XkbOptions" "terminate:ctrl_alt_bksp"
EndSection
`

// TestKeyboard has what localed writes, on Debian and elsewhere; the texts are its own.
func TestKeyboard(t *testing.T) {
	console := func(keymap, toggle string, convert bool) func(rootfs.Root) error {
		return func(root rootfs.Root) error {
			return SetConsoleKeyboard(t.Context(), root, Console{keymap, toggle}, convert)
		}
	}
	x11 := func(x X11, convert bool) func(rootfs.Root) error {
		return func(root rootfs.Root) error { return SetX11Keyboard(t.Context(), root, x, convert) }
	}
	world := func(more ...string) files {
		all := files{modelMapFile: modelMap}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	deb := func(more ...string) files { return world(append([]string{"etc/os-release", debian}, more...)...) }
	const deKeyboard = "XKBLAYOUT=de\nXKBMODEL=pc105\nXKBOPTIONS=terminate:ctrl_alt_bksp\n"
	runChanges(t, []change{
		{name: "console", before: deb(), do: console("de", "us", true),
			after: deb("etc/vconsole.conf", "KEYMAP=de\nKEYMAP_TOGGLE=us\n0644", "etc/default/keyboard", deKeyboard+"0644")},
		{name: "console elsewhere", before: world(), do: console("de", "", true),
			after: world("etc/vconsole.conf", "KEYMAP=de\n0644", "etc/X11/xorg.conf.d/00-keyboard.conf", xorgDe+"0644")},
		{name: "console alone", before: deb("etc/vconsole.conf", "# f\nFONT=x\nKEYMAP_TOGGLE=a\n"), do: console("de", "", false), after: deb("etc/vconsole.conf", "# f\nFONT=x\nKEYMAP=de\n")},
		{name: "console that X11 does not have", before: deb("etc/default/keyboard", "XKBLAYOUT=us\n"), do: console("dvorak", "", true),
			after: deb("etc/vconsole.conf", "KEYMAP=dvorak\n0644", "etc/default/keyboard", "XKBLAYOUT=us\n")},
		{name: "none", before: deb("etc/vconsole.conf", "KEYMAP=de\n", "etc/default/keyboard", deKeyboard), do: console("", "", true), after: deb("etc/default/", "")},
		{name: "none elsewhere", before: world("etc/X11/xorg.conf.d/00-keyboard.conf", xorgDe), do: console("", "", true), after: world("etc/X11/xorg.conf.d/", "")},
		{name: "installed", before: world("usr/share/keymaps/i386/qwertz/de.map.gz", ""), do: console("de", "", false),
			after: world("usr/share/keymaps/i386/qwertz/de.map.gz", "", "etc/vconsole.conf", "KEYMAP=de\n0644")},
		{name: "not installed", before: world("usr/share/keymaps/i386/qwertz/de.map.gz", ""), do: console("us", "", false), err: "Keymap us is not installed."},
		{name: "toggle not installed", before: world("usr/share/keymaps/i386/qwertz/de.map.gz", ""), do: console("de", "us", false), err: "Keymap us is not installed."},
		{name: "no keymap", do: console("a/b", "", false), err: "Keymap a/b is not installed."},
		{name: "X11", before: deb("etc/default/keyboard", "# k\nXKBMODEL=\"pc104\"\nXKBLAYOUT=\"us\"\nXKBVARIANT=\"\"\nXKBOPTIONS=\"\"\n\nBACKSPACE=\"guess\"\n"),
			do:    x11(X11{Layout: "cz", Model: "pc105", Variant: "qwerty", Options: "grp:alt"}, true),
			after: deb("etc/default/keyboard", "# k\nXKBMODEL=pc105\nXKBLAYOUT=cz\nXKBVARIANT=qwerty\nXKBOPTIONS=grp:alt\n\nBACKSPACE=\"guess\"\n", "etc/vconsole.conf", "KEYMAP=cz-lat2\n0644")},
		{name: "X11 alone", before: deb(), do: x11(X11{Layout: "de"}, false), after: deb("etc/default/keyboard", "XKBLAYOUT=de\n0644")},
		{name: "X11 without layout", before: deb("etc/vconsole.conf", "KEYMAP=de\n"), do: x11(X11{}, true), after: deb()},
		{name: "X11 with a quote", do: x11(X11{Layout: `de"`}, true), err: "Received invalid keyboard data"},
		{name: "X11 with a line", do: x11(X11{Options: "a\nb"}, true), err: "Received invalid keyboard data"},
		{name: "X11 that no console has", before: deb("etc/vconsole.conf", "KEYMAP=de\n"), do: x11(X11{Layout: "zz"}, true),
			after: deb("etc/default/keyboard", "XKBLAYOUT=zz\n0644")},
	})
	root := newRoot(t, files{xorgKeyboardFile: "# c\nSection \"Device\"\nOption \"XkbLayout\" \"no\"\nEndSection\n" + xorgDe + "Option \"XkbModel\" \"no\"\n"})
	x, err := X11Keyboard(root)
	equal(t, "X11", x, err, X11{Layout: "de", Model: "pc105", Options: "terminate:ctrl_alt_bksp"})
	x, err = X11Keyboard(newRoot(t, files{debianKeyboardFile: deKeyboard}))
	equal(t, "X11", x, err, X11{Layout: "de", Model: "pc105", Options: "terminate:ctrl_alt_bksp"})
	c, err := ConsoleKeyboard(newRoot(t, files{consoleFile: "KEYMAP=\"de\"\nKEYMAP_TOGGLE=us\n"}))
	equal(t, "console", c, err, Console{"de", "us"})
}

// TestClosestKeymap: keymaps that were made from X11's come first, and then what agrees in most.
func TestClosestKeymap(t *testing.T) {
	world := files{modelMapFile: modelMap, "usr/lib/kbd/keymaps/xkb/fr-oss.map.gz": "", "usr/lib/kbd/keymaps/i386/se.map.xz": "", "usr/lib/kbd/keymaps/README": ""}
	root := newRoot(t, world)
	for x, want := range map[X11]string{
		{Layout: "fr", Variant: "oss"}: "fr-oss", {Layout: "se"}: "", {Layout: "de"}: "de", {Layout: "de", Variant: "nodeadkeys"}: "de-nodead", {Layout: "de,us"}: "de",
		{Layout: "mk,us"}: "mk", {Layout: "mk"}: "mk", {Layout: "us", Model: "x"}: "us", {Layout: "cz", Variant: "zz"}: "cz-lat2", {}: "",
	} {
		got, err := closestKeymap(t.Context(), root, x)
		equal(t, x.Layout, got, err, want)
	}
	list, err := Keymaps(t.Context(), root)
	equal(t, "keymaps", list, err, []string{"fr-oss", "se"})
}
