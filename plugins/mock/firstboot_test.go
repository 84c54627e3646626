package mock

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// needSystemd skips a test that has to have a tool of systemd 252, as Debian 12 has it; where everything must be there, it
// fails.
func needSystemd(t *testing.T, tool string) {
	t.Helper()
	rootfstest.NeedRoot(t)
	out, err := exec.Command(tool, "--version").Output()
	if err == nil && strings.HasPrefix(string(out), "systemd 252 ") {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s of systemd 252 is needed: %v, %.40q", tool, err, out)
	}
	t.Skipf("needs %s of systemd 252", tool)
}

// firstbootRoot makes a root in the working directory.
const firstbootRoot = `
chmod 755 .
mkdir -p etc/default bin usr/share/zoneinfo/Europe
printf 'TZif2' | tee usr/share/zoneinfo/UTC usr/share/zoneinfo/Europe/Berlin > usr/share/zoneinfo/Europe/Rome
echo ID=debian > etc/os-release
printf 'root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/x\n' > etc/passwd
printf 'root:*:19000:0:99999:7:::\ndaemon:*:1::::::\n' > etc/shadow
chmod 640 etc/shadow
printf '#!/bin/sh\n' > bin/sh
chmod 755 bin/sh
`

// systemdPair is a root twice: a tool of systemd works on one with --root, and ours on the other.
type systemdPair struct {
	t            *testing.T
	theirs, ours string
}

func newSystemdPair(t *testing.T, setup string) *systemdPair {
	t.Helper()
	p := &systemdPair{t, memory(t), memory(t)}
	for _, dir := range []string{p.theirs, p.ours} {
		out, err := exec.Command("sh", "-euc", "umask 022; cd \"$1\"\n"+setup, "sh", dir).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return p
}

// spoken is what a tool answered: its exit status, and what it printed.
type spoken struct {
	Status      int
	Out, Errors string
}

func (p *systemdPair) real(argv []string) spoken {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), argv[0], append([]string{"--root=" + p.theirs}, argv[1:]...)...)
	cmd.Env = []string{"LC_ALL=C.UTF-8", "PATH=" + os.Getenv("PATH"), "SYSTEMD_COLORS=0"}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		p.t.Fatal(err)
	}
	return spoken{cmd.ProcessState.ExitCode(), strings.ReplaceAll(stdout.String(), p.theirs, ""), strings.ReplaceAll(stderr.String(), p.theirs, "")}
}

func (p *systemdPair) mock(argv []string) spoken {
	p.t.Helper()
	root, err := rootfs.OpenHost(p.ours)
	if err != nil {
		p.t.Fatal(err)
	}
	defer root.Close()
	var stdout, stderr bytes.Buffer
	tools := Tools{Epoch: epoch}
	err = tools.Run(p.t.Context(), Use{Root: root, Argv: argv, Stdout: &stdout, Stderr: &stderr})
	s := spoken{Out: stdout.String(), Errors: stderr.String()}
	if e, ok := errors.AsType[*sandbox.ExitError](err); ok {
		s.Status = e.Exit.Code
	} else if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// today is a day of a changed password: theirs take that of the clock.
var today = regexp.MustCompile(`(?m)(root:[^:]*):\d{5}:`)

func (p *systemdPair) trees() (theirs, ours []string) {
	for _, line := range keptApart(readTree(p.t, p.theirs)) {
		theirs = append(theirs, today.ReplaceAllString(line, "$1:DAY:"))
	}
	for _, line := range readTree(p.t, p.ours) {
		ours = append(ours, today.ReplaceAllString(line, "$1:DAY:"))
	}
	return theirs, ours
}

// plain is what firstboot said, in any order: theirs end some sentences, do not say what they pass over, and
// look at the time zones of the building machine.
func (s spoken) plain() spoken {
	var lines []string
	for line := range strings.Lines(s.Errors) {
		line = strings.TrimSuffix(strings.TrimSpace(line), ".")
		if !strings.HasSuffix(line, " stays as it is without --force") && !strings.HasPrefix(line, "Failed to open timezone file '/usr/share/zoneinfo/") {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	s.Errors = strings.Join(lines, "\n")
	return s
}

const someMachine = "0123456789abcdef0123456789abcdef"

// TestFirstbootDifferential lets systemd-firstboot and ours do the same with one root, and compares what they say, their exit
// statuses, and the trees.
func TestFirstbootDifferential(t *testing.T) {
	needSystemd(t, "systemd-firstboot")
	const initialized = "echo old > etc/hostname; echo " + someMachine + " > etc/machine-id; echo LANG=C > etc/default/locale; ln -s x etc/localtime; echo KEYMAP=de > etc/vconsole.conf; mkdir etc/kernel; echo x > etc/kernel/cmdline"
	const all = "--hostname=web --locale=POSIX --locale-messages=C --timezone=Europe/Berlin --keymap=us --root-password-hashed=$6$a$b --root-shell=/bin/sh --kernel-command-line=quiet"
	for _, tt := range []struct{ setup, options string }{
		{"", ""}, {"", "operand"}, {"", "--frob"}, {"", "--locale=de_DE.UTF-8"}, {"", "--locale-messages=C"}, {"", "--locale=C --locale-messages=C"}, {"", "--locale=a/b"},
		{"", "--keymap=de"}, {"", "--keymap=a/b"}, {"", "--timezone=Europe/Berlin"}, {"", "--timezone=UTC"}, {"", "--timezone=No/Where"}, {"", "--hostname=web.example.com"},
		{"", "--hostname=a_b"}, {"", "--hostname=web."}, {"", "--hostname=a --hostname=b"}, {"", "--hostname="}, {"", "--timezone="}, {"", "--keymap="}, {"", "--locale="}, {"", "--machine-id=xx"}, {"", "--root-shell="},
		{"", "--root-shell=/bin/zsh --force"}, {"", "--root-shell=/bin/zsh"}, {"", "--kernel-command-line='quiet splash'"}, {"", "--root-password-hashed=x"},
		{"", "--root-password-hashed=$6$a$b --force"}, {"", "--root-password-hashed=$6$a$b --root-shell=/bin/sh --force"}, {"", "--delete-root-password --force"},
		{"", "--delete-root-password --root-password-hashed=x --force"}, {"", all}, {"", all + " --force"}, {initialized, all}, {initialized, all + " --machine-id=" + someMachine},
		{initialized, "--setup-machine-id"}, {initialized, all + " --force"}, {"rm etc/shadow", "--root-password-hashed=$6$a$b"}, {"rm etc/passwd", "--root-password-hashed=$6$a$b"},
		{"rm etc/passwd etc/shadow", "--root-shell=/bin/sh"}, {"rm etc/passwd etc/shadow", all}, {"sed -i s/root:x/root:y/ etc/passwd", "--root-password-hashed=! --force"},
		{"rm -r etc/*; echo ID=debian > etc/os-release", all}, {"rm -r etc; mkdir -p usr/lib; echo ID=debian > usr/lib/os-release", "--hostname=a --locale=C --timezone=UTC"},
		{"ln -s nowhere etc/hostname", "--hostname=a"}, {"mkdir etc/hostname", "--hostname=a"}, {"", "--welcome=no --keymap=de"},
	} {
		t.Run(tt.setup+" then "+tt.options, func(t *testing.T) {
			p := newSystemdPair(t, firstbootRoot+tt.setup)
			argv := append([]string{"systemd-firstboot"}, split(tt.options)...)
			if diff := cmp.Diff(p.real(argv).plain(), p.mock(argv).plain()); diff != "" {
				t.Errorf("-theirs +ours:\n%s", diff)
			}
			theirs, ours := p.trees()
			if diff := cmp.Diff(theirs, ours); diff != "" {
				t.Errorf("-theirs +ours:\n%s", diff)
			}
		})
	}
}

// keptSystemd are differences between systemd's tools and ours that are on purpose, each with its reason.
var keptSystemd = []struct {
	name, why      string
	setup, command string
	theirs, ours   int
	// files are what ours have in files; none if ours have changed nothing.
	files map[string]string
}{
	{
		name: "new machine ID", why: "all machines that are started from the image would have it",
		command: "systemd-machine-id-setup", files: map[string]string{"etc/machine-id": "uninitialized\n"},
	},
	{
		name: "machine ID printed that is not there", why: "it would be one that no machine has",
		command: "systemd-machine-id-setup --print", ours: 1,
	},
	{
		name: "machine ID committed that is not there", why: "there is nothing to commit, as there is where it runs in a root that was never started",
		command: "systemd-machine-id-setup --commit", theirs: 1,
	},
	{
		name: "random machine ID by firstboot", why: "all machines that are started from the image would have it",
		command: "systemd-firstboot --setup-machine-id", files: map[string]string{"etc/machine-id": "uninitialized\n"},
	},
	{
		name: "mode of a new machine ID", why: "theirs lets root write to it in one tool, and not in the other",
		command: "systemd-firstboot --machine-id=" + someMachine, files: map[string]string{"etc/machine-id": someMachine + "\n"},
	},
	{
		name: "machine ID of zeros", why: "it is none; theirs takes it for not given",
		command: "systemd-firstboot --machine-id=00000000000000000000000000000000", ours: 1,
	},
	{
		name: "time zone that the root lacks", why: "theirs looks at the time zones of the building machine",
		setup: "rm usr/share/zoneinfo/Europe/Rome", command: "systemd-firstboot --timezone=Europe/Rome", ours: 1,
	},
	{
		name: "name of the time zone in /etc/timezone", why: "who reads it there would have another zone",
		setup: "echo Etc/UTC > etc/timezone", command: "systemd-firstboot --timezone=Europe/Berlin", files: map[string]string{"etc/timezone": "Europe/Berlin\n"},
	},
	{
		name: "what else is in settings", why: "theirs replaces the whole file: fonts, comments and other variables are gone",
		setup: "printf '# mine\\nFONT=x\\nKEYMAP=us\\n' > etc/vconsole.conf", command: "systemd-firstboot --force --keymap=de",
		files: map[string]string{"etc/vconsole.conf": "# mine\nFONT=x\nKEYMAP=de\n"},
	},
	{
		name: "mode of settings", why: "what is odd in an image is not ours to mend",
		setup: "echo old > etc/hostname; chmod 600 etc/hostname", command: "systemd-firstboot --force --hostname=web", files: map[string]string{"etc/hostname": "web\n"},
	},
	{
		name: "settings behind a symlink", why: "the file it leads to is changed, the link stays",
		setup: "mkdir srv; ln -s /srv/name etc/hostname; echo old > srv/name", command: "systemd-firstboot --force --hostname=web", files: map[string]string{"srv/name": "web\n"},
	},
	{
		name: "locale.conf on Debian", why: "where it is, systemd reads it first; theirs writes the other file, and nothing changes",
		setup: "echo LANG=C > etc/locale.conf", command: "systemd-firstboot --force --locale=POSIX", files: map[string]string{"etc/locale.conf": "LANG=POSIX\n"},
	},
	{
		name: "locale elsewhere", why: "other distributions read /etc/locale.conf; theirs knows that of its own alone",
		setup: "echo ID=fedora > etc/os-release", command: "systemd-firstboot --locale=C", files: map[string]string{"etc/locale.conf": "LANG=C\n"},
	},
	{
		name: "shell alone", why: "theirs locks root's password, which nobody has asked for",
		command: "systemd-firstboot --force --root-shell=/bin/sh", files: map[string]string{"etc/passwd": "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:/x\n"},
	},
	{
		name: "password with a colon, for root", why: "theirs has changed passwd when it notices",
		setup: "sed -i s/root:x/root:y/ etc/passwd", command: "systemd-firstboot --force --root-password-hashed=a:b", theirs: 1, ours: 1,
	},
	{
		name: "root without a line", why: "theirs says that it was written",
		setup: "sed -i /root/d etc/passwd etc/shadow", command: "systemd-firstboot --force --root-shell=/bin/sh",
		files: map[string]string{"etc/passwd": "daemon:x:1:1::/:/x\nroot:!*:0:0:Super User:/root:/bin/sh\n"},
	},
	{
		name: "password in clear", why: "encrypting it takes a random salt, by which no two builds would be the same",
		command: "systemd-firstboot --force --root-password=secret", ours: 1,
	},
	{
		name: "settings of the host", why: "those of the building machine are none of the image's",
		command: "systemd-firstboot --copy-locale", ours: 1,
	},
}

// TestKeptSystemdDifferences: each of them is one, so that what is listed is not more than there is.
func TestKeptSystemdDifferences(t *testing.T) {
	needSystemd(t, "systemd-firstboot")
	for _, tt := range keptSystemd {
		t.Run(tt.name, func(t *testing.T) {
			p := newSystemdPair(t, firstbootRoot+tt.setup)
			_, before := p.trees()
			argv := split(tt.command)
			theirs, ours := p.real(argv), p.mock(argv)
			if theirs.Status != tt.theirs || ours.Status != tt.ours {
				t.Errorf("theirs %+v, ours %+v", theirs, ours)
			}
			theirTree, ourTree := p.trees()
			if theirs.Status == ours.Status && cmp.Equal(theirTree, ourTree) {
				t.Error("theirs does as ours")
			}
			if tt.files == nil {
				if diff := cmp.Diff(before, ourTree); diff != "" {
					t.Errorf("ours has changed something: %s", diff)
				}
			}
			for name, want := range tt.files {
				if got := readIn(t, p.ours, name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

// TestMachineIDDifferential compares systemd-machine-id-setup with ours, where it makes no ID.
func TestMachineIDDifferential(t *testing.T) {
	needSystemd(t, "systemd-machine-id-setup")
	for _, setup := range []string{"echo " + someMachine + " > etc/machine-id", "mkdir -p var/lib/dbus; echo " + someMachine + " > var/lib/dbus/machine-id",
		": > etc/machine-id; mkdir -p var/lib/dbus; echo " + someMachine + " > var/lib/dbus/machine-id"} {
		for _, options := range []string{"", "--print", "operand", "--frob"} {
			p := newSystemdPair(t, firstbootRoot+setup)
			argv := append([]string{"systemd-machine-id-setup"}, split(options)...)
			theirs, ours := p.real(argv), p.mock(argv)
			theirs.Errors = strings.ReplaceAll(theirs.Errors, "Initializing machine ID from D-Bus machine ID.\n", "")
			if diff := cmp.Diff(theirs, ours); diff != "" {
				t.Errorf("%s, %s: -theirs +ours:\n%s", setup, options, diff)
			}
			theirTree, ourTree := p.trees()
			if diff := cmp.Diff(theirTree, ourTree); diff != "" {
				t.Errorf("%s, %s: -theirs +ours:\n%s", setup, options, diff)
			}
		}
	}
}

// TestKeptSystemdDifferencesDocumented: docs/stand-ins.md lists the differences, and no others.
func TestKeptSystemdDifferencesDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/stand-ins.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(doc), "\n## Settings of the machine\n")
	_, rows, _ := strings.Cut(section, "| what | why |\n|---|---|\n")
	rows, _, _ = strings.Cut(rows, "\n\n")
	var want strings.Builder
	for _, k := range keptSystemd {
		want.WriteString("| " + k.name + " | " + k.why + " |\n")
	}
	if diff := cmp.Diff(want.String(), strings.TrimRight(rows, "\n")+"\n"); diff != "" {
		t.Errorf("-table of the test +document:\n%s", diff)
	}
}

// TestFirstbootRefused: what asks, copies, leads elsewhere or would take a salt is refused, and no password is recorded.
func TestFirstbootRefused(t *testing.T) {
	world := rootFiles{"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/shadow": "root:*:1::::::\n", "bin/sh": "#!"}
	const salt = "a password can't be encrypted while an image is provisioned, as no two builds would come to the same; --root-password-hashed= takes an encrypted one\n"
	const other = " can't be used here: there is no other root than the one that is being provisioned\n"
	shadow := rootFiles{"etc/shadow": "root:$6$secret:19675::::::\n"}
	const written = "/etc/passwd written.\n/etc/shadow written.\n"
	runUses(t, []toolUse{
		{before: world, argv: args("systemd-firstboot --root-password=secret --hostname=a"), status: 1, stderr: salt, recorded: args("systemd-firstboot --root-password=REDACTED --hostname=a")},
		{before: world, argv: args("systemd-firstboot --root-password secret"), status: 1, stderr: salt, recorded: args("systemd-firstboot --root-password REDACTED")},
		{before: world, argv: args("systemd-firstboot --root-password-file=/x"), status: 1, stderr: salt},
		{before: world, argv: args("systemd-firstboot --force --root-password-hashed=$6$secret"), stderr: written, changed: shadow,
			recorded: args("systemd-firstboot --force --root-password-hashed=REDACTED")},
		{before: world, argv: args("systemd-firstboot --force --root-password-h $6$secret"), stderr: written, changed: shadow,
			recorded: args("systemd-firstboot --force --root-password-h REDACTED")},
		{before: world, argv: args("systemd-firstboot --root-password-hashed=$6$secret"), stderr: "/etc/passwd is there already, and stays as it is without --force.\n",
			recorded: args("systemd-firstboot --root-password-hashed=REDACTED")},
		{before: world, argv: args("systemd-firstboot --root-pass=secret"), status: 1, recorded: args("systemd-firstboot --root-pass=REDACTED"),
			stderr: "systemd-firstboot: option '--root-pass' is ambiguous; possibilities: '--root-password' '--root-password-file' '--root-password-hashed'\n"},
		{before: world, argv: args("systemd-firstboot --prompt"), status: 1, stderr: "--prompt can't be used here: nobody can be asked while an image is provisioned\n"},
		{before: world, argv: args("systemd-firstboot --copy-timezone"), status: 1, stderr: "--copy-timezone can't be used here: the settings of the building machine are none of the image's\n"},
		{before: world, argv: args("systemd-firstboot --root=/mnt --hostname=a"), status: 1, stderr: "--root=/mnt" + other},
		{before: world, argv: args("systemd-firstboot --image=/x"), status: 1, stderr: "--image=/x" + other},
		{before: world, argv: args("systemd-firstboot --root=/run/holo-build/root --hostname=a"), stderr: "/etc/hostname written.\n", changed: rootFiles{"etc/hostname": "a\n"}},
		{before: world, argv: args("systemd-firstboot --root=.. --hostname=a"), stderr: "/etc/hostname written.\n", changed: rootFiles{"etc/hostname": "a\n"}},
		{before: world, argv: args("systemd-firstboot --hostname=a --root-shell=/bin/nosh --force"), status: 1, stderr: "Failed to resolve shell /bin/nosh: No such file or directory\n"},
		{argv: args("systemd-machine-id-setup --root=/mnt"), status: 1, stderr: "--root=/mnt" + other},
		{argv: args("systemd-machine-id-setup --root=/"), changed: rootFiles{"etc/machine-id": "uninitialized\n"}},
		{argv: args("systemd-machine-id-setup --print"), status: 1, stderr: "the root has no machine ID to print: each machine that is started from the image gets one of its own then\n"},
		{argv: args("systemd-machine-id-setup --version"), stdout: "systemd 252 (stand-in of holo-build)\n"},
		{argv: args("systemd-firstboot --help"), stdout: "systemd-firstboot [OPTIONS...]\n"},
	})
}
