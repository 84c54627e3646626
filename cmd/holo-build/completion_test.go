package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// holoSelectors are what holo tells the completion script, as names of files and units may be.
const holoSelectors = `/etc/a b
/usr/share/holo/generators/01::files/10/etc/motd
/usr/share/holo/generators/01::files/20/etc/motd
/usr/share/holo/notes/$(touch x)
/usr/share/holo/notes/*
it's "$5"
ssh-keyset:root
unit:worker@1.service
unit:worker@mail.service
user:é
`

// TestCompletionHoloBash: what is typed before the cursor (words are how bash splits it), and what bash is to put in
// place of what follows its last word break, which is a colon or an open quote, or begins with an @. Nothing that is
// listed is run, or taken for a pattern of files.
func TestCompletionHoloBash(t *testing.T) {
	need(t, "bash")
	const operations = "apply\ndiff\nscan\nselectors\nversion\nhelp\n"
	for _, c := range []struct{ words, typed, want string }{
		{"holo|", "holo ", operations},
		{"holo|s", "holo s", "scan\nselectors\n"},
		{"holo|apply|-", "holo apply -", "-f\n--force\n"},
		{"holo|scan|--s", "holo scan --s", "--short\n"},
		{"holo|version|", "holo version ", ""},
		{"holo|scan|s", "holo scan s", "ssh-keyset:root\n"},
		{"holo|scan|ssh-keyset|:", "holo scan ssh-keyset:", "root\n"},
		{"holo|scan|ssh-keyset|:|r", "holo scan ssh-keyset:r", "root\n"},
		{"holo|scan|/usr/share/holo/generators/01|:", "holo scan /usr/share/holo/generators/01:", ":files/10/etc/motd\n:files/20/etc/motd\n"},
		{"holo|scan|/usr/share/holo/generators/01|::", "holo scan /usr/share/holo/generators/01::", "files/10/etc/motd\nfiles/20/etc/motd\n"},
		{"holo|scan|/usr/share/holo/generators/01|::|files/2", "holo scan /usr/share/holo/generators/01::files/2", "files/20/etc/motd\n"},
		{"holo|diff|unit|:|w", "holo diff unit:w", "worker@1.service\nworker@mail.service\n"},
		{"holo|diff|unit|:|worker|@", "holo diff unit:worker@", "@1.service\n@mail.service\n"},
		{"holo|diff|unit|:|worker|@|m", "holo diff unit:worker@m", "@mail.service\n"},
		{"holo|diff|unit|:|worker|@|1.service|unit|:|worker|@|m", "holo diff unit:worker@1.service unit:worker@m", "@mail.service\n"},
		{"holo|scan|/etc/", "holo scan /etc/", "/etc/a\\ b\n"},
		{"holo|scan|/etc/a\\ ", `holo scan /etc/a\ `, "/etc/a\\ b\n"},
		{"holo|scan|'/etc/a ", `holo scan '/etc/a `, "/etc/a b\n"},
		{"holo|scan|'unit:worker@m", `holo scan 'unit:worker@m`, "unit:worker@mail.service\n"},
		{"holo|scan|'unit'|:|w", `holo scan 'unit':w`, "worker@1.service\nworker@mail.service\n"},
		{"holo|scan|'unit'|:|worker|@|m", `holo scan 'unit':worker@m`, "@mail.service\n"},
		{"holo|scan|unit|:|\"worker@m", `holo scan unit:"worker@m`, "worker@mail.service\n"},
		{"holo|scan|i", "holo scan i", `it\'s\ \"\$5\"` + "\n"},
		{"holo|scan|it\\'", `holo scan it\'`, `it\'s\ \"\$5\"` + "\n"},
		{"holo|scan|'i", "holo scan 'i", `it'\''s "$5"` + "\n"},
		{"holo|scan|\"it's \\\"", `holo scan "it's \"`, `it's \"\$5\"` + "\n"},
		{"holo|scan|user|:", "holo scan user:", "é\n"},
		{"holo|scan|é|user|:", "holo scan é user:", "é\n"},
		{"holo|scan|/usr/share/holo/notes/", "holo scan /usr/share/holo/notes/",
			`/usr/share/holo/notes/\$\(touch\ x\)` + "\n" + `/usr/share/holo/notes/\*` + "\n"},
		{"holo|scan|/usr/share/holo/notes/\\$\\(", `holo scan /usr/share/holo/notes/\$\(`, `/usr/share/holo/notes/\$\(touch\ x\)` + "\n"},
		{"holo|scan|none", "holo scan none", ""},
	} {
		t.Run(c.typed, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			script := "holo() { printf %s \"$SELECTORS\"; }\n" + holoBash + `
COMP_WORDBREAKS=$' \t\n"\'@><=;|&(:' COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE="$TYPED or more" COMP_POINT=$POINT
_holo
[ ${#COMPREPLY[@]} = 0 ] || printf '%s\n' "${COMPREPLY[@]}"
`
			words := strings.Split(c.words, "|")
			cmd := exec.CommandContext(t.Context(), "bash", append([]string{"--norc", "-c", `COMP_WORDS=("$@"); ` + script, "bash"}, words...)...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "SELECTORS="+holoSelectors, "TYPED="+c.typed, "POINT="+strconv.Itoa(utf8.RuneCountInString(c.typed)))
			out, err := cmd.CombinedOutput()
			if err != nil || string(out) != c.want {
				t.Errorf("%v:\n%swant\n%s", err, out, c.want)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
				t.Errorf("completing made %q", left)
			}
		})
	}
}
