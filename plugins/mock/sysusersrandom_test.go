package mock

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sysusersLines makes random lines of sysusers.d(5).
type sysusersLines struct{ *rand.Rand }

func (r sysusersLines) pick(list ...string) string { return list[r.IntN(len(list))] }

func (r sysusersLines) name() string {
	return r.pick("a", "b", "c", "d", "e", "f", "users", "daemon", "root", "www-data", "A_b", "x9", r.pick("9x", "", "-", "a.b", "%T", "\"q\""))
}

func (r sysusersLines) id() string {
	return r.pick("-", "-", "5", "7", "33", "100", "998", "999", "0", "1000", "4000000000", "5:users", "6:a", "-:b", "7:33", "12:12", "-:100", "/etc", "/srv",
		"/opt/x", "/nonex", r.pick("65535", "x", "5:", "/etc/..", "5:5:5", "%%", "007"))
}

func (r sysusersLines) text() string {
	return r.pick("-", "-", "-", "word", "\"Some One\"", "'it''s'", "\"%% %o\"", r.pick("a:b", "\"", "\u00fc", "a\\ b", "\"\""))
}

func (r sysusersLines) path() string {
	return r.pick("-", "-", "/", "/srv/x", "/a//b/", "\"/a b\"", r.pick("rel", "/a/../b", "/a:b", "%T/x", "/.", "//"))
}

func (r sysusersLines) line() string {
	switch r.IntN(12) {
	case 0, 1, 2, 3, 4:
		f := []string{"u", r.name(), r.id(), r.text(), r.path(), r.path(), "-", "-"}
		return strings.Join(f[:2+r.IntN(5)], r.pick(" ", "  ", "\t"))
	case 5, 6, 7:
		return strings.Join([]string{"g", r.name(), r.id()}, " ")
	case 8, 9:
		return "m " + r.name() + " " + r.name()
	case 10:
		return "r - " + r.pick("500-510", "3-9", "990-995", "20", "1005-1010", "9-3", "65530-65540", "-")
	}
	return r.pick("# comment", "", "u", "g a - -", "x a", "u+ a", "m a b - - -", "r x 1-5", "r - 1-5 - -", "g a - text", "u a 5 - - - -")
}

// TestSysusersRandom lets the real systemd-sysusers and ours read random lines, several times in one root.
func TestSysusersRandom(t *testing.T) {
	needTool(t, "systemd-sysusers")
	setups := []string{"", "", "rm etc/gshadow", "rm etc/shadow", "rm etc/passwd", "rm etc/group etc/gshadow", "echo a:x:999:5::: >> etc/passwd; echo b:x:998: >> etc/group",
		"echo ID=debian > etc/os-release", "echo 'x:x:5:7:::' >> etc/passwd; echo 'a:x:7:b,b' >> etc/group", "rm etc/passwd etc/group etc/shadow etc/gshadow"}
	for seed := *firstSequence; seed < *firstSequence+4*uint64(*sequences); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := sysusersLines{rand.New(rand.NewPCG(seed, 1))}
			p := newPair(t, "mkdir srv opt usr/lib/sysusers.d; chown 41:42 srv; mkdir opt/x; chown 43:7 opt/x; "+setups[r.IntN(len(setups))])
			for range 3 {
				argv := split("systemd-sysusers " + r.pick("-", "-", "--dry-run -", "--replace=/etc/sysusers.d/x.conf -"))
				var lines strings.Builder
				for range 1 + r.IntN(8) {
					lines.WriteString(r.line() + "\n")
				}
				before := readTree(t, p.ours)
				want, got := realConfd(t, p.theirs, argv, lines.String()), mockConfd(t, p.ours, argv, lines.String())
				if said := notMade(want.Said); want.Status == 0 && said >= 0 {
					// Theirs have gone on; see the kept differences.
					if diff := cmp.Diff(before, readTree(t, p.ours)); got.Status != 1 || diff != "" || !slices.Equal(got.Said, want.Said[:said+1]) {
						t.Errorf("%q: theirs %v, ours %v, %s", lines.String(), want, got, diff)
					}
					return
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%q %s: -theirs +ours:\n%s", argv, lines.String(), diff)
				}
				if diff := p.compare(); diff != "" {
					t.Fatalf("%q %s: -theirs +ours:\n%s", argv, lines.String(), diff)
				}
			}
		})
	}
}

// notMade is where theirs say that an account can't be made; -1 if nowhere.
func notMade(said []string) int {
	return slices.IndexFunc(said, func(line string) bool {
		return strings.HasPrefix(line, "Failed to create ") || strings.HasPrefix(line, "No free ") ||
			strings.HasPrefix(line, "Group ") && strings.HasSuffix(line, " not found.")
	})
}
