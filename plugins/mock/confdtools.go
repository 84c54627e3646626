package mock

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"syscall"

	"github.com/holo-build/holo-build/plugins/internal/confd"
)

// confdTool is one use of a tool that does what lines of configuration say, which lie in directories of the root or are
// given: systemd-sysusers, systemd-tmpfiles.
type confdTool struct {
	use  Use
	dirs confd.Dirs
	// replace is the file in whose place the operands are; empty for none.
	replace  string
	cat      bool
	operands []string
	// stdin is what standard input is called, and open what is said of a file that can't be opened.
	stdin, open string
	// read reads the lines of a file; bad says that some are wrong.
	read func(r io.Reader, name string) (bad bool, err error)
}

// Options that both tools have.
var confdOptions = []option{
	helpOption, {long: "version"}, {long: "cat-config"}, {long: "replace", arg: true}, {long: "root", arg: true},
	{long: "image", arg: true}, {long: "no-pager"},
}

func (c *confdTool) say(format string, args ...any) int {
	fmt.Fprintf(c.use.Stderr, format+"\n", args...)
	return 1
}

// option takes an option that both tools have, and says what is wrong with it; done says that there is nothing more to do.
func (c *confdTool) option(g given, usage string) (done bool, wrong string) {
	switch g.option {
	case "help":
		fmt.Fprint(c.use.Stdout, usage)
		return true, ""
	case "version":
		fmt.Fprintln(c.use.Stdout, "systemd 252")
		return true, ""
	case "cat-config":
		c.cat = true
	case "root":
		if c.use.Name(g.value) != "." {
			return true, "--root can't be another root than the one that is being provisioned"
		}
	case "image":
		return true, "--image can't be used here: the root is the one that is being provisioned"
	case "replace":
		switch {
		case !path.IsAbs(g.value):
			return true, "The argument to --replace= must be an absolute path."
		case !strings.HasSuffix(g.value, ".conf"):
			return true, "The argument to --replace= must have the extension '.conf'."
		}
		c.replace = c.use.Name(g.value)
	}
	return false, ""
}

// check says what is wrong with the options together.
func (c *confdTool) check() string {
	switch {
	case c.cat && c.replace != "":
		return "Option --replace= is not supported with --cat-config"
	case c.replace != "" && len(c.operands) == 0:
		return "When --replace= is given, some configuration items must be specified"
	}
	return ""
}

// catConfig prints all files, and returns the exit status.
func (c *confdTool) catConfig() int {
	files, err := c.dirs.Files()
	if err != nil {
		return c.say("Failed to list the configuration: %v", err)
	}
	for i, name := range files {
		if i > 0 {
			fmt.Fprintln(c.use.Stdout)
		}
		fmt.Fprintf(c.use.Stdout, "# /%s\n", name)
		f, err := c.dirs.Open(name)
		if err == nil {
			end := &lineEnd{w: c.use.Stdout}
			_, err = io.Copy(end, f)
			err = errors.Join(err, f.Close(), end.finish())
		}
		if err != nil {
			return c.say("Failed to cat /%s: %s", name, plain(err))
		}
	}
	return 0
}

// lineEnd writes a line's end at the end of what is written, if it has none.
type lineEnd struct {
	w    io.Writer
	last byte
}

func (l *lineEnd) Write(b []byte) (int, error) {
	if len(b) > 0 {
		l.last = b[len(b)-1]
	}
	return l.w.Write(b)
}

func (l *lineEnd) finish() error {
	if l.last == '\n' || l.last == 0 {
		return nil
	}
	_, err := l.w.Write([]byte("\n"))
	return err
}

// load reads the configuration: what is given, or what the root has, or both with --replace; given reads the operands. What is
// wrong with what the root has is told, and is no failure; what is wrong with the operands, is one.
func (c *confdTool) load(given func() int) int {
	if len(c.operands) > 0 && c.replace == "" {
		return given()
	}
	files, err := c.dirs.Files()
	if err != nil {
		return c.say("Failed to list the configuration: %v", err)
	}
	at := -1
	if c.replace != "" {
		files, at = c.dirs.With(files, c.replace)
	}
	for i, name := range files {
		if i == at {
			if exit := given(); exit != 0 {
				return exit
			}
			continue
		}
		c.file(name, "/"+name, true)
	}
	return 0
}

// operandFiles reads the files that are given.
func (c *confdTool) operandFiles() int {
	for _, operand := range c.operands {
		name, err := c.use.Name(operand), error(nil)
		if !path.IsAbs(operand) && operand != "-" {
			name, err = c.dirs.Find(operand)
		}
		switch {
		case err != nil:
			return c.say(c.open, operand, plain(err))
		case operand == "-":
			in := c.use.Stdin
			if in == nil {
				in = strings.NewReader("")
			}
			if exit := c.text(in, c.stdin); exit != 0 {
				return exit
			}
		default:
			if exit := c.file(name, "/"+name, false); exit != 0 {
				return exit
			}
		}
	}
	return 0
}

func (c *confdTool) file(name, shown string, maybe bool) int {
	f, err := c.dirs.Open(name)
	switch {
	case confd.Missing(err) && maybe:
		return 0
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ELOOP):
		return c.say(c.open, shown, plain(err))
	case err != nil:
		return c.say("Failed to read '%s': %s", shown, plain(err))
	}
	exit := c.text(f, shown)
	if err := f.Close(); err != nil && exit == 0 {
		return c.say("Failed to read '%s': %s", shown, plain(err))
	}
	return exit
}

func (c *confdTool) text(r io.Reader, shown string) int {
	bad, err := c.read(r, shown)
	if err != nil {
		return c.say("Failed to read '%s': %s", shown, plain(err))
	}
	if bad {
		return 1
	}
	return 0
}

// plain is what happened, without the name of the file.
func plain(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = syscall.ENOENT
	}
	text := err.Error()
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// confdTools are the tools that do what lines of configuration say.
func confdTools() map[string]tool {
	return map[string]tool{
		"systemd-sysusers": systemdSysusers,
		"systemd-tmpfiles": systemdTmpfiles,
	}
}
