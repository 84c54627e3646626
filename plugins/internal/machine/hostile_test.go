package machine

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
)

// places are the files of settings, with an edit that would change each.
var places = map[string]func(ctx context.Context, root rootfs.Root) error{
	hostnameFile:  func(_ context.Context, root rootfs.Root) error { return SetHostname(root, "a") },
	infoFile:      func(_ context.Context, root rootfs.Root) error { return SetInfo(root, Chassis, "vm") },
	idFile:        func(_ context.Context, root rootfs.Root) error { return SetID(root, someID) },
	adjtimeFile:   func(_ context.Context, root rootfs.Root) error { return SetLocalRTC(root, true) },
	timezoneFile:  func(_ context.Context, root rootfs.Root) error { return SetTimeZone(root, "Europe/Berlin") },
	localtimeFile: func(_ context.Context, root rootfs.Root) error { return SetTimeZone(root, "Europe/Berlin") },
	localeFile: func(ctx context.Context, root rootfs.Root) error {
		return SetLocale(ctx, root, []LocaleVariable{{"LANG", "C"}})
	},
	debianLocaleFile: func(ctx context.Context, root rootfs.Root) error {
		return SetLocale(ctx, root, []LocaleVariable{{"LANG", "C"}})
	},
	consoleFile: func(ctx context.Context, root rootfs.Root) error {
		return SetConsoleKeyboard(ctx, root, Console{"de", ""}, false)
	},
	debianKeyboardFile: func(ctx context.Context, root rootfs.Root) error {
		return SetX11Keyboard(ctx, root, X11{Layout: "de"}, false)
	},
	xorgKeyboardFile: func(ctx context.Context, root rootfs.Root) error {
		return SetX11Keyboard(ctx, root, X11{Layout: "de"}, false)
	},
	modelMapFile: func(ctx context.Context, root rootfs.Root) error {
		return SetConsoleKeyboard(ctx, root, Console{"de", ""}, true)
	},
}

// TestHostile has something in the place of settings that is none: an error names the place, and nothing changes.
func TestHostile(t *testing.T) {
	for what, m := range map[string]rootfs.Meta{
		"fifo":                         {Type: rootfs.FIFO, Mode: 0o644},
		"device":                       {Type: rootfs.CharDevice, Mode: 0o666, Major: 1, Minor: 5},
		"directory":                    {Type: rootfs.Directory, Mode: 0o755},
		"huge":                         {Type: rootfs.Regular, Mode: 0o644},
		"link to a directory":          {Type: rootfs.Symlink, Target: "/etc"},
		"link to itself":               {Type: rootfs.Symlink, Target: "/loop"},
		"link to a FIFO":               {Type: rootfs.Symlink, Target: "/fifo"},
		"link through a file":          {Type: rootfs.Symlink, Target: "/file/x"},
		"link out, for who is outside": {Type: rootfs.Symlink, Target: "../../../../../../../fifo"},
	} {
		t.Run(what, func(t *testing.T) {
			for name, do := range places {
				if name == localtimeFile && m.Type == rootfs.Symlink {
					continue // it is replaced, wherever it leads
				}
				root := newRoot(t, files{"loop": "-> loop", "file": ""})
				must(t, root.Put("fifo", rootfs.Meta{Type: rootfs.FIFO, Mode: 0o644}, nil))
				must(t, rootfs.MkdirAll(root, name[:strings.LastIndex(name, "/")], rootfs.Meta{Mode: 0o755}))
				switch m.Type {
				case rootfs.Directory:
					must(t, root.Mkdir(name, m))
				case rootfs.Regular:
					must(t, root.Put(name, m, strings.NewReader(strings.Repeat("#", maxBytes+1))))
				default:
					must(t, root.Put(name, m, nil))
				}
				before := tell(t, root)
				if err := do(t.Context(), root); err == nil || !strings.Contains(err.Error(), "reading /"+name+": ") {
					t.Errorf("%s: %v", name, err)
				}
				if diff := cmp.Diff(before, tell(t, root)); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
		})
	}
}

// TestLinkedPlaces: settings are changed where a symlink says they are, inside the root, and the symlink stays.
func TestLinkedPlaces(t *testing.T) {
	for name, do := range places {
		if name == localtimeFile || name == modelMapFile {
			continue
		}
		root := newRoot(t, files{name: "-> ../../../../../../moved/x", "moved/": ""})
		if name == timezoneFile { // only one that is there is written
			must(t, root.Put("moved/x", newFile, strings.NewReader("UTC\n")))
		}
		must(t, do(t.Context(), root))
		after := tell(t, root)
		if after[name] != "-> ../../../../../../moved/x" || len(strings.TrimSuffix(after["moved/x"], "0644")) == 0 {
			t.Errorf("%s: %q", name, after)
		}
	}
}

// failing is a root where the write of one file fails.
type failing struct {
	rootfs.Root
	name string
}

var errFull = errors.New("no space left")

func (f failing) Put(name string, m rootfs.Meta, content io.Reader) error {
	if name == f.name {
		return errFull
	}
	return f.Root.Put(name, m, content)
}

// TestWhole: where the second file of an edit can't be written, the first is as it was, and directories are gone again.
func TestWhole(t *testing.T) {
	for _, tt := range []struct {
		before files
		second string
		do     func(root rootfs.Root) error
	}{
		{files{"etc/hostname": "old\n"}, infoFile, func(root rootfs.Root) error { return SetNames(root, Names{ptr("a"), ptr("b")}) }},
		{files{"etc/": ""}, infoFile, func(root rootfs.Root) error { return SetNames(root, Names{ptr("a"), ptr("b")}) }},
		{files{"etc/hostname": "old\n"}, infoFile, func(root rootfs.Root) error { return SetNames(root, Names{ptr(""), ptr("b")}) }},
		{files{"etc/timezone": "UTC\n", "etc/localtime": "-> x"}, timezoneFile, func(root rootfs.Root) error { return SetTimeZone(root, "Europe/Berlin") }},
		{files{"etc/timezone": "UTC\n", "etc/localtime": "TZif"}, timezoneFile, func(root rootfs.Root) error { return SetTimeZone(root, "Europe/Berlin") }},
		{files{modelMapFile: modelMap}, xorgKeyboardFile, func(root rootfs.Root) error {
			return SetConsoleKeyboard(t.Context(), root, Console{"de", ""}, true)
		}},
		{files{modelMapFile: modelMap}, consoleFile, func(root rootfs.Root) error {
			return SetX11Keyboard(t.Context(), root, X11{Layout: "de"}, true)
		}},
		{files{"etc/hostname": "old\n", "etc/localtime": "-> x"}, cmdlineFile, func(root rootfs.Root) error {
			return SetFirstBoot(root, FirstBoot{Hostname: ptr("a"), TimeZone: ptr("UTC"), KernelCommandLine: ptr("quiet"), Force: true})
		}},
	} {
		root := newRoot(t, tt.before)
		before := tell(t, root)
		err := tt.do(failing{root, tt.second})
		if !errors.Is(err, errFull) || !strings.HasPrefix(err.Error(), "writing /"+tt.second+": ") {
			t.Errorf("%s: %v", tt.second, err)
		}
		if diff := cmp.Diff(before, tell(t, root)); diff != "" {
			t.Errorf("%s: %s", tt.second, diff)
		}
	}
}

// TestFirstBootThen: where what comes last fails, nothing is changed, or said to be.
func TestFirstBootThen(t *testing.T) {
	root := newRoot(t, files{"etc/hostname": "old\n"})
	before := tell(t, root)
	err := SetFirstBoot(root, FirstBoot{Hostname: ptr("a"), Keymap: ptr("de"), KernelCommandLine: ptr("quiet"), Force: true,
		Written: func(name string) { t.Errorf("%s is said to be written", name) },
		Then: func() error {
			if tell(t, root)["etc/hostname"] != "a\n" {
				t.Error("called before the rest is written")
			}
			return errFull
		}})
	if !errors.Is(err, errFull) {
		t.Error(err)
	}
	if diff := cmp.Diff(before, tell(t, root)); diff != "" {
		t.Error(diff)
	}
}

// TestManyFiles: lists of what a root has come to an end, whatever it has.
func TestManyFiles(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	stop(errors.New("enough"))
	root := newRoot(t, files{"usr/share/zoneinfo/A/B": "TZif", "usr/share/keymaps/a/a.map": "", "usr/lib/locale/C.utf8/": ""})
	for _, list := range []func(context.Context, rootfs.Root) ([]string, error){TimeZones, Keymaps, Locales} {
		if _, err := list(ctx, root); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	w := walker{root: root, most: 2, file: func(string) error { return nil }}
	if err := w.walk(t.Context(), "usr", 0); err == nil || !strings.HasPrefix(err.Error(), "there are too many files in /usr/") {
		t.Error(err)
	}
	deep := "usr/share/keymaps/" + strings.Repeat("a/", maxDepth+1)
	list, err := Keymaps(t.Context(), newRoot(t, files{deep + "b.map": "", "usr/share/keymaps/c.map": ""}))
	equal(t, "keymaps", list, err, []string{"c"})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
