package tmpfiles

import (
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/confd"
	"github.com/holo-build/holo-build/plugins/internal/specifier"
)

// item is what a line says.
type item struct {
	kind byte
	// path is absolute and simplified. Of some types, it is a pattern.
	path string
	// argument is the last field; given says that there is one.
	argument string
	given    bool
	// The modifiers. force is "+", optional "-", and replace "=".
	force, optional, replace bool
	mode                     *uint32
	uid, gid                 *uint32
	// mask is the mode's "~": it takes away from what a file has, and no more. The others are the ":" of a field, by which it
	// is for new files alone.
	mask, modeNew, uidNew, gidNew bool
	age                           age
	// What the argument means for some types.
	major, minor uint32
	xattrs       []xattr
	acl          *aclText
	// done are the operations that were done already.
	done Operation
}

// LineError is what is wrong with a line, in the words of the real tool.
type LineError struct {
	Text string
	// Err is what is behind it; may be nil.
	Err error
	// Fatal says that nothing at all is to be done.
	Fatal bool
	// nowhere says that the real tool does not tell in which line.
	nowhere bool
}

func (e *LineError) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return e.Text + ": " + e.Err.Error()
}

func (e *LineError) Unwrap() error { return e.Err }

func wrong(format string, args ...any) error { return &LineError{Text: fmt.Sprintf(format, args...)} }

const (
	maxPath     = 4096 - 1 // PATH_MAX
	maxArgument = 1 << 20
	// factory is where the defaults of files are.
	factory = "/usr/share/factory"
)

// The types of lines, by what is the same for some.
const (
	// globs are patterns of what is there already.
	globs = "wxXrRezZmtTaAhH"
	// owners say what a path is, so that there can be but one of them.
	owners = "fFdDvqQepLcbCwxXrR"
	known  = "fFwdDevqQpLcbCxXrRzZmtThHaA"
	// mute are those that have no argument.
	mute = "dDevqQpxXrRzZm"
)

// Line reads one line. Warnings are given to warn. The error is what is wrong with it, a [*LineError].
func (c *Config) Line(line string, warn func(text string)) error {
	words, rest, ok := confd.Words(line, 6, false)
	switch {
	case !ok:
		return &LineError{Text: "Failed to parse line", Err: errQuote}
	case len(words) < 2:
		return wrong("Syntax error.")
	case words[0] == "":
		return wrong("Command too short ''.")
	}
	for len(words) < 6 {
		words = append(words, "")
	}
	i := &item{kind: words[0][0], argument: rest, given: rest != "" && rest != "-"}
	var boot, encoded, credential bool
	flags := [...]*bool{&boot, &i.force, &i.optional, &i.replace, &encoded, &credential}
	for _, m := range words[0][1:] {
		at := strings.IndexRune("!+-=~^", m)
		if at < 0 || *flags[at] {
			return wrong("Unknown modifiers in command '%s'", words[0])
		}
		*flags[at] = true
	}
	if boot && !c.Boot {
		return nil
	}
	if err := c.path(i, words[1]); err != nil {
		return c.unresolved(i, err, warn)
	}
	if err := i.checkArgument(encoded, warn); err != nil {
		return err
	}
	if !c.included(i.path) {
		return nil
	}
	if credential { // nobody has one for a build
		return i.checkCredential()
	}
	if err := c.readArgument(i, encoded, warn); err != nil {
		return c.unresolved(i, err, warn)
	}
	if i.kind == 'C' && !c.isThere(i.argument) {
		return nil
	}
	if err := c.readFields(i, words[2:]); err != nil {
		return err
	}
	c.add(i, warn)
	return nil
}

// unresolved passes an error on, unless it is a specifier that stands for nothing before a system runs: then, the line means
// nothing.
func (c *Config) unresolved(i *item, err error, warn func(string)) error {
	e, ok := errors.AsType[*specifier.Error](err)
	switch {
	case !ok || !e.Missing && !e.Running:
		return err
	case e.Running && i.kind != 'x' && i.kind != 'X': // which keep files from being cleaned by age
		warn(fmt.Sprintf("%c line is left out: %v", i.kind, e))
	}
	return nil
}

// path reads the second field.
func (c *Config) path(i *item, word string) (err error) {
	if i.path, err = c.expand(word, maxPath); err != nil {
		return &LineError{Text: fmt.Sprintf("Failed to replace specifiers in '%s'", word), Err: err}
	}
	if rest, ok := strings.CutPrefix(i.path, "/var/run/"); ok { // as that is what it means at run time
		i.path = "/run/" + rest
	}
	if !path.IsAbs(i.path) {
		return wrong("Path '%s' not absolute.", i.path)
	}
	i.path = simplify(i.path)
	return nil
}

// needsArgument are the types that need an argument, and notEncoded those of which it is nothing that could be encoded, by what
// is said of them.
var (
	needsArgument = map[byte]string{'w': "Write file", 'c': "Device file", 'b': "Device file", 't': "Set extended attribute", 'T': "Set extended attribute",
		'a': "Set ACLs", 'A': "Set ACLs", 'h': "Set file attribute", 'H': "Set file attribute"}
	notEncoded = map[byte]string{'L': "symlink targets", 'C': "copy sources", 't': "extended attributes", 'T': "extended attributes", 'a': "ACLs", 'A': "ACLs",
		'c': "device node creation", 'b': "device node creation", 'h': "file attributes", 'H': "file attributes"}
)

// checkArgument says whether there is an argument where there must be one.
func (i *item) checkArgument(encoded bool, warn func(string)) error {
	if !strings.ContainsRune(known, rune(i.kind)) {
		return wrong("Unknown command type '%c'.", i.kind)
	}
	what := needsArgument[i.kind]
	if what != "" && !i.given {
		return wrong("%s requires argument.", what)
	}
	if i.given && strings.IndexByte(mute, i.kind) >= 0 {
		warn(fmt.Sprintf("%c lines don't take argument fields, ignoring.", i.kind))
	}
	plain := notEncoded[i.kind]
	if encoded && plain != "" {
		return wrong("base64 decoding not supported for %s.", plain)
	}
	if (i.kind == 'h' || i.kind == 'H') && i.given {
		letters := strings.TrimLeft(i.argument, "+-=")
		if at := strings.IndexFunc(letters, func(r rune) bool { return !strings.ContainsRune("aAcCdDeijPsStTu", r) }); at >= 0 {
			return &LineError{Text: fmt.Sprintf("Unknown file attribute '%c' on '%s'.", letters[at], i.path), nowhere: true}
		}
	}
	return nil
}

// readArgument reads the last field.
func (c *Config) readArgument(i *item, encoded bool, warn func(string)) (err error) {
	if encoded && i.given {
		raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(i.argument), ""))
		if err != nil {
			return &LineError{Text: fmt.Sprintf("Failed to base64 decode specified argument '%s'", i.argument), Err: err, Fatal: true}
		}
		i.argument = string(raw)
		return nil
	}
	if i.given && strings.IndexByte("fFwLC", i.kind) >= 0 {
		text, ok := confd.Unescape(i.argument)
		if !ok {
			warn("Failed to unescape parameter to write: " + i.argument)
			return &LineError{Text: "Failed to substitute specifiers in argument", Err: errEscape}
		}
		if i.argument, err = c.expand(text, maxArgument); err != nil {
			return &LineError{Text: "Failed to substitute specifiers in argument", Err: err}
		}
	}
	switch i.kind {
	case 'L':
		if !i.given {
			i.argument = factory + i.path
		}
	case 'C':
		if !i.given {
			i.argument = factory + i.path
		}
		if !path.IsAbs(i.argument) {
			return wrong("Source path '%s' is not absolute.", i.argument)
		}
		i.argument = simplify(i.argument)
	case 'c', 'b':
		var ok bool
		if i.major, i.minor, ok = parseDevice(i.argument); !ok {
			return wrong("Can't parse device file major/minor '%s'.", i.argument)
		}
	case 't', 'T':
		i.xattrs = parseXattrs(i.argument, c.expand, warn)
	case 'a', 'A':
		if i.acl, err = c.parseACL(i.argument, !i.force); err != nil {
			warn(fmt.Sprintf("Failed to parse ACL \"%s\": %v. Ignoring", i.argument, err))
		}
	case 'h', 'H':
		warn(fmt.Sprintf("File attributes can't be kept in an image, ignoring '%s' on '%s'.", i.argument, i.path))
	}
	return nil
}

// checkCredential says whether the argument can be the name of a credential.
func (i *item) checkCredential() error {
	name := i.argument
	if !i.given && (i.kind == 'L' || i.kind == 'C') {
		name, i.given = factory+i.path, true
	}
	if !i.given {
		return &LineError{Text: "Reading from credential requested, but no credential name specified.", Fatal: true}
	}
	if !validCredential(name) {
		return &LineError{Text: "Credential name not valid: " + name, Fatal: true}
	}
	return nil
}

// validCredential says whether a text can be the name of a credential; systemd.exec(5), "LoadCredential=".
func validCredential(s string) bool {
	return s != "." && s != ".." && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f || r == ':' || r == '/' })
}

// isThere says whether there is something to copy.
func (c *Config) isThere(p string) bool {
	name, err := source(c.root, p)
	if err == nil {
		_, err = c.root.Lstat(name)
	}
	return !confd.Missing(err)
}

// expand replaces specifiers; tmpfiles.d(5), "SPECIFIERS".
func (c *Config) expand(text string, most int) (string, error) {
	text, err := specifier.Expand(text, most, c.specifier)
	if err == nil && len(text) > most {
		err = fmt.Errorf("it is longer than %d bytes", most)
	}
	return text, err
}

func (c *Config) specifier(letter byte) (string, error) {
	s, ok := map[byte]string{'C': "/var/cache", 'g': "root", 'G': "0", 'h': "/root", 'L': "/var/log", 'S': "/var/lib", 't': "/run", 'T': "/tmp",
		'u': "root", 'U': "0", 'V': "/var/tmp"}[letter]
	if ok {
		return s, nil
	}
	return c.system.Value(letter)
}

// simplify leaves out of a path what means nothing in it: slashes after others and at the end, and dots.
func simplify(p string) string {
	var parts []string
	for part := range strings.SplitSeq(p, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	return "/" + strings.Join(parts, "/")
}
