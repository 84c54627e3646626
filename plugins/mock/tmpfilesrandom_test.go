package mock

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// tmpfilesLines makes random lines of tmpfiles.d(5).
type tmpfilesLines struct{ *rand.Rand }

func (r tmpfilesLines) pick(list ...string) string { return list[r.IntN(len(list))] }

func (r tmpfilesLines) path() string {
	return r.pick("/a", "/a/b", "/a/b/c", "/a/f", "/b", "/b/l", "/b/l/x", "/f", "/l", "/l/y", "/u", "/u/x", "/u/r/x", "/n/m/o", "/run/q", "/p", "/a/b/n",
		r.pick("/a//b/", "/a/../f", "rel", "/%u", "\"/q r\"", "/p/z"))
}

func (r tmpfilesLines) pattern() string {
	if r.IntN(2) == 0 {
		return r.path()
	}
	return r.pick("/a/*", "/*/f", "/a/b/?", "/{a,b}/*", "/[ab]", "/b/*/*", "/u/*", "/*/*/x", "/.*", "/x*")
}

// fields are mode, user, group and age.
func (r tmpfilesLines) fields(age string) string {
	return r.pick("-", "-", "0700", "0644", "2755", "4711", "~0777", ":0750", "~:0600", r.pick("8", "0", "1777")) + " " +
		r.pick("-", "-", "-", "daemon", "33", ":www-data", r.pick("nosuch", "root")) + " " + r.pick("-", "-", "-", "users", "7", ":8", r.pick("nosuch", "root")) + " " + age
}

func (r tmpfilesLines) line() string {
	modifiers := r.pick("", "", "", "", "+", "=", "-", "!", r.pick("~", "^", "=+", "-!", "&"))
	text := r.pick("", "-", "text", "two words ", "a\\tb", "\\x41", r.pick("%u", "\\q", "%%", "YWJj"))
	switch r.IntN(16) {
	case 0, 1, 2:
		return r.pick("f", "f", "F") + modifiers + " " + r.path() + " " + r.fields("-") + " " + text
	case 3, 4:
		return r.pick("d", "d", "D", "v", "q", "Q") + modifiers + " " + r.path() + " " + r.fields(r.pick("-", "-", "0", "~0"))
	case 5:
		return "L" + modifiers + " " + r.path() + " - - - - " + r.pick("", "x", "b", "../a", "nope")
	case 6:
		return "p" + modifiers + " " + r.path() + " " + r.fields("-")
	case 7:
		return "C" + strings.TrimLeft(modifiers, "~^") + " " + r.path() + " " + r.fields("-") + " " + r.pick("/src", "/src/f", "/nope", "/src/d")
	case 8:
		return "w" + modifiers + " " + r.pattern() + " " + r.fields("-") + " " + text
	case 9:
		return "e" + modifiers + " " + r.pattern() + " " + r.fields(r.pick("-", "0"))
	case 10, 11:
		return r.pick("z", "Z", "z", "m") + modifiers + " " + r.pattern() + " " + r.fields("-")
	case 12:
		return r.pick("r", "R") + modifiers + " " + r.pattern()
	case 13:
		return r.pick("a", "A") + r.pick("", "+") + " " + r.pattern() + " - - - - " + r.pick("u:daemon:r", "u:1:rwx,g:users:rx", "d:u:33:rx", "m::r,u:5:w", "g::rx")
	case 14:
		return r.pick("t", "T") + " " + r.pattern() + " - - - - " + r.pick("user.a=b", "user.a=c user.b=\"d e\"", "trusted.x=y")
	}
	return r.pick("x /a/b", "X /a/b", "x /*", "# c", "bad", "Y /a", "d", "x /a - - - 0", "c /dev/x - - - - 1:3", "c+ /a/dev 0600 daemon - - 1:5")
}

const tmpfilesWorld = `mkdir -p a/b/c b src/d u/r; echo 1 > a/f; echo 22 > a/b/f; echo f > f; ln -s ../a b/l; ln -s a l; mkfifo p; touch .h
echo s > src/f; chown 7:8 src/f; chmod 640 src/f; echo t > src/d/x; ln -s x src/d/l; chmod 2775 src/d; chgrp 100 src/d; chown 33 u; touch u/x; chown 33:33 u/x
`

// TestTmpfilesRandom lets the real systemd-tmpfiles and ours do what random lines say, several times in one root.
func TestTmpfilesRandom(t *testing.T) {
	needTool(t, "systemd-tmpfiles")
	setups := []string{"", "", "chmod 2775 a; chgrp 100 a", "chmod 1777 b", "chown 33 a/b", "chown 33:33 b a", "mkdir etc/x; chmod 4755 f; chmod 6755 a/f", "chown -h 33 l b/l"}
	for seed := *firstSequence; seed < *firstSequence+6*uint64(*sequences); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := tmpfilesLines{rand.New(rand.NewPCG(seed, 2))}
			p := newPair(t, tmpfilesWorld+setups[r.IntN(len(setups))])
			for range 3 {
				argv := split("systemd-tmpfiles " + r.pick("--create -", "--create -", "--create -", "--create --remove -", "--remove -", "--clean -",
					"--create --boot --prefix=/a --prefix=/b -", "--create --clean --remove -", "--create -E -"))
				var lines strings.Builder
				for range 1 + r.IntN(7) {
					lines.WriteString(r.line() + "\n")
				}
				compareTmpfiles(t, p, argv, lines.String())
			}
		})
	}
}
