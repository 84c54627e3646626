package rootfs

import (
	"fmt"
	"strings"
)

const maxComponent = 255 // NAME_MAX of every Linux file system that a root lives on

// cleanName turns a caller's name into components joined by single slashes, "." for the root itself.
func cleanName(name string) (string, error) {
	if strings.IndexByte(name, 0) >= 0 {
		return "", fmt.Errorf("%w %q: NUL byte", ErrName, name)
	}
	var parts []string
	for p := range strings.SplitSeq(name, "/") {
		switch {
		case p == "" || p == ".":
		case p == "..":
			return "", fmt.Errorf("%w %q: \"..\" is not allowed", ErrName, name)
		case len(strings.TrimPrefix(p, whiteoutPrefix)) > maxComponent: // the longest names can be whited out, too
			return "", fmt.Errorf("%w %.40q...: a component is longer than %d bytes", ErrName, name, maxComponent)
		default:
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return ".", nil
	}
	return strings.Join(parts, "/"), nil
}

// splitName returns parent and last component of a cleaned name other than ".".
func splitName(name string) (dir, base string) {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return ".", name
}

// joinName joins a cleaned directory name and a component.
func joinName(dir, base string) string {
	if dir == "." || dir == "" {
		return base
	}
	return dir + "/" + base
}
