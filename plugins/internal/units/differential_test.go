package units

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// needSystemctl skips a test where the systemctl of Debian 12 is missing, unless all programs have to be there.
func needSystemctl(t testing.TB) {
	t.Helper()
	out, err := exec.Command("systemctl", "--version").Output()
	if err == nil && !strings.HasPrefix(string(out), "systemd 252 ") {
		err = fmt.Errorf("it is %.40q", out)
	}
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip("needs systemctl of systemd 252: ", err)
	}
}

// theirs runs a command by systemctl.
func theirs(t testing.TB, dir string, argv []string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "systemctl", append([]string{"--root=" + dir, "--no-pager"}, argv...)...)
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH"), "SYSTEMD_LOG_LEVEL=info"}
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	r := result{stdout: stdout.String(), tree: listWorld(t, dir), said: stderr.String()}
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		r.exit, err = e.ExitCode(), nil
	}
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(stderr.String()) {
		line = strings.ReplaceAll(strings.TrimSuffix(line, "\n"), dir, "")
		if before, target, ok := strings.Cut(line, " -> "); ok && strings.HasPrefix(line, "Created ") {
			r.links = append(r.links, before+" -> "+merged(dir, target))
		}
		if strings.HasPrefix(line, "Removed ") {
			r.links = append(r.links, line)
		}
	}
	slices.Sort(r.links)
	if slices.Contains(argv, "list-unit-files") {
		r.stdout = tableOf(r.stdout)
	}
	return r
}

// tableOf makes the lines of a table plain.
func tableOf(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			break
		}
		if words[0] != "UNIT" {
			b.WriteString(strings.Join(words, " ") + "\n")
		}
	}
	return b.String()
}
