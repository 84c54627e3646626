package scripted

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

func TestMain(m *testing.M) { os.Exit(rootfstest.Run(m, os.Stderr)) }

// parsed reads a file that must be right.
func parsed(t *testing.T, text string) *File {
	t.Helper()
	f, err := Parse("dir/mock.toml", "mock.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// world are tools that a file has, and the ledger.
type world struct {
	tools *mock.Tools
	set   *Set
	calls []string
}

func newWorld(t *testing.T, text string) *world {
	t.Helper()
	set, notices, err := Merge([]*File{parsed(t, text)}, nil, Given{})
	if err != nil || len(notices) > 0 {
		t.Fatal(err, notices)
	}
	w := &world{set: set, tools: &mock.Tools{Extra: set.Programs()}}
	w.tools.Record = w.record
	return w
}

func (w *world) record(c mock.Call) { w.calls = append(w.calls, c.Line()) }

// use uses a tool, and returns its exit status and what it wrote.
func (w *world) use(t *testing.T, stdin io.Reader, argv ...string) (exit int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	err := w.tools.Run(t.Context(), mock.Use{Argv: argv, Stdin: stdin, Stdout: &out, Stderr: &errs, Entity: "x:y"})
	var e *sandbox.ExitError
	switch {
	case err == nil:
	case errors.As(err, &e):
		exit = e.Exit.Code
	default:
		t.Fatal(err)
	}
	return exit, out.String(), errs.String()
}

func lastOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

func text(s string) io.Reader { return strings.NewReader(s) }
