package holo

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDiffLikeGit compares random edits of random files with git byte for byte. Lines are of a kind that occurs once, so
// that there is but one shortest diff.
func TestDiffLikeGit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	for range 60 {
		var from, to strings.Builder
		for i := range r.IntN(80) {
			line := fmt.Sprintf("%s%d\n", []string{"", "  ", "\t", "fn "}[r.IntN(4)], i)
			switch r.IntN(12) {
			case 0:
				from.WriteString(line)
			case 1:
				to.WriteString("new " + line)
			case 2:
				from.WriteString(line)
				to.WriteString("other " + line)
			default:
				from.WriteString(line)
				to.WriteString(line)
			}
		}
		side{text: from.String()}.write(t, dir+"/from")
		side{text: to.String()}.write(t, dir+"/to")
		if diff := cmp.Diff(gitDiff(t, dir, "from", "to"), ours(t, dir, "from", "to")); diff != "" {
			t.Fatalf("from %q to %q: %s", from.String(), to.String(), diff)
		}
	}
}

// TestBlocksLikeGit compares what people do to configuration: they add or remove a block that looks like others, or
// change a line in it.
func TestBlocksLikeGit(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	dir := t.TempDir()
	block := func(i int) string {
		switch i % 3 {
		case 0:
			return fmt.Sprintf("[section%d]\nenabled = true\n\n", i)
		case 1:
			return fmt.Sprintf("host h%d {\n\tport 22\n\tuser x\n}\n", i)
		}
		return fmt.Sprintf("# comment %d\nkey%d = value\n\n", i, i)
	}
	for range 60 {
		var from, to strings.Builder
		kind := r.IntN(3)
		edited, change := r.IntN(8), r.IntN(4)
		for i := range 8 {
			b := block(i*3 + kind)
			if i != edited || change != 0 {
				from.WriteString(b)
			}
			switch {
			case i != edited || change == 0:
				to.WriteString(b)
			case change == 1:
				to.WriteString(strings.Replace(b, "\n", "\nadded line\n", 1))
			case change == 2:
				to.WriteString(b + b)
			}
		}
		side{text: from.String()}.write(t, dir+"/from")
		side{text: to.String()}.write(t, dir+"/to")
		if diff := cmp.Diff(gitDiff(t, dir, "from", "to"), ours(t, dir, "from", "to")); diff != "" {
			t.Fatalf("from %q to %q: %s", from.String(), to.String(), diff)
		}
	}
}

// TestDiffApplies: whatever two files hold, the diff makes the one of the other, says git.
func TestDiffApplies(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	random := func() string {
		var b strings.Builder
		for range r.IntN(40) {
			b.WriteString([]string{"a\n", "b\n", "\n", "  c\n", "\td\n", "}\n"}[r.IntN(6)])
		}
		if r.IntN(4) == 0 {
			b.WriteString("end")
		}
		return b.String()
	}
	dir := t.TempDir()
	for range 60 {
		from, to := "first\n"+random(), "first\n"+random()
		side{text: from}.write(t, dir+"/from")
		side{text: to}.write(t, dir+"/to")
		patch := ours(t, dir, "from", "to")
		if patch == "" {
			if from != to {
				t.Fatalf("no diff of %q and %q", from, to)
			}
			continue
		}
		// git apply wants one name on both sides.
		patch = strings.Replace(patch, "--- from\n+++ to\n", "--- from\n+++ from\n", 1)
		_, patch, _ = strings.Cut(patch, "\n")
		if patch == "" {
			t.Fatal("nothing after the first line")
		}
		cmd := exec.CommandContext(t.Context(), "git", "apply", "-p0", "--unidiff-zero", "--whitespace=nowarn", "-")
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(patch)
		cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s\n%s", err, out, patch)
		}
		got, err := os.ReadFile(dir + "/from")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, []byte(to)) {
			t.Fatalf("from %q to %q: got %q by\n%s", from, to, got, patch)
		}
	}
}
