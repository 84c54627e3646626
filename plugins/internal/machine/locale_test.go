package machine

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
)

const (
	debian = "ID=debian\n"
	mint   = "ID=mint\nID_LIKE=\"ubuntu debian\"\n"
	fedora = "ID=fedora\n"
)

// archive is a locale archive as localedef(1) makes it, of these names.
func archive(names ...string) string {
	h := archiveHead{Magic: archiveMagic, NamesOffset: 56, NamesUsed: uint32(len(names)), NamesSize: uint32(2 * len(names))}
	h.StringsOffset = h.NamesOffset + h.NamesSize*archiveEntry
	var text strings.Builder
	table := make([]byte, h.NamesSize*archiveEntry)
	for i, name := range names {
		entry := table[(2*i+1)*archiveEntry:] // between empty ones
		binary.LittleEndian.PutUint32(entry[4:], h.StringsOffset+uint32(text.Len()))
		binary.LittleEndian.PutUint32(entry[8:], 1)
		text.WriteString(name + "\x00")
	}
	h.StringsUsed = uint32(text.Len())
	raw, err := binary.Append(nil, binary.LittleEndian, h)
	if err != nil {
		panic(err)
	}
	return string(raw) + string(table) + text.String() + "data of locales"
}

// TestSetLocale has what Debian's localed writes, and where; the texts are its own.
func TestSetLocale(t *testing.T) {
	set := func(list ...string) func(rootfs.Root) error {
		return func(root rootfs.Root) error { return SetLocale(t.Context(), root, parseLocale(list)) }
	}
	const missing = " (what the image has no data for can be made in it with locale-gen or localedef before; " +
		"systemd-firstboot --force --locale= sets it without asking)"
	data := "usr/lib/locale/C.utf8/"
	keep := files{data: ""}
	runChanges(t, []change{
		{name: "new", before: files{"usr/lib/os-release": fedora}, do: set("LC_TIME=C", "LANG=de_DE.UTF-8"),
			after: files{"usr/lib/os-release": fedora, "etc/locale.conf": "LANG=de_DE.UTF-8\nLC_TIME=C\n0644"}},
		{name: "without a name", do: set("LANG=C"), after: files{"etc/locale.conf": "LANG=C\n0644"}},
		{name: "Debian", before: files{"etc/os-release": debian}, do: set("LANG=C"), after: files{"etc/os-release": debian, "etc/default/locale": "LANG=C\n0644"}},
		{name: "like Debian", before: files{"etc/os-release": mint}, do: set("LANG=C"), after: files{"etc/os-release": mint, "etc/default/locale": "LANG=C\n0644"}},
		{name: "Debian with locale.conf", before: files{"etc/os-release": debian, "etc/locale.conf": "LANG=C\n", "etc/default/locale": "LANG=C\n"}, do: set("LANG=POSIX"),
			after: files{"etc/os-release": debian, "etc/locale.conf": "LANG=POSIX\n", "etc/default/locale": "LANG=C\n"}},
		{name: "one for both", before: files{"etc/locale.conf": "LANG=C\n", "etc/default/locale": "-> ../locale.conf"}, do: set("LANG=POSIX"),
			after: files{"etc/locale.conf": "LANG=POSIX\n", "etc/default/locale": "-> ../locale.conf"}},
		{name: "only Debian's file", before: files{"etc/default/locale": "#  File\nX=1\nLANG=C\n"}, do: set("LC_TIME=POSIX"),
			after: files{"etc/default/locale": "#  File\nX=1\nLANG=C\nLC_TIME=POSIX\n"}},
		{name: "same as LANG", before: files{"etc/locale.conf": "LANG=C\nLC_TIME=POSIX\nLANGUAGE=POSIX\n"}, do: set("LANG=POSIX"), after: files{"etc/locale.conf": "LANG=POSIX\n"}},
		{name: "no change", before: files{"etc/locale.conf": "LANG='C'\n"}, do: set()},
		{name: "languages", before: keep, do: set("LANGUAGE=de:en"), after: files{data: "", "etc/locale.conf": "LANGUAGE=de:en\n0644"}},
		{name: "installed", before: keep, do: set("LANG=C.UTF-8"), after: files{data: "", "etc/locale.conf": "LANG=C.UTF-8\n0644"}},
		{name: "not installed", before: keep, do: set("LANG=C", "LC_TIME=de_DE.UTF-8"), err: "Locale de_DE.UTF-8 not installed, refusing." + missing},
		{name: "no variable", do: set("FOO=C"), err: "Locale assignment FOO=C not valid, refusing."},
		{name: "all", do: set("LC_ALL=C"), err: "Locale assignment LC_ALL=C not valid, refusing."},
		{name: "twice", do: set("LANG=C", "LANG=POSIX"), err: "Locale variable LANG set twice, refusing."},
		{name: "empty", do: set("LANG="), err: "Locale  is not valid, refusing."},
		{name: "quote", do: set("LANG=a\"b"), err: "Locale a\"b is not valid, refusing."},
		{name: "languages with a quote", do: set("LANGUAGE=de:a'b"), err: "Locale de:a'b is not valid, refusing."},
		{name: "os-release is a directory", before: files{"etc/os-release/": ""}, do: set("LANG=C"), err: "open etc/os-release: not a regular file"},
	})
	root := newRoot(t, files{"etc/default/locale": "LC_TIME=a\nLANG=\"b\"\nFOO=c\nLANG=d\n"})
	list, err := Locale(root)
	equal(t, "locale", list, err, []LocaleVariable{{"LANG", "d"}, {"LC_TIME", "a"}})
}

func parseLocale(list []string) []LocaleVariable {
	var out []LocaleVariable
	for _, s := range list {
		name, value, _ := strings.Cut(s, "=")
		out = append(out, LocaleVariable{name, value})
	}
	return out
}

// TestLocales: what a root has data for.
func TestLocales(t *testing.T) {
	world := files{"usr/lib/locale/C.utf8/LC_CTYPE": "", "usr/lib/locale/de_DE.utf8": "-> C.utf8", "usr/lib/locale/broken.utf8": "-> nothing",
		"usr/lib/locale/fr_FR.iso88591/LC_CTYPE": "", "usr/lib/locale/file.utf8": "",
		"usr/lib/locale/locale-archive": archive("en_US.utf8", "ca_ES.utf8@valencia", "en_US", "a\nb.utf8")}
	root := newRoot(t, world)
	list, err := Locales(t.Context(), root)
	equal(t, "locales", list, err, []string{"C.UTF-8", "ca_ES.UTF-8@valencia", "de_DE.UTF-8", "en_US.UTF-8"})
	for name, want := range map[string]bool{"C": true, "POSIX": true, "C.UTF-8": true, "C.utf8": true, "de_DE.UTF-8": true, "de_DE": false, "en_US": true,
		"en_US.UTF8": true, "ca_ES.UTF-8@valencia": true, "ca_ES.UTF-8": false, "fr_FR.ISO-8859-1": true, "broken.utf8": false, "file.utf8": false} {
		has, err := HasLocale(t.Context(), root, name)
		equal(t, name, has, err, want)
	}
	has, err := HasLocale(t.Context(), newRoot(t, files{}), "de_DE.UTF-8")
	equal(t, "without data", has, err, true)
	list, err = Locales(t.Context(), newRoot(t, files{}))
	equal(t, "without data", list, err, []string{"C.UTF-8"})
}

// TestBrokenArchive: a locale archive that is none is an error, which names it.
func TestBrokenArchive(t *testing.T) {
	good := archive("en_US.utf8")
	put := func(at int, value uint32) string {
		raw := []byte(good)
		binary.LittleEndian.PutUint32(raw[at:], value)
		return string(raw)
	}
	for name, text := range map[string]string{"empty": "", "short": good[:60], "magic": put(0, 1), "many names": put(16, 1<<31), "no end": good[:len(good)-len("\x00data of locales")],
		"far names": put(8, 1<<31), "far string": put(56+archiveEntry+4, 1<<31), "string behind": put(56+archiveEntry+4, 100), "much text": put(24, 1<<31)} {
		root := newRoot(t, files{"usr/lib/locale/locale-archive": text})
		_, err := Locales(t.Context(), root)
		want := "listing locales: reading /usr/lib/locale/locale-archive: it is no locale archive, or damaged"
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzArchive: whatever the archive is, there are names of a bearable length or an error.
func FuzzArchive(f *testing.F) {
	f.Add([]byte(archive("en_US.utf8", "de_DE")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		names, err := archived(strings.NewReader(string(raw)))
		for _, name := range names {
			if err != nil || len(name) > 255 {
				t.Errorf("%q %v", name, err)
			}
		}
	})
}

// FuzzVariables: what is set is read again, and nothing else changes.
func FuzzVariables(f *testing.F) {
	f.Add("# c\nA=1\nB='x y' \"z\"\n", "a \"b\" $c `d` \\e")
	f.Add("=\nLANG\n LANG = x\nLANG=\"a\n", "")
	f.Fuzz(func(t *testing.T, text, value string) {
		if !isText(value) || strings.TrimSpace(value) == "" && value != "" {
			t.Skip()
		}
		before := parseVariables(text)
		after := parseVariables(before.set("LANG", value).text())
		if got := after.get("LANG"); got != value {
			t.Errorf("got %q, want %q", got, value)
		}
		others := func(v variables) (out []string) {
			for _, line := range v {
				if name, _, ok := assignment(line); (!ok || name != "LANG") && strings.TrimSpace(line) != "" {
					out = append(out, line)
				}
			}
			return out
		}
		if diff := cmp.Diff(others(before), others(after)); diff != "" {
			t.Error(diff)
		}
	})
}
