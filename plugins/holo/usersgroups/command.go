package usersgroups

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/sandbox"
)

// command is how an account becomes what is wanted; 4.2.7. An option is given if its value is wanted and not there.
func command(want, actual account) []string {
	tool, home := "mod", "--home"
	if !actual.exists() {
		tool, home = "add", "--home-dir"
	}
	argv := []string{string(want.kind) + tool}
	option := func(name, wanted, is string) {
		if wanted != "" && wanted != is {
			argv = append(argv, name, wanted)
		}
	}
	text := func(name, wanted, is string) {
		if option(name, wanted, is); wanted == "" && is != "" && want.exact && tool == "mod" {
			argv = append(argv, name, "")
		}
	}
	if tool == "add" && want.system {
		argv = append(argv, "--system")
	}
	if want.kind == group {
		option("--gid", numberOf(want), numberOf(actual))
		return append(argv, want.name)
	}
	option("--uid", numberOf(want), numberOf(actual))
	text("--comment", want.comment, actual.comment)
	option(home, want.home, actual.home)
	switch {
	case tool == "mod" || want.createHome == nil:
	case *want.createHome:
		argv = append(argv, "--create-home")
	default:
		argv = append(argv, "--no-create-home")
	}
	option("--gid", want.loginGroup, actual.loginGroup)
	if !sameGroups(want.groups, actual.groups) {
		argv = append(argv, "--groups", strings.Join(sorted(want.groups), ","))
	}
	text("--shell", want.shell, actual.shell)
	return append(argv, want.name)
}

func numberOf(a account) string {
	if a.id == nil {
		return ""
	}
	return a.idText()
}

// deletion is how an account is deleted.
func deletion(a account) []string { return []string{string(a.kind) + "del", a.name} }

// declare prints a command that is not run, as the reference does.
func declare(w io.Writer, argv []string) {
	shown := []string{"MOCK:"}
	for _, arg := range argv {
		if arg == "" || strings.Contains(arg, " ") {
			arg = "'" + arg + "'"
		}
		shown = append(shown, arg)
	}
	fmt.Fprintln(w, strings.Join(shown, " "))
}

// runTool runs an account tool. What it says, it says to the user. In a build the error says it, too, as that may be all
// that is shown in the end; else the error is the reference's.
func runTool(ctx context.Context, env *holo.Env, argv []string) error {
	stderr, last := env.Stderr, &lastLine{to: env.Stderr}
	env.Stderr = last
	defer func() { env.Stderr = stderr }()
	err := env.Run(ctx, holo.Command{Argv: argv})
	exit, ran := errors.AsType[*sandbox.ExitError](err)
	said := strings.TrimPrefix(last.text(), argv[0]+": ")
	switch {
	case err == nil || !ran:
		return err
	case !env.ImageBuild:
		return errors.New(exit.Error())
	case said != "":
		return fmt.Errorf("%s: %s (%w)", argv[0], said, err)
	}
	return fmt.Errorf("%s: %w", argv[0], err)
}

// lastLine passes on what is written, and keeps the end.
type lastLine struct {
	to   io.Writer
	kept string
}

// maxLine is how much of a line is kept.
const maxLine = 500

func (l *lastLine) Write(b []byte) (int, error) {
	l.kept += string(b[max(0, len(b)-2*maxLine):])
	l.kept = l.kept[max(0, len(l.kept)-2*maxLine):]
	return l.to.Write(b)
}

func (l *lastLine) text() string {
	said := strings.TrimSpace(l.kept)
	said = said[1+strings.LastIndexByte(said, '\n'):]
	return strings.ToValidUTF8(said[:min(len(said), maxLine)], "")
}

// differs says what of an account is not as it is wanted; empty if all is.
func differs(want, actual account) string {
	for _, f := range []struct {
		what, want, is string
		exact          bool
	}{
		{want.kind.idName(), numberOf(want), numberOf(actual), false},
		{"comment", want.comment, actual.comment, want.exact},
		{"home directory", want.home, actual.home, false},
		{"login group", want.loginGroup, actual.loginGroup, false},
		{"login shell", want.shell, actual.shell, want.exact},
	} {
		if f.want != f.is && (f.want != "" || f.exact) {
			return fmt.Sprintf("its %s is %s, not %s", f.what, cmp.Or(f.is, "empty"), cmp.Or(f.want, "empty"))
		}
	}
	if !sameGroups(want.groups, actual.groups) {
		return fmt.Sprintf("its groups are %s, not %s", cmp.Or(strings.Join(actual.groups, ","), "none"), strings.Join(want.groups, ","))
	}
	return ""
}
