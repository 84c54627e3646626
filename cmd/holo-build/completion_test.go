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
		{"holo|scan|\"it's \\\"", `holo scan "it's \"`, `it's \"\$5\""` + "\n"}, // the quote at the end ends it
		{"holo|scan|user|:", "holo scan user:", "é\n"},
		{"holo|scan|é|user|:", "holo scan é user:", "é\n"},
		{"holo|scan|/usr/share/holo/notes/", "holo scan /usr/share/holo/notes/",
			`/usr/share/holo/notes/\$\(touch\ x\)` + "\n" + `/usr/share/holo/notes/\*` + "\n"},
		{"holo|scan|/usr/share/holo/notes/\\$\\(", `holo scan /usr/share/holo/notes/\$\(`, `/usr/share/holo/notes/\$\(touch\ x\)` + "\n"},
		{"holo|scan|none", "holo scan none", ""},
	} {
		t.Run(c.typed, func(t *testing.T) {
			t.Parallel()
			script := "holo() { printf %s \"$SELECTORS\"; }\n" + bashScript("holo", holoBash)
			if got := completeBash(t, script, "_holo", c.words, c.typed); got != c.want {
				t.Errorf("%swant\n%s", got, c.want)
			}
		})
	}
}

// completeBash has a function of a script complete what is typed, and returns its replies.
func completeBash(t *testing.T, script, function, words, typed string) string {
	t.Helper()
	dir := t.TempDir()
	script = `COMP_WORDS=("$@"); ` + script + `
compopt() { printf 'compopt %s\n' "$*"; }
COMP_WORDBREAKS=$' \t\n"\'@><=;|&(:' COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE="$TYPED or more" COMP_POINT=$POINT
` + function + `
[ ${#COMPREPLY[@]} = 0 ] || printf '%s\n' "${COMPREPLY[@]}"
`
	cmd := exec.CommandContext(t.Context(), "bash", append([]string{"--norc", "-c", script, "bash"}, strings.Split(words, "|")...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME=/home/me", "DIR=some dir", "LC_ALL=C.UTF-8", "SELECTORS="+holoSelectors, "TYPED="+typed,
		"POINT="+strconv.Itoa(utf8.RuneCountInString(typed)))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("completing made %q", left)
	}
	return string(out)
}

// TestCompletionBash: the script for holo-build asks the program with the words before the last one as the shell would have
// them, but for what a shell would run, and quotes what it answers. Names of an image's files are in both.
func TestCompletionBash(t *testing.T) {
	need(t, "bash")
	for _, c := range []struct{ answer, typed, want string }{
		{`/r/$(touch x)/a\n/r/$(touch x)/b\n:4`, "holo-build scan img /r/", "<scan> <img> </r/>\ncompopt +o default\n/r/\\$\\(touch\\ x\\)/a\n/r/\\$\\(touch\\ x\\)/b\n"},
		{`/r/$(touch x)/a\n:4`, "holo-build scan img \"/r/", "<scan> <img> </r/>\ncompopt +o default\n/r/\\$(touch x)/a\n"},
		{`file:/a\n:4`, "holo-build scan $(touch x) `touch y` file:", "<scan> <$(touch> <x)> <`touch> <y`> <file:>\ncompopt +o default\n/a\n"},
		{`:1`, `holo-build scan "$DIR/a" ${DIR} '$DIR' \$DIR $5 ~/x '~/x' a~/x "" x`,
			"<scan> <some dir/a> <some dir> <$DIR> <$DIR> <$5> </home/me/x> <~/x> <a~/x> <> <x>\n"},
		{`auto\nview\n:4`, "holo-build build x --stage=v", "<build> <x> <--stage=v>\ncompopt +o default\nview\n"},
		{`auto\nview\n:6`, "holo-build build x --stage ", "<build> <x> <--stage> <>\ncompopt +o default\ncompopt -o nospace\nauto\nview\n"},
		{`scan\tList\nbuild\tBuild\n:4`, "holo-build ", "<>\ncompopt +o default\nscan\nbuild\n"},
		{`scan\tList\nbuild\tBuild\n:4`, "COMP_TYPE=63 holo-build ", "<>\ncompopt +o default\nscan                   (List)\nbuild                  (Build)\n"},
		{`:0`, "holo-build scan ./i", "<scan> <./i>\n"},
		{`no protocol`, "holo-build scan ./i", "<scan> <./i>\n"},
	} {
		t.Run(c.typed, func(t *testing.T) {
			t.Parallel()
			typed, listed := strings.CutPrefix(c.typed, "COMP_TYPE=63 ")
			script := "holo-build() { shift; printf '<%s> ' \"$@\" | sed 's/ $/\\n/' >&3; printf '" + c.answer + "\\n'; }\nexec 3>&1\n" + bashScript("holo-build", holoBuildBash)
			if script += "\nCOMP_TYPE=9"; listed {
				script += "\nCOMP_TYPE=63"
			}
			if got := completeBash(t, script, "_holo_build", "", typed); got != c.want {
				t.Errorf("%swant\n%s", got, c.want)
			}
		})
	}
}
