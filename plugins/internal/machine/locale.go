package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/osrelease"
	"github.com/holo-build/holo-build/rootfs"
)

// Where locale.conf(5) is, and what Debian has in its place.
const (
	localeFile       = "etc/locale.conf"
	debianLocaleFile = "etc/default/locale"
)

// LocaleVariable is an assignment of locale.conf(5).
type LocaleVariable struct{ Name, Value string }

// localeNames are the variables that locale.conf(5) knows, in the order in which they are written.
var localeNames = []string{"LANG", "LANGUAGE", "LC_CTYPE", "LC_NUMERIC", "LC_TIME", "LC_COLLATE", "LC_MONETARY", "LC_MESSAGES", "LC_PAPER",
	"LC_NAME", "LC_ADDRESS", "LC_TELEPHONE", "LC_MEASUREMENT", "LC_IDENTIFICATION"}

// IsDebian says whether a root calls itself Debian, or like Debian.
func IsDebian(root rootfs.Root) (bool, error) {
	values, err := osrelease.Read(root)
	if isMissing(err) {
		return false, nil
	}
	return slices.Contains(osrelease.IDs(values), "debian"), err
}

// localePlace returns the file that has the locale, or is to have it: as localed has it, locale.conf where there is one,
// and else, on Debian, the one that login programs read there.
func localePlace(root rootfs.Root) (string, error) {
	for _, name := range []string{localeFile, debianLocaleFile} {
		if _, err := root.Lstat(name); err == nil || !isMissing(err) {
			return name, err
		}
	}
	if debian, err := IsDebian(root); debian || err != nil {
		return debianLocaleFile, err
	}
	return localeFile, nil
}

// Locale returns the variables of the locale that are set, in the order of locale.conf(5).
func Locale(root rootfs.Root) ([]LocaleVariable, error) {
	name, err := localePlace(root)
	if err != nil {
		return nil, err
	}
	f, err := read(root, name)
	return localeOf(parseVariables(f.text)), err
}

func localeOf(v variables) []LocaleVariable {
	var list []LocaleVariable
	for _, name := range localeNames {
		if value := v.get(name); value != "" {
			list = append(list, LocaleVariable{name, value})
		}
	}
	return list
}

// SetLocale sets variables of the locale, of which the root must have the data, if it has any; others stay as they are, but
// for those that say the same as LANG, which are left out.
func SetLocale(ctx context.Context, root rootfs.Root, list []LocaleVariable) error {
	if err := checkLocale(ctx, root, list); err != nil {
		return err
	}
	name, err := localePlace(root)
	if err != nil {
		return err
	}
	e := &edit{root: root}
	if err := e.setLocale(name, list); err != nil {
		return err
	}
	return e.commit()
}

// setLocale sets variables of a file, and takes out those that say the same as LANG.
func (e *edit) setLocale(name string, list []LocaleVariable) error {
	real, f, err := lookup(e.root, name)
	if err != nil {
		return err
	}
	v := parseVariables(f.text)
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b LocaleVariable) int {
		return slices.Index(localeNames, a.Name) - slices.Index(localeNames, b.Name)
	})
	for _, x := range list {
		v = v.set(x.Name, x.Value)
	}
	lang := v.get("LANG")
	for _, x := range localeOf(v) {
		if x.Name != "LANG" && x.Value == lang {
			v = v.set(x.Name, "")
		}
	}
	e.write(real, f, v.text())
	return nil
}

// checkLocale says what is wrong with variables that are to be set.
func checkLocale(ctx context.Context, root rootfs.Root, list []LocaleVariable) error {
	seen := map[string]bool{}
	for _, x := range list {
		switch {
		case !slices.Contains(localeNames, x.Name):
			return invalid("Locale assignment %s=%s not valid, refusing.", x.Name, x.Value)
		case seen[x.Name]:
			return invalid("Locale variable %s set twice, refusing.", x.Name)
		}
		seen[x.Name] = true
		if x.Name == "LANGUAGE" { // gettext(3): languages, and several
			for part := range strings.SplitSeq(x.Value, ":") {
				if !IsLocaleName(part) {
					return invalid("Locale %s is not valid, refusing.", x.Value)
				}
			}
			continue
		}
		if !IsLocaleName(x.Value) {
			return invalid("Locale %s is not valid, refusing.", x.Value)
		}
		has, err := HasLocale(ctx, root, x.Value)
		if err != nil {
			return err
		}
		if !has {
			return &ValueError{Text: fmt.Sprintf("Locale %s not installed, refusing.", x.Value), Missing: true,
				Hint: "what the image has no data for can be made in it with locale-gen or localedef before; " +
					"systemd-firstboot --force --locale= sets it without asking"}
		}
	}
	return nil
}

// IsLocaleName says whether a text can be the name of a locale.
func IsLocaleName(s string) bool { return len(s) < 128 && isFileName(s) && isSafe(s) }

// HasLocale says whether a root has the data of a locale. "C" and "POSIX" are part of the C library; every name can be used
// in a root that has no directory for such data, as those whose C library has none.
func HasLocale(ctx context.Context, root rootfs.Root, name string) (bool, error) {
	if name == "C" || name == "POSIX" {
		return true, nil
	}
	list, err := installedLocales(ctx, root)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	same := func(have string) bool { return normalLocale(have) == normalLocale(name) }
	return slices.ContainsFunc(list, same), err
}

// Locales lists the locales of a root that use UTF-8, as localectl(1) does.
func Locales(ctx context.Context, root rootfs.Root) ([]string, error) {
	list, err := installedLocales(ctx, root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	out := []string{"C.UTF-8"}
	for _, name := range list {
		base, modifier, with := strings.Cut(name, "@")
		language, codeset, _ := strings.Cut(base, ".")
		if !strings.EqualFold(strings.ReplaceAll(codeset, "-", ""), "utf8") || !IsLocaleName(name) {
			continue
		}
		name = language + ".UTF-8"
		if with {
			name += "@" + modifier
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// normalLocale spells a name as the C library does when it looks for the data: the codeset in lower case, without signs.
func normalLocale(name string) string {
	base, modifier, _ := strings.Cut(name, "@")
	language, codeset, _ := strings.Cut(base, ".")
	codeset = strings.Map(func(r rune) rune {
		if r > 'z' || !isLabelByte(byte(r)) {
			return -1
		}
		return r
	}, codeset)
	return language + "." + strings.ToLower(codeset) + "@" + modifier
}
