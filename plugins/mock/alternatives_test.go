package mock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// needAlternatives skips a test where the real tool is missing, unless all programs have to be there.
func needAlternatives(t *testing.T) {
	t.Helper()
	out, err := exec.Command("update-alternatives", "--version").Output()
	if err == nil && !strings.HasPrefix(string(out), "Debian update-alternatives version 1.21.") {
		err = fmt.Errorf("it is %.50q", out)
	}
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip("needs update-alternatives of dpkg 1.21: ", err)
	}
}

// alternativesRoot makes a root of some programs.
const alternativesRoot = `mkdir -p usr/bin usr/share/man etc var/lib/dpkg var/log
for f in a b c d; do echo $f >usr/bin/$f; echo $f >usr/share/man/$f.1; done
`

// printed is what came of a command.
type printed struct {
	Status         int
	Stdout, Stderr string
}

// alternativesPair is one root twice.
type alternativesPair struct {
	t            *testing.T
	theirs, ours string
}

func newAlternativesPair(t *testing.T) alternativesPair {
	p := alternativesPair{t, memory(t), memory(t)}
	p.setup(alternativesRoot)
	return p
}

// setup runs a shell script in both.
func (p alternativesPair) setup(script string) {
	p.t.Helper()
	for _, dir := range []string{p.theirs, p.ours} {
		cmd := exec.CommandContext(p.t.Context(), "sh", "-ec", "umask 022\n"+script)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			p.t.Fatalf("%s: %v: %s", script, err, out)
		}
	}
}

func (p alternativesPair) real(argv []string, stdin string) printed {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), "update-alternatives", append([]string{"--root", p.theirs}, argv...)...)
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		p.t.Fatal(err)
	}
	plain := func(b bytes.Buffer) string {
		return strings.ReplaceAll(strings.ReplaceAll(b.String(), p.theirs, ""), ".dpkg-tmp'", "'")
	}
	return printed{cmd.ProcessState.ExitCode(), plain(stdout), plain(stderr)}
}

func (p alternativesPair) mock(argv []string, stdin string) printed {
	p.t.Helper()
	return p.mockTool(append([]string{"update-alternatives"}, argv...), stdin)
}

// mockTool runs any of our tools.
func (p alternativesPair) mockTool(argv []string, stdin string) printed {
	p.t.Helper()
	host, err := rootfs.OpenHost(p.ours)
	if err != nil {
		p.t.Fatal(err)
	}
	defer host.Close()
	var stdout, stderr bytes.Buffer
	tools := Tools{}
	err = tools.Run(p.t.Context(), Use{Root: asUser{host}, Argv: argv, Stdin: strings.NewReader(stdin),
		Stdout: &stdout, Stderr: &stderr})
	r := printed{Stdout: stdout.String(), Stderr: stderr.String()}
	if e, ok := errors.AsType[*sandbox.ExitError](err); ok {
		r.Status, err = e.Exit.Code, nil
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// tree lists files with their contents, and symlinks.
func (p alternativesPair) tree(dir string) (list []string) {
	p.t.Helper()
	err := filepath.WalkDir(dir, func(at string, e os.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, at)
		if err != nil || strings.HasPrefix(name, "var/log") {
			return err
		}
		switch e.Type() {
		case os.ModeSymlink:
			target, err := os.Readlink(at)
			list = append(list, name+" -> "+target)
			return err
		case 0:
			text, err := os.ReadFile(at)
			list = append(list, fmt.Sprintf("%s %q", name, text))
			return err
		}
		list = append(list, name+"/")
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// compare runs a command by both. A line "! SCRIPT" is a shell script.
func (p alternativesPair) compare(command string) bool {
	p.t.Helper()
	if script, ok := strings.CutPrefix(command, "! "); ok {
		p.setup(script)
		return true
	}
	command, stdin, _ := strings.Cut(command, " < ")
	stdin = strings.ReplaceAll(stdin, "|", "\n")
	argv := split(command)
	want, got := p.real(argv, stdin), p.mock(argv, stdin)
	if d := cmp.Diff(want, got); d != "" {
		p.t.Errorf("%s: -theirs +ours:\n%s", command, d)
		return false
	}
	if d := cmp.Diff(p.tree(p.theirs), p.tree(p.ours)); d != "" {
		p.t.Errorf("%s: -theirs +ours:\n%s", command, d)
		return false
	}
	return true
}

// asUser makes what belongs to root belong to whoever runs the test.
type asUser struct{ *rootfs.Host }

func mine(m rootfs.Meta) rootfs.Meta {
	m.UID, m.GID = uint32(os.Geteuid()), uint32(os.Getegid())
	return m
}

// TestAlternatives lets the real update-alternatives and ours do the same, each line of a story after the other.
func TestAlternatives(t *testing.T) {
	needAlternatives(t)
	text, err := os.ReadFile("testdata/alternatives.txt")
	if err != nil {
		t.Fatal(err)
	}
	for part := range strings.SplitSeq(string(text), "== ") {
		name, lines, ok := strings.Cut(part, "\n")
		if !ok || strings.HasPrefix(part, "#") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			p := newAlternativesPair(t)
			for line := range strings.Lines(lines) {
				if line = strings.TrimSpace(line); line != "" && !p.compare(line) {
					return
				}
			}
		})
	}
}

// TestAlternativesDifferences: where ours does otherwise, on purpose.
func TestAlternativesDifferences(t *testing.T) {
	needAlternatives(t)
	for _, tt := range []struct {
		name, slave, setup, command, why string
		ours                             printed
		// tree is what is in ours, and not in theirs.
		tree []string
	}{
		{
			"new link where a file is", "", "echo real >usr/bin/x2", "--install /usr/bin/x2 x /usr/bin/a 10", "theirs loses the file",
			printed{Stdout: "update-alternatives: renaming x link from /usr/bin/x to /usr/bin/x2\n",
				Stderr: "update-alternatives: warning: forcing reinstallation of alternative /usr/bin/a because link group x is broken\n" +
					"update-alternatives: warning: not replacing /usr/bin/x2 with a link\n"},
			[]string{"usr/bin/x2 \"real\\n\""},
		},
		{
			"path that leads out of the root", "", "ln -s /usr/bin/update-alternatives usr/bin/e", "--install /usr/bin/x x /usr/bin/e 20",
			"theirs looks whether it is there on the building machine",
			printed{Status: 2, Stderr: "update-alternatives: error: alternative path /usr/bin/e doesn't exist\n"},
			[]string{"etc/alternatives/x -> /usr/bin/a", `var/lib/dpkg/alternatives/x "auto\n/usr/bin/x\n\n/usr/bin/a\n10\n\n"`},
		},
		{
			"automatic again by selections", "", "ln -sfn /usr/bin/d etc/alternatives/x", "--set-selections < x auto /usr/bin/a|",
			"theirs says that it is automatic, and makes it manual",
			printed{Stdout: "update-alternatives: selecting alternative x as auto\nupdate-alternatives: using /usr/bin/a to provide /usr/bin/x (x) in auto mode\n",
				Stderr: "update-alternatives: warning: /etc/alternatives/x has been changed (manually or by a script); switching to manual updates only\n"},
			[]string{`var/lib/dpkg/alternatives/x "auto\n/usr/bin/x\n\n/usr/bin/a\n10\n\n"`},
		},
		{
			"link of its own slave", " --slave /usr/bin/y y /usr/bin/b", "", "--install /usr/bin/y x /usr/bin/a 10", "theirs writes a file that it can't read any more",
			printed{Status: 2, Stderr: "update-alternatives: error: alternative link /usr/bin/y is already managed by y (slave of x)\n"},
			[]string{"etc/alternatives/y -> /usr/bin/b", "usr/bin/x -> /etc/alternatives/x", "usr/bin/y -> /etc/alternatives/y",
				`var/lib/dpkg/alternatives/x "auto\n/usr/bin/x\ny\n/usr/bin/y\n\n/usr/bin/a\n10\n/usr/bin/b\n\n"`},
		},
		{
			"nobody is asked", "", "", "--config x", "nobody is there who could choose",
			printed{Status: 2, Stderr: "update-alternatives: error: --config: nobody is asked for anything while an image is provisioned: use --set <name> <path>, or --auto <name>\n"},
			nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newAlternativesPair(t)
			p.compare("--install /usr/bin/x x /usr/bin/a 10" + tt.slave)
			p.setup(tt.setup)
			command, stdin, _ := strings.Cut(tt.command, " < ")
			theirs, ours := p.real(split(command), strings.ReplaceAll(stdin, "|", "\n")), p.mock(split(command), strings.ReplaceAll(stdin, "|", "\n"))
			if d := cmp.Diff(tt.ours, ours); d != "" {
				t.Error(d)
			}
			if cmp.Equal(theirs, ours) {
				t.Errorf("%s: theirs says the same: %v", tt.why, theirs)
			}
			theirTree := p.tree(p.theirs)
			tree := slices.DeleteFunc(p.tree(p.ours), func(line string) bool { return slices.Contains(theirTree, line) })
			if d := cmp.Diff(tt.tree, tree, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("%s: %s", tt.why, d)
			}
		})
	}
}

// TestAlternativesElsewhere: there is one root, whatever it is called.
func TestAlternativesElsewhere(t *testing.T) {
	for _, tt := range []struct {
		argv, want string
	}{
		{"--root /root/of/image --get-selections", ""},
		{"--root / --altdir /etc/alternatives --admindir /var/lib/dpkg/alternatives --instdir / --log /x --get-selections", ""},
		{"--root /srv --get-selections", "update-alternatives: error: --root /srv can't be used here: the alternatives are those of the root that is being provisioned\n"},
		{"--altdir /srv --get-selections", "update-alternatives: error: --altdir /srv can't be used here: the alternatives are those of the root that is being provisioned\n"},
	} {
		var stderr strings.Builder
		tools := Tools{}
		err := tools.Run(t.Context(), Use{Root: newRoot(t, ""), RootDir: "/root/of/image", Argv: append([]string{"update-alternatives"}, strings.Fields(tt.argv)...),
			Stdout: io.Discard, Stderr: &stderr})
		if stderr.String() != tt.want || (err != nil) != (tt.want != "") {
			t.Errorf("%s: %v, %s", tt.argv, err, &stderr)
		}
	}
}

// TestAlternativesRandom lets the real update-alternatives and ours do the same at random.
func TestAlternativesRandom(t *testing.T) {
	needAlternatives(t)
	for seed := range 30 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(uint64(seed), 1))
			p := newAlternativesPair(t)
			var story []string
			for range 25 {
				for _, c := range randomAlternatives(random) {
					story = append(story, c)
					if !p.compare(c) {
						t.Fatalf("after\n%s", strings.Join(story, "\n"))
					}
				}
			}
		})
	}
}

// randomAlternatives is a command, or a change by somebody else, of which the next command finds out. TestAlternativesDifferences
// has what is not among them.
func randomAlternatives(random *rand.Rand) []string {
	of := func(words ...string) string { return words[random.IntN(len(words))] }
	name := of("x", "x", "x", "y")
	program := func() string { return "/usr/bin/" + of("a", "b", "c", "d") }
	force := of("", "", "", "--force ")
	switch random.IntN(12) {
	case 0, 1, 2, 3:
		link := of(name, name, name, strings.Replace(name, "x", "zx", 1))
		c := fmt.Sprintf("%s--install /usr/bin/%s %s %s %s", force, link, name, program(), of("10", "20", "30", "-5"))
		for _, slave := range []string{"m", "n"} {
			if random.IntN(3) == 0 {
				c += fmt.Sprintf(" --slave /usr/share/man/%s%s.1 %s%s /usr/share/man/%s.1", of(name, name, "q"), slave, name, slave, of("a", "b", "none"))
			}
		}
		return []string{c}
	case 4:
		return []string{force + "--remove " + name + " " + program()}
	case 5:
		return []string{force + "--set " + name + " " + program()}
	case 6:
		return []string{force + "--auto " + name}
	case 7:
		return []string{of("--display ", "--query ", "--list ", "--remove-all ") + name}
	case 8:
		return []string{"--get-selections"}
	case 9:
		return []string{"! echo d >usr/bin/d", "--auto " + name, "--set-selections < " + name + of(" auto ", " manual ") + program() + "|"}
	case 10:
		change := of("rm etc/alternatives/"+name, "ln -sfn "+program()+" etc/alternatives/"+name, "ln -sfn /gone etc/alternatives/"+name)
		return []string{"! [ ! -e var/lib/dpkg/alternatives/" + name + " ] || " + change, "--query " + name, "--auto " + name}
	}
	return []string{"! " + of("rm -f usr/bin/"+name, "rm -f usr/bin/y; echo real >usr/bin/y", "rm -f usr/share/man/"+name+"m.1",
		"rm -f usr/bin/d", "echo d >usr/bin/d")}
}

func (r asUser) Mkdir(name string, m rootfs.Meta) error { return r.Host.Mkdir(name, mine(m)) }

func (r asUser) Put(name string, m rootfs.Meta, content io.Reader) error {
	return r.Host.Put(name, mine(m), content)
}
