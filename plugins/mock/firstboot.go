package mock

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
	"github.com/holo-build/holo-build/plugins/internal/machine"
)

// Options of the tools of systemd that can work on another root. There is no other here.
var elsewhereOptions = []option{{long: "root", arg: true}, {long: "image", arg: true}, {short: 'h', long: "help"}, {long: "version"}}

// rootAlone says what is wrong with options that lead elsewhere.
func rootAlone(u Use, list []given) error {
	for _, g := range list {
		if g.option == "image" || g.option == "root" && u.Name(g.value) != "." {
			return told("--%s=%s can't be used here: there is no other root than the one that is being provisioned", g.option, g.value)
		}
	}
	return nil
}

// firstbootOptions are those of systemd-firstboot(1).
var firstbootOptions = slices.Concat(elsewhereOptions, []option{
	{long: "locale", arg: true}, {long: "locale-messages", arg: true}, {long: "keymap", arg: true}, {long: "timezone", arg: true},
	{long: "hostname", arg: true}, {long: "setup-machine-id"}, {long: "machine-id", arg: true},
	{long: "root-password", arg: true, secret: true}, {long: "root-password-file", arg: true}, {long: "root-password-hashed", arg: true, secret: true},
	{long: "root-shell", arg: true}, {long: "kernel-command-line", arg: true}, {long: "force"}, {long: "delete-root-password"}, {long: "welcome", arg: true},
	{long: "prompt"}, {long: "prompt-locale"}, {long: "prompt-keymap"}, {long: "prompt-timezone"}, {long: "prompt-hostname"},
	{long: "prompt-root-password"}, {long: "prompt-root-shell"},
	{long: "copy"}, {long: "copy-locale"}, {long: "copy-keymap"}, {long: "copy-timezone"}, {long: "copy-root-password"}, {long: "copy-root-shell"},
})

// firstboot is systemd-firstboot(1), but for asking, and for copying from the building machine.
var firstboot = tool{
	run: func(ctx context.Context, t *Tools, u Use) (int, Outcome) {
		if err := runFirstboot(ctx, t, u); err != nil {
			fmt.Fprintln(u.Stderr, err)
			return 1, Refused
		}
		return 0, Realised
	},
	redact: func(argv []string) []string { return append(argv[:1:1], scan(firstbootOptions, argv[1:]).redacted...) },
}

func runFirstboot(ctx context.Context, t *Tools, u Use) error {
	s := scan(firstbootOptions, u.Argv[1:])
	if s.wrong != "" {
		return told("systemd-firstboot: %s", s.wrong)
	}
	if done, err := firstQuestions(u, s, "[OPTIONS...]"); done || err != nil {
		return err
	}
	var b machine.FirstBoot
	var account accounts.RootAccount
	for _, g := range s.given {
		if err := setFirstboot(&b, &account, g); err != nil {
			return err
		}
	}
	say := func(name string) { fmt.Fprintf(u.Stderr, "%s written.\n", name) }
	pass := func(name string) {
		fmt.Fprintf(u.Stderr, "%s is there already, and stays as it is without --force.\n", name)
	}
	b.Written, b.Passed = say, pass
	if err := account.Check(u.Root); err != nil {
		return err
	}
	switch {
	case account == (accounts.RootAccount{}):
	case !b.Force && isThere(u, "etc/passwd") && isThere(u, "etc/shadow"):
		pass("/etc/passwd")
	default:
		b.Then = func() error {
			warn := func(text string) { fmt.Fprintln(u.Stderr, text) }
			err := accounts.Editor{Root: u.Root, Day: accounts.Day(t.Epoch), Warn: warn}.SetRoot(ctx, account)
			if err == nil {
				say("/etc/passwd")
				say("/etc/shadow")
			}
			return err
		}
	}
	return machine.SetFirstBoot(u.Root, b)
}

func isThere(u Use, name string) bool {
	_, err := u.Root.Lstat(name)
	return err == nil
}

// firstQuestions answers what is asked of the tool and not of the root.
func firstQuestions(u Use, s *scanner, usage string) (done bool, err error) {
	if slices.ContainsFunc(s.given, func(g given) bool { return g.option == "help" }) {
		fmt.Fprintf(u.Stdout, "%s %s\n", u.Argv[0], usage)
		return true, nil
	}
	if slices.ContainsFunc(s.given, func(g given) bool { return g.option == "version" }) {
		fmt.Fprint(u.Stdout, standInVersion)
		return true, nil
	}
	return false, rootAlone(u, s.given)
}

// setFirstboot takes an option.
func setFirstboot(b *machine.FirstBoot, account *accounts.RootAccount, g given) error {
	switch g.option {
	case "locale":
		b.Locale = &g.value
	case "locale-messages":
		b.Messages = &g.value
	case "keymap":
		b.Keymap = &g.value
	case "timezone":
		b.TimeZone = &g.value
	case "hostname":
		b.Hostname = &g.value
	case "machine-id":
		b.ID = &g.value
	case "setup-machine-id":
		if b.ID == nil { // a random one would be that of all machines that are started from the image
			id := machine.Uninitialized
			b.ID = &id
		}
	case "kernel-command-line":
		b.KernelCommandLine = &g.value
	case "force":
		b.Force = true
	case "root-shell":
		account.Shell = &g.value
	case "root-password-hashed", "delete-root-password":
		if account.Password != nil && (*account.Password == "") != (g.option == "delete-root-password") {
			return told("--delete-root-password cannot be combined with other root password options")
		}
		account.Password = &g.value
	case "root-password", "root-password-file":
		return told("a password can't be encrypted while an image is provisioned, as no two builds would come to the same; " +
			"--root-password-hashed= takes an encrypted one")
	case "root", "image", "welcome":
	default:
		if strings.HasPrefix(g.option, "copy") {
			return told("--%s can't be used here: the settings of the building machine are none of the image's", g.option)
		}
		return told("--%s can't be used here: nobody can be asked while an image is provisioned", g.option)
	}
	return nil
}

// machineIDSetup is systemd-machine-id-setup(1), but that it makes no ID: that would be the ID of all machines that are
// started from the image.
var machineIDSetup = tool{run: func(_ context.Context, _ *Tools, u Use) (int, Outcome) {
	if err := runMachineIDSetup(u); err != nil {
		fmt.Fprintln(u.Stderr, err)
		return 1, Refused
	}
	return 0, Realised
}}

func runMachineIDSetup(u Use) error {
	s := scan(slices.Concat(elsewhereOptions, []option{{long: "commit"}, {long: "print"}}), u.Argv[1:])
	if s.wrong != "" {
		return told("systemd-machine-id-setup: %s", s.wrong)
	}
	if done, err := firstQuestions(u, s, "[OPTIONS...]"); done || err != nil {
		return err
	}
	if len(s.operands) > 0 {
		return told("Extraneous arguments")
	}
	has := func(option string) bool {
		return slices.ContainsFunc(s.given, func(g given) bool { return g.option == option })
	}
	if has("commit") && !has("print") {
		return nil // nothing is mounted over the file
	}
	if has("print") {
		id, err := machine.FutureID(u.Root)
		if err != nil {
			return err
		}
		if id == "" {
			return told("the root has no machine ID to print: each machine that is started from the image gets one of its own then")
		}
		fmt.Fprintln(u.Stdout, id)
	}
	if has("commit") {
		return nil
	}
	_, err := machine.SetupID(u.Root)
	return err
}
