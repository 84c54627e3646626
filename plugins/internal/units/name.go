package units

import (
	"slices"
	"strings"
)

// maxName is the length of the longest unit name; systemd.unit(5), "UNIT FILE LOAD PATH" has file names, and these end
// there.
const maxName = 255

// unitTypes are the types of units, in the order in which they are listed.
var unitTypes = []string{"automount", "device", "mount", "path", "scope", "service", "slice", "socket", "swap", "target", "timer"}

const nameCharacters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.\\@"

// inName says which bytes are nameCharacters: names are checked by the thousand.
var inName = func() (in [256]bool) {
	for _, c := range []byte(nameCharacters) {
		in[c] = true
	}
	return in
}()

func onlyNameCharacters(s string) bool {
	for i := range len(s) {
		if !inName[s[i]] {
			return false
		}
	}
	return true
}

// ValidName reports whether a name is one that a unit can have: "nginx.service", the template "getty@.service", or its
// instance "getty@tty1.service"; systemd.unit(5), "DESCRIPTION".
func ValidName(name string) bool {
	if len(name) > maxName || !onlyNameCharacters(name) {
		return false
	}
	dot := strings.LastIndexByte(name, '.')
	if dot <= 0 || name[0] == '@' {
		return false
	}
	return slices.Contains(unitTypes, name[dot+1:])
}

// Mangle makes a unit name of what a person types: ".service" is added to a name that has no type.
func Mangle(name string) string { return mangle(name, "service") }

func mangle(name, defaultType string) string {
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 && slices.Contains(unitTypes, name[dot+1:]) {
		return name
	}
	return name + "." + defaultType
}

// typeOf returns what follows the last dot of a valid name.
func typeOf(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// cutName splits a valid name: prefix, instance, and type. at says whether there is an "@": with an empty instance, the
// name is a template's.
func cutName(name string) (prefix, instance, kind string, at bool) {
	dot := strings.LastIndexByte(name, '.')
	prefix, instance, at = strings.Cut(name[:dot], "@")
	return prefix, instance, name[dot+1:], at
}

// IsTemplate reports whether a valid name is that of a template.
func IsTemplate(name string) bool {
	_, instance, _, at := cutName(name)
	return at && instance == ""
}

// IsInstance reports whether a valid name is that of an instance.
func IsInstance(name string) bool {
	_, instance, _, at := cutName(name)
	return at && instance != ""
}

// TemplateOf returns the name of the template of an instance, and any other name as it is.
func TemplateOf(name string) string {
	prefix, _, kind, at := cutName(name)
	if !at {
		return name
	}
	return prefix + "@." + kind
}

// instantiate puts an instance into the name of a template.
func instantiate(template, instance string) string {
	prefix, _, kind, _ := cutName(template)
	return prefix + "@" + instance + "." + kind
}

// validInstance reports whether a text can stand between "@" and the type.
func validInstance(s string) bool {
	return s != "" && len(s) < maxName && onlyNameCharacters(s)
}
