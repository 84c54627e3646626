package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/sandbox"
)

// TestProblem: the line that says in the end why an entity failed has the reason that its plugin gave, in whatever form.
func TestProblem(t *testing.T) {
	exit := sandbox.Exit{Code: 5}.Err()
	for _, tt := range []struct {
		stderr string
		err    error
		want   string
	}{
		{"", exit, "exit status 5"},
		{"!! no disk\nbye\n", exit, "no disk"},
		{"trying\n  no disk  \n\n>> it may be the disk\n", exit, "no disk (exit status 5)"},
		{">> only warned\n", exit, "exit status 5"},
		{strings.Repeat("x", 299) + "é and more", exit, strings.Repeat("x", 299) + "... (exit status 5)"},
		{"no disk\n", fmt.Errorf("wrapped: %w", errors.New("not an exit")), "wrapped: not an exit"},
	} {
		got := problem(&holo.Scanned{Plugin: "notes", Entity: holo.Entity{ID: "note:a"}}, holo.Result{Outcome: holo.Failed, Err: tt.err, Stderr: []byte(tt.stderr)})
		if want := "note:a (plugin notes): " + tt.want; got != want {
			t.Errorf("%q: got %q, want %q", tt.stderr, got, want)
		}
	}
}
