package machine

import (
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// Where hostname(5) and machine-info(5) are.
const (
	hostnameFile = "etc/hostname"
	infoFile     = "etc/machine-info"
)

// Hostname returns the static host name; empty if none is set.
func Hostname(root rootfs.Root) (string, error) {
	f, err := read(root, hostnameFile)
	for line := range strings.Lines(f.text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			return CleanHostname(line), err
		}
	}
	return "", err
}

// SetHostname sets the static host name; an empty one removes it.
func SetHostname(root rootfs.Root, name string) error { return SetNames(root, Names{Static: &name}) }

// Names are host names to set; nil leaves one as it is, and an empty one is removed.
type Names struct{ Static, Pretty *string }

// SetNames sets host names, all or none.
func SetNames(root rootfs.Root, n Names) error {
	e := &edit{root: root}
	if n.Static != nil {
		text := ""
		if *n.Static != "" {
			if !ValidHostname(*n.Static) {
				return invalid("Invalid static hostname '%s'", *n.Static)
			}
			text = *n.Static + "\n"
		}
		if err := e.set(hostnameFile, text); err != nil {
			return err
		}
	}
	if n.Pretty != nil {
		if err := e.setInfo(PrettyHostname, *n.Pretty); err != nil {
			return err
		}
	}
	return e.commit()
}

// maxHostname is HOST_NAME_MAX of Linux.
const maxHostname = 64

func isLabelByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// ValidHostname says whether a name can be a static host name: labels of letters, digits and inner hyphens, with dots
// between them, and 64 bytes at most; hostname(5).
func ValidHostname(name string) bool {
	if len(name) > maxHostname {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		n := len(label)
		if n == 0 || !isLabelByte(label[0]) || !isLabelByte(label[n-1]) {
			return false
		}
		for i := range n {
			if !isLabelByte(label[i]) && label[i] != '-' {
				return false
			}
		}
	}
	return true
}

// CleanHostname takes out of a name what a host name can't have: it may be empty then.
func CleanHostname(name string) string {
	var out []byte
	for i := 0; i < len(name) && len(out) < maxHostname; i++ {
		last := byte('.')
		if n := len(out); n > 0 {
			last = out[n-1]
		}
		switch c := name[i]; {
		case isLabelByte(c), c == '-' && last != '.', c == '.' && last != '.' && last != '-':
			out = append(out, c)
		}
	}
	return strings.TrimRight(string(out), "-.")
}

// InfoKey names a setting of machine-info(5).
type InfoKey string

// The settings that hostnamectl(1) makes.
const (
	PrettyHostname InfoKey = "PRETTY_HOSTNAME"
	IconName       InfoKey = "ICON_NAME"
	Chassis        InfoKey = "CHASSIS"
	Deployment     InfoKey = "DEPLOYMENT"
	Location       InfoKey = "LOCATION"
)

// infoKeys has for each setting what it is called, and what it can be.
var infoKeys = map[InfoKey]struct {
	word  string
	valid func(string) bool
}{
	PrettyHostname: {"pretty hostname", isText},
	IconName:       {"icon name", func(s string) bool { return isText(s) && isFileName(s) }},
	Chassis: {"chassis", func(s string) bool {
		return strings.Contains(" vm container desktop laptop convertible server tablet handset watch embedded ", " "+s+" ")
	}},
	Deployment: {"deployment", func(s string) bool {
		return len(s) <= maxValue && strings.IndexFunc(s, func(r rune) bool { return r > 'z' || !isLabelByte(byte(r)) && !strings.ContainsRune("-.:", r) }) < 0
	}},
	Location: {"location", isText},
}

// Info returns the settings of machine-info that have a value.
func Info(root rootfs.Root) (map[InfoKey]string, error) {
	f, err := read(root, infoFile)
	v := parseVariables(f.text)
	info := map[InfoKey]string{}
	for key := range infoKeys {
		if value := v.get(string(key)); value != "" {
			info[key] = value
		}
	}
	return info, err
}

// SetInfo sets one setting of machine-info; an empty value removes it.
func SetInfo(root rootfs.Root, key InfoKey, value string) error {
	e := &edit{root: root}
	if err := e.setInfo(key, value); err != nil {
		return err
	}
	return e.commit()
}

func (e *edit) setInfo(key InfoKey, value string) error {
	known, ok := infoKeys[key]
	if !ok {
		return invalid("Unknown setting '%s'", string(key))
	}
	if value != "" && !known.valid(value) {
		return invalid("Invalid %s '%s'", known.word, value)
	}
	return e.setVariables(infoFile, variable{string(key), value})
}

// variable is an assignment to make.
type variable struct{ name, value string }

// setVariables changes assignments of a file.
func (e *edit) setVariables(name string, list ...variable) error {
	real, f, err := lookup(e.root, name)
	if err != nil {
		return err
	}
	v := parseVariables(f.text)
	for _, x := range list {
		v = v.set(x.name, x.value)
	}
	e.write(real, f, v.text())
	return nil
}
