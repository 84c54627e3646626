package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// TestNames: what the program is depends on the name that it is called by, whatever leads to it; the program's name in
// what it prints is that one.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		args   string
		status int
		stdout string // its beginning
	}{
		{"holo help", 0, "Usage: holo apply "},
		{"/usr/bin/holo --help", 0, "Usage: /usr/bin/holo apply "},
		{"./a/holo help", 0, "Usage: ./a/holo apply "},
		{"holo-files info", 0, "MIN_API_VERSION=3\n"},
		{"/usr/lib/holo/holo-files info", 0, "MIN_API_VERSION=3\n"},
		{"holo-build version", 0, "holo-build unknown\n"},
		{"holo version", 0, "unknown\n"},
		{"holo.test version", 0, "holo-build unknown\n"},
		{"Holo version", 0, "holo-build unknown\n"},
		{"holo-unknown version", 0, "holo-build unknown\n"},
		{"holo/x version", 0, "holo-build unknown\n"},
		{"holo/ help", 0, "Usage: holo/ apply "},
		{"holo frob", 2, ""},
	} {
		var out bytes.Buffer
		p := testProcess(t.TempDir(), &out)
		p.stderr = io.Discard
		if got := run(strings.Fields(c.args), p); got != c.status || !strings.HasPrefix(out.String(), c.stdout) || c.stdout == "" && out.Len() > 0 {
			t.Errorf("%s: status %d, %q", c.args, got, out.String())
		}
	}
}
