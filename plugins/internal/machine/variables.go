package machine

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// variables is a file of assignments, as os-release(5) describes them, line by line. What is no assignment stays as it is.
type variables []string

func parseVariables(text string) variables {
	var v variables
	for line := range strings.Lines(text) {
		v = append(v, strings.TrimSuffix(line, "\n"))
	}
	return v
}

// assignment reads a line.
func assignment(line string) (name, value string, ok bool) {
	line = strings.TrimLeft(line, " \t")
	name, value, ok = strings.Cut(line, "=")
	name = strings.TrimRight(name, " \t")
	if !ok || name == "" || strings.ContainsAny(name[:1], "#;") {
		return "", "", false
	}
	return name, unquote(value), true
}

// get returns the value of a variable: the last one is in force.
func (v variables) get(name string) string {
	found := ""
	for _, line := range v {
		if n, value, ok := assignment(line); ok && n == name {
			found = value
		}
	}
	return found
}

// set gives a variable a value, in the place where it stands already, or else at the end; an empty one takes it out.
func (v variables) set(name, value string) variables {
	var out variables
	line := ""
	if value != "" {
		line = name + "=" + quote(value)
	}
	for _, l := range v {
		if n, _, ok := assignment(l); !ok || n != name {
			out = append(out, l)
		} else if line != "" {
			out = append(out, line)
			line = ""
		}
	}
	if line != "" {
		out = append(out, line)
	}
	return out
}

// text is what the file is to hold: nothing if there is nothing left but blanks.
func (v variables) text() string {
	text := strings.Join(v, "\n")
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return text + "\n"
}

// unquote reads a value: quotes may stand around parts of it, and a backslash before a character that means something.
func unquote(s string) string {
	var b strings.Builder
	var quote byte
	s = strings.TrimSpace(s)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			if quote == '"' && !strings.ContainsRune("\"\\$`", rune(s[i])) {
				b.WriteByte(c)
			}
			b.WriteByte(s[i])
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// quote writes a value so that a shell reads it, too.
func quote(s string) string {
	plain := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_./:,@+=%", r))
	}
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s) + `"`
}

// maxValue bounds a value; the kernel's longest path has as much.
const maxValue = 4096

// isText says whether a value can stand in a line.
func isText(s string) bool {
	return len(s) <= maxValue && utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

// isSafe says whether a value needs no care with quotes.
func isSafe(s string) bool { return isText(s) && !strings.ContainsAny(s, `\"'`) }

// isFileName says whether a value can be the name of a file.
func isFileName(s string) bool {
	return s != "" && s != "." && s != ".." && len(s) <= 255 && !strings.Contains(s, "/")
}
