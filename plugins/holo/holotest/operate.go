package holotest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/sandbox"
)

// operation is one call of holo in a case.
type operation struct {
	name string
	args []string
}

// operations are the calls; the last is only made if the one before it has asked for it.
var operations = []operation{
	{"scan", []string{"scan"}}, {"diff", []string{"diff"}}, {"apply", []string{"apply"}}, {"apply-force", []string{"apply", "--force"}},
}

// forceWord in the output of apply says that there is something to force.
const forceWord = "--force"

var (
	escapes  = regexp.MustCompile("\x1b\\[[0-9;]*m")
	cacheDir = regexp.MustCompile(`target/tmp/holo\.[0-9]+`)
)

// normal makes output comparable: without colours, and without the number in the name of the cache directory.
func normal(b []byte) []byte {
	return cacheDir.ReplaceAll(escapes.ReplaceAll(b, nil), []byte("target/tmp/holo"))
}

// operate calls holo.
func (c *testCase) operate(ctx context.Context) error {
	c.got, c.colored = make(map[string][]byte), make(map[string][]byte)
	_, err := os.Lstat(filepath.Join(c.work, envName))
	switch {
	case err == nil:
		var env *os.File // bash would read from what never ends, until the time is over
		if env, err = openRegular(filepath.Join(c.work, envName)); err == nil {
			err = env.Close()
		}
		if err == nil {
			err = c.withBash(ctx)
		}
	case errors.Is(err, os.ErrNotExist):
		err = c.direct(ctx)
	}
	if err != nil {
		return err
	}
	for name, b := range c.colored {
		c.got[name] = normal(b)
	}
	return nil
}

// environ is the environment of the case.
func (c *testCase) environ() []string {
	path := c.bin
	var out []string
	for _, v := range c.o.Environ {
		name, value, _ := strings.Cut(v, "=")
		switch name {
		case "PATH":
			path = c.bin + ":" + value
		case "HOLO_ROOT_DIR", "TMPDIR", "HOLO_BINARY":
		default:
			out = append(out, v)
		}
	}
	if c.standIns != nil {
		path = c.standIns.tools + ":" + path
		out = append(out, append(c.standIns.env, markVar+"="+c.standIns.mark)...)
	}
	program := "holo"
	if c.o.Holo != "" {
		program = strings.Join(c.words(), " ")
	}
	return append(out, "PATH="+path, "HOLO_ROOT_DIR=./target/", "TMPDIR=./target/tmp", "HOLO_BINARY="+program)
}

// words are the program and its first arguments. A path is relative to the case, as in the reference, or else to where we
// were called.
func (c *testCase) words() []string {
	words := strings.Fields(c.o.Holo)
	if len(words) == 0 {
		return []string{"holo"}
	}
	if strings.Contains(words[0], "/") && !filepath.IsAbs(words[0]) {
		for _, base := range []string{c.dir, "."} {
			abs, err := filepath.Abs(filepath.Join(base, words[0]))
			if err != nil {
				continue
			}
			if _, err := os.Stat(abs); err == nil {
				words[0] = abs
				break
			}
		}
	}
	return words
}

// direct calls the program itself.
func (c *testCase) direct(ctx context.Context) error {
	words, environ := c.words(), c.environ()
	file, err := holo.FindProgram(environ, words[0])
	if err != nil {
		return err
	}
	for _, op := range operations {
		if op.name == "apply-force" && !bytes.Contains(c.colored["apply"+outputSuffix], []byte(forceWord)) {
			break
		}
		if c.standIns != nil {
			c.standIns.begin(op.name)
		}
		var out bytes.Buffer
		exit, err := sandbox.Run(ctx, sandbox.Process{
			Path: file, Argv0: words[0], Args: append(words[1:len(words):len(words)], op.args...), Env: environ, Dir: c.work,
			Stdout: &out, Stderr: &out, Timeout: c.o.Timeout, OutputBytes: maxFile,
		})
		if err != nil {
			return fmt.Errorf("holo %s: %w", strings.Join(op.args, " "), err)
		}
		fmt.Fprintf(&out, "exit status %d\n", statusOf(exit))
		c.colored[op.name+outputSuffix] = out.Bytes()
	}
	return nil
}

// statusOf is the exit status that a shell gives a process.
func statusOf(e sandbox.Exit) int {
	if e.Signal != 0 {
		return 128 + int(e.Signal)
	}
	return e.Code
}

// markVar names to the driver the program that notes the operation, if there is one.
const markVar = "HOLO_TEST_MARK"

// driver is what bash does with a case that has an env.sh: that may make functions, and HOLO_BINARY name one.
const driver = `umask 022
source ./env.sh
operate() {
    local name=$1
    shift
    [ -z "${HOLO_TEST_MARK-}" ] || "$HOLO_TEST_MARK" "$name"
    ($HOLO_BINARY "$@" </dev/null; echo "exit status $?") >"colored-$name-output" 2>&1
}
operate scan scan
operate diff diff
operate apply apply
if grep -q -e --force colored-apply-output; then
    operate apply-force apply --force
fi
`

// withBash has bash call the program, in the environment that env.sh makes.
func (c *testCase) withBash(ctx context.Context) error {
	environ := c.environ()
	bash, err := holo.FindProgram(environ, "bash")
	if err != nil {
		return fmt.Errorf("the case has an %s: %w", envName, err)
	}
	var said bytes.Buffer
	exit, err := sandbox.Run(ctx, sandbox.Process{
		Path: bash, Args: []string{"-c", driver}, Env: environ, Dir: c.work, Stdout: &said, Stderr: &said, Timeout: 4 * c.o.Timeout, OutputBytes: maxFile,
	})
	if err != nil {
		return fmt.Errorf("running the case by bash: %w", err)
	}
	for _, op := range operations {
		b, err := readRegular(filepath.Join(c.work, coloredPrefix+op.name+outputSuffix))
		if errors.Is(err, os.ErrNotExist) && op.name == "apply-force" {
			break
		}
		if err != nil {
			return fmt.Errorf("%s ended the case early (%v): %s", envName, exit, bytes.TrimSpace(said.Bytes()))
		}
		c.colored[op.name+outputSuffix] = b
	}
	return nil
}

// leave writes what came of the case to its directory.
func (c *testCase) leave() error {
	for name, b := range c.got {
		if err := os.WriteFile(filepath.Join(c.work, name), b, 0o644); err != nil {
			return err
		}
	}
	for name, b := range c.colored {
		if err := os.WriteFile(filepath.Join(c.work, coloredPrefix+name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}
