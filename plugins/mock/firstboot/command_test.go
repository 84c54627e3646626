package firstboot

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shells are the ones that images have as /bin/sh, as far as they are here.
func shells(t *testing.T) (list [][]string) {
	t.Helper()
	for _, argv := range [][]string{{"/bin/sh"}, {"dash"}, {"bash", "--posix"}, {"busybox", "sh"}} {
		if at, err := exec.LookPath(argv[0]); err == nil {
			list = append(list, append([]string{at}, argv[1:]...))
		}
	}
	return list
}

// runScript runs a script by a shell, which finds a program "show" that prints its working directory, its arguments and
// what it reads from standard input, each with a NUL behind it.
func runScript(t *testing.T, shell []string, script []byte) []string {
	t.Helper()
	dir := t.TempDir()
	show := "#!/bin/sh\npwd | tr '\\n' '\\0'\n[ $# = 0 ] || printf '%s\\0' \"$@\"\ncat\nprintf '\\0'\n"
	for name, text := range map[string]string{"show": show, "script": string(script)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), shell[0], append(shell[1:], filepath.Join(dir, "script"))...)
	cmd.Env, cmd.Dir = []string{"PATH=" + dir + ":" + os.Getenv("PATH")}, "/"
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%v: %v %s\n%q", shell, err, &stderr, script)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// TestScriptWords: whatever the bytes of arguments and input are, shells hand them on as they are.
func TestScriptWords(t *testing.T) {
	everything := make([]byte, 0, 255)
	for b := 1; b < 256; b++ {
		everything = append(everything, byte(b))
	}
	list := []Command{
		{Argv: []string{"show"}},
		{Argv: []string{"show", "", "a b", "it's", `"$HOME"`, "`x`", "$(x)", "-n", "a=b", "~", "*", "\n", "x\n\n", `\n\`, "#", "!x", "'", "''"}},
		{Argv: []string{"show", string(everything)}, Input: everything},
		{Argv: []string{"show"}, Input: []byte{}},
		{Argv: []string{"show"}, Input: []byte("-e %s\n\\x\n\n"), Dir: "/usr"},
		{Argv: []string{"show", "--", "é", "\x80", "a\xffb"}, Dir: "/"},
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		c := Command{Argv: []string{"show"}}
		for range random.IntN(4) {
			word := make([]byte, random.IntN(9))
			for i := range word {
				word[i] = `'"\ $x`[random.IntN(6)]
				if random.IntN(2) == 0 {
					word[i] = byte(1 + random.IntN(255))
				}
			}
			c.Argv = append(c.Argv, string(word))
		}
		list = append(list, c)
	}
	for _, shell := range shells(t) {
		for _, c := range list {
			script, err := c.Script()
			if err != nil {
				t.Fatal(err)
			}
			dir := "/"
			if c.Dir != "" {
				dir = c.Dir
			}
			want := slices.Concat([]string{dir}, c.Argv[1:], []string{string(c.Input)})
			if d := cmp.Diff(want, runScript(t, shell, script)); d != "" {
				t.Errorf("%v %q: -want +got:\n%s", shell, c.Argv, d)
			}
		}
	}
}

// TestScriptRefused: what a script can't have is an error.
func TestScriptRefused(t *testing.T) {
	for _, tt := range []struct {
		command Command
		want    error
	}{
		{Command{Argv: []string{"nft", "-f", "-"}, Input: []byte("a\x00b")}, errNUL},
		{Command{Argv: []string{"nft", "a\x00b"}}, errNUL},
		{Command{}, errName},
		{Command{Argv: []string{"a b"}}, errName},
		{Command{Argv: []string{"A=b"}}, errName},
		{Command{Argv: []string{""}}, errName},
	} {
		if script, err := tt.command.Script(); !errors.Is(err, tt.want) {
			t.Errorf("%q: %v, %q", tt.command.Argv, err, script)
		}
	}
}
