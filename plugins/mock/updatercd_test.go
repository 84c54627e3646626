package mock

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// needUpdateRCD skips a test where Debian's update-rc.d can't be run on directories that take the place of /etc and the units.
func needUpdateRCD(t *testing.T) {
	t.Helper()
	rootfstest.NeedRoot(t)
	_, err := exec.LookPath("update-rc.d")
	if err == nil {
		var out []byte
		if out, err = exec.Command("unshare", "-m", "mount", "--bind", t.TempDir(), "/etc").CombinedOutput(); err != nil {
			err = fmt.Errorf("a mount namespace (%s)", bytes.TrimSpace(out))
		}
	}
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip("needs update-rc.d of init-system-helpers: ", err)
	}
}

// initScripts makes a root with some scripts and units, in the working directory.
const initScripts = `
mkdir -p etc/init.d etc/systemd/system usr/lib/systemd/system usr/bin
ln -s usr/lib lib
ln -s usr/bin bin
touch usr/bin/systemctl; chmod 755 usr/bin/systemctl
script() { printf '#!/bin/sh\n### BEGIN INIT INFO\n# Provides: %s\n# Required-Start: $remote_fs\n# Default-Start:%s\n# Default-Stop:%s\n### END INIT INFO\n' "$1" "$2" "$3" >etc/init.d/$1; chmod 755 etc/init.d/$1; }
script a ' 2 3 4 5' ' 0 1 6'
script b ' S' ''
script both ' 2 3 4 5' ' 0 1 6'
script none '' ''
script twice ' 2 2 3' ' 2 6'
printf '#!/bin/sh\nexit 0\n' >etc/init.d/bare
: >etc/init.d/empty
printf '[Service]\nExecStart=/x\n[Install]\nWantedBy=multi-user.target\n' >usr/lib/systemd/system/both.service
cp usr/lib/systemd/system/both.service usr/lib/systemd/system/unit.service
`

// initPair is one root twice.
type initPair struct {
	t            *testing.T
	theirs, ours string
}

func newInitPair(t *testing.T) initPair {
	p := initPair{t, memory(t), memory(t)}
	p.setup(initScripts)
	return p
}

func (p initPair) setup(script string) {
	p.t.Helper()
	alternativesPair(p).setup(script)
}

// real runs Debian's, for which the directories of a root take the places of the machine's.
func (p initPair) real(argv []string) printed {
	p.t.Helper()
	const script = `mount --bind "$1/etc" /etc && mount --bind "$1/usr/lib/systemd/system" /usr/lib/systemd/system && shift && exec update-rc.d "$@"`
	cmd := exec.CommandContext(p.t.Context(), "unshare", append([]string{"-m", "sh", "-c", script, "sh", p.theirs}, argv...)...)
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		p.t.Fatal(err)
	}
	said := slices.DeleteFunc(slices.Collect(strings.Lines(withoutUsage(stderr.String()))), func(line string) bool {
		return strings.HasPrefix(line, "Failed to ") && strings.HasSuffix(line, ".service does not exist.\n") // and that is no failure
	})
	return printed{cmd.ProcessState.ExitCode(), stdout.String(), strings.Join(said, "")}
}

// withoutUsage is what was said, but for how the program is used.
func withoutUsage(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.ToLower(line), "usage:") {
			break
		}
		b.WriteString(line)
	}
	return b.String()
}

func (p initPair) mock(argv []string) printed {
	p.t.Helper()
	r := alternativesPair(p).mockTool(append([]string{"update-rc.d"}, argv...), "")
	r.Stderr = withoutUsage(r.Stderr)
	return r
}

// tree lists the links in /etc.
func (p initPair) tree(dir string) (list []string) {
	p.t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "etc"), func(at string, e os.DirEntry, err error) error {
		if name, _ := filepath.Rel(dir, at); err == nil && (e.IsDir() || e.Type() == os.ModeSymlink) {
			target, _ := os.Readlink(at)
			if rest, ok := strings.CutPrefix(target, "/lib/"); ok {
				target = "/usr/lib/" + rest
			}
			list = append(list, strings.TrimSuffix(name+" -> "+target, " -> "))
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

func (p initPair) compare(command string) bool {
	p.t.Helper()
	if script, ok := strings.CutPrefix(command, "! "); ok {
		p.setup(script)
		return true
	}
	argv := split(command)
	want, got := p.real(argv), p.mock(argv)
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

// TestUpdateRCD lets Debian's update-rc.d and ours do the same.
func TestUpdateRCD(t *testing.T) {
	needUpdateRCD(t)
	for _, story := range [][]string{
		{"a defaults", "a defaults", "a disable", "a disable", "a enable", "a disable 2 3", "a enable 3", "a remove", "a remove"},
		{"a defaults-disabled", "a defaults", "a enable"},
		{"b defaults", "b disable", "b enable S"},
		{"both defaults", "both enable", "both disable", "both remove"},
		{"none defaults", "none enable", "none disable 2"},
		{"twice defaults", "twice remove"},
		{"bare defaults", "bare enable"},
		{"empty defaults", "empty enable"},
		{"missing defaults", "missing enable", "missing remove", "unit enable"},
		{"a enable"},
		{"a defaults", "a disable 0 1 x", "a disable 2 0"},
		{"a defaults", "! rm etc/init.d/a", "a defaults", "a disable", "a remove"},
		{"a defaults", "! mv etc/rc2.d/S01a etc/rc2.d/S20a", "a disable", "a remove"},
		{"-f a defaults", "-f a remove", "a defaults -f"},
		{"a defaults 20 80"},
		{"! mkdir -p etc/insserv/overrides; sed 's/ 2 3/ 3/' etc/init.d/a >etc/insserv/overrides/a", "a defaults", "a disable"},
		{"a"}, {""}, {"-x a defaults"}, {"a what"},
	} {
		t.Run(strings.Join(story, ","), func(t *testing.T) {
			p := newInitPair(t)
			for _, command := range story {
				if !p.compare(command) {
					return
				}
			}
		})
	}
}

// TestUpdateRCDRandom does it at random.
func TestUpdateRCDRandom(t *testing.T) {
	needUpdateRCD(t)
	for seed := range 10 {
		random := rand.New(rand.NewPCG(uint64(seed), 1))
		of := func(words ...string) string { return words[random.IntN(len(words))] }
		p := newInitPair(t)
		var story []string
		for range 10 {
			command := of("a", "b", "both", "none", "bare", "missing") + " " +
				of("defaults", "defaults", "defaults", "defaults-disabled", "enable", "disable", "disable 2", "enable 2 3", "disable S", "remove")
			story = append(story, command)
			if !p.compare(command) {
				t.Fatalf("seed %d, after\n%s", seed, strings.Join(story, "\n"))
			}
		}
	}
}

// TestUpdateRCDDifferences: where ours does otherwise, on purpose.
func TestUpdateRCDDifferences(t *testing.T) {
	needUpdateRCD(t)
	for _, tt := range []struct {
		name, setup, command, why string
		theirs, ours              []string // what became of links below /etc/rc?.d
		ourStatus                 int
	}{
		{"runlevel named twice", "mkdir etc/rc2.d; ln -s ../init.d/a etc/rc2.d/S01a", "twice disable 2 2", "theirs renames the link once more, and fails",
			[]string{"etc/rc2.d/K01twice", "etc/rc2.d/S01a"}, []string{"etc/rc2.d/K01twice", "etc/rc2.d/S01a"}, 0},
		{"runlevel that is none", "sed -i 's/ 2 2 3/ 2,x/' etc/init.d/twice", "twice defaults", "theirs makes a directory that no init looks into",
			[]string{"etc/rc2,x.d/S01twice", "etc/rc2.d/K01twice", "etc/rc6.d/K01twice"}, []string{"etc/rc2.d/K01twice", "etc/rc6.d/K01twice"}, 0},
		{"pattern for a name", "mkdir etc/rc2.d; ln -s ../init.d/a etc/rc2.d/S01a", "* remove", "theirs removes the links of all scripts", nil, []string{"etc/rc2.d/S01a"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newInitPair(t)
			p.setup(tt.setup)
			if strings.HasPrefix(tt.command, "twice disable") {
				p.setup("ln -s ../init.d/twice etc/rc2.d/S01twice")
			}
			theirs, ours := p.real(split(tt.command)), p.mock(split(tt.command))
			if ours.Status != tt.ourStatus || cmp.Equal(theirs, ours) && slices.Equal(tt.theirs, tt.ours) {
				t.Errorf("%s: %v and %v", tt.why, theirs, ours)
			}
			for dir, want := range map[string][]string{p.theirs: tt.theirs, p.ours: tt.ours} {
				links, err := filepath.Glob(filepath.Join(dir, "etc/rc*.d/*"))
				if err != nil {
					t.Fatal(err)
				}
				for i := range links {
					links[i], _ = filepath.Rel(dir, links[i])
				}
				if d := cmp.Diff(want, links, cmpopts.EquateEmpty()); d != "" {
					t.Errorf("%s: %s", tt.why, d)
				}
			}
		})
	}
}
