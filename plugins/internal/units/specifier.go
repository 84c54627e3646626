package units

import (
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/specifier"
	"github.com/holo-build/holo-build/rootfs"
)

// specifiers expands what stands for something in [Install] sections; systemd.unit(5), "[INSTALL] SECTION OPTIONS".
type specifiers struct{ system specifier.System }

func newSpecifiers(root rootfs.Root) specifiers {
	return specifiers{system: specifier.System{Root: root}}
}

// maxExpanded bounds what comes of a text with specifiers; the longest that is of use is two names and a slash.
const maxExpanded = 4 << 10

// expand replaces the specifiers in a text that belongs to the unit name, with instance in place of an empty one of a
// template.
func (s *specifiers) expand(text, name, instance string) (string, error) {
	if !strings.Contains(text, "%") {
		return text, nil
	}
	if IsTemplate(name) && instance != "" {
		name = instantiate(name, instance)
	}
	return specifier.Expand(text, maxExpanded, func(c byte) (string, error) { return s.value(c, name) })
}

func (s *specifiers) value(c byte, name string) (string, error) {
	prefix, instance, kind, _ := cutName(name)
	switch c {
	case 'n':
		return name, nil
	case 'N':
		return strings.TrimSuffix(name, "."+kind), nil
	case 'p':
		return prefix, nil
	case 'j':
		return prefix[strings.LastIndexByte(prefix, '-')+1:], nil
	case 'i':
		return instance, nil
	case 'u', 'g':
		return "root", nil
	case 'U', 'G':
		return "0", nil
	}
	return s.system.Value(c)
}
