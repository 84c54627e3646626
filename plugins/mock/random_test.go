package mock

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	sequences     = flag.Int("sequences", 8, "random sequences of account tools to compare with the real ones")
	firstSequence = flag.Uint64("first-sequence", 1, "seed of the first of them")
)

// commands makes random command lines.
type commands struct{ *rand.Rand }

func (c commands) pick(list ...string) string { return list[c.IntN(len(list))] }

func (c commands) user() string {
	return c.pick("u1", "u2", "u3", "u4", "a.b", "x$", "daemon", "root", "nosuch", "-bad", "b,d")
}

func (c commands) group() string {
	return c.pick("g1", "g2", "g3", "u1", "u2", "users", "sudo", "100", "1001", "nosuch", "mail")
}

func (c commands) groups() string {
	var list []string
	for range c.IntN(4) {
		list = append(list, c.pick("g1", "g2", "users", "sudo", "27", "u1", "mail"))
	}
	return strings.Join(list, ",")
}

func (c commands) id() string {
	return c.pick("1000", "1001", "1002", "2000", "500", "999", "0", "33", "60000", "70000", "4294967294", "4294967295", "x")
}

// some returns some of the options, in which "%" stands for what comes with it.
func (c commands) some(options ...string) string {
	var out []string
	for _, o := range options {
		if c.IntN(5) != 0 {
			continue
		}
		kind, text, ok := strings.Cut(o, "|")
		if !ok {
			out = append(out, o)
			continue
		}
		value := map[string]func() string{
			"user": c.user, "group": c.group, "groups": c.groups, "id": c.id,
			"home": func() string {
				return c.pick("/home/h1", "/home/h2", "/srv/x/y", "/nonexistent", "rel", "/", "/home/./h3", "/home/h4", "/srv/h5")
			},
			"text":  func() string { return c.pick("", "Some One", "a,b,c", "a:b", "\u00fcber") },
			"shell": func() string { return c.pick("/bin/sh", "/sbin/nologin", "", "sh", "*") },
			"date":  func() string { return c.pick("2031-05-06", "", "-1", "12345", "1") },
			"days":  func() string { return c.pick("-1", "3", "7", "-5") },
			"span":  func() string { return c.pick("100000-100010", "0-5", "3-9", "165536-231071", "9-3") },
			"pass":  func() string { return c.pick("", "!", "*", "$6$x$y", "!!z") },
			"key": func() string {
				return c.pick("UMASK=077", "UID_MIN=3000", "PASS_MAX_DAYS=-1", "SUB_UID_COUNT=10", "HOME_MODE=0711")
			},
		}[kind]()
		out = append(out, strings.ReplaceAll(text, "%", "'"+value+"'"))
	}
	return strings.Join(out, " ")
}

func (c commands) next() string {
	switch c.IntN(10) {
	case 0, 1, 2:
		return "useradd " + c.some("text|-c %", "home|--home-dir=%", "-m", "-M", "-r", "group|-g %", "groups|-G %", "-N", "-U", "id|-u %", "-o",
			"shell|-s %", "date|-e %", "days|-f %", "pass|-p %", "key|-K %", "-F", "-l") + " -- " + c.user()
	case 3, 4:
		move := c.pick("", "", "-m ")
		return "usermod " + move + c.some("text|-c %", "home|-d %", "group|-g %", "groups|-G %", "-a", "-r", "user|-l %", "-L", "-U", "pass|-p %",
			"id|-u %", "-o", "shell|--shell %", "date|-e %", "days|-f %", "span|-v %", "span|-V %", "span|-w %", "span|-W %") + " " + c.pick("u1", "u2", "u3", "a.b", "nosuch", "www-data")
	case 5:
		return "userdel " + c.some("-f", "-r") + " " + c.pick("u1", "u2", "u3", "a.b", "nosuch")
	case 6, 7:
		return "groupadd " + c.some("id|-g %", "-f", "-o", "-r", "pass|-p %", "user|-U %") + " -- " + c.group()
	case 8:
		return "groupmod " + c.some("id|-g %", "group|-n %", "-o", "pass|-p %", "user|-U %", "-a") + " " + c.group()
	}
	return "groupdel " + c.some("-f") + " " + c.group()
}

// setups are roots to begin with.
var setups = []string{"", "", "", "rm etc/gshadow", "rm etc/shadow", "rm etc/subuid", "rm etc/login.defs etc/default/useradd",
	"for f in passwd group shadow gshadow; do sed -i '2i# comment\\n' etc/$f; echo +:::::: >> etc/$f; done",
	"printf 'GROUP=users\\nHOME=/srv\\nINACTIVE=7\\nCREATE_MAIL_SPOOL=yes\\n' > etc/default/useradd",
	"echo CREATE_HOME yes >> etc/login.defs; sed -i s/'USERGROUPS_ENAB yes'/'USERGROUPS_ENAB no'/ etc/login.defs",
}

// TestDifferentialRandom lets the real tools and ours do random sequences of commands.
func TestDifferentialRandom(t *testing.T) {
	needTools(t)
	for seed := *firstSequence; seed < *firstSequence+uint64(*sequences); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c := commands{rand.New(rand.NewPCG(seed, 0))}
			p := newPair(t, setups[c.IntN(len(setups))])
			var story []string
			for range 12 {
				command := c.next()
				argv := split(command)
				story = append(story, command)
				before := readTree(t, p.ours)
				want, got := p.real(argv), p.mock(argv)
				if got.Status == 12 && want.Status == 12 && argv[0] != "userdel" {
					// Theirs have changed the databases by now; see the kept differences.
					if diff := cmp.Diff(before, readTree(t, p.ours)); diff != "" {
						t.Errorf("%s: ours has changed something:\n%s", strings.Join(story, "\n"), diff)
					}
					return
				}
				if want.Status != 0 && got.Status != 0 {
					want, got = result{}, result{} // of several mistakes, the one that is found first may be another
				}
				want.Said, got.Said = withoutRange(want.Said), withoutRange(got.Said)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: -theirs +ours:\n%s", strings.Join(story, "\n"), diff)
				}
				if diff := p.compare(); diff != "" {
					t.Fatalf("%s: -theirs +ours:\n%s", strings.Join(story, "\n"), diff)
				}
			}
		})
	}
}

// withoutRange leaves out what theirs warn of by another default for UID_MAX than they go by, and the mail spool that
// could not be made, of which ours tell which it was.
func withoutRange(said []string) []string {
	var out []string
	for _, line := range said {
		if !strings.Contains(line, "outside of the uid_min") && !strings.HasPrefix(line, "creating mailbox file") &&
			!strings.HasPrefix(line, "creating the mail spool") {
			out = append(out, line)
		}
	}
	return out
}
