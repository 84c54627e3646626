package units

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// randomRuns is how many random worlds are made; the environment variable UNITS_RUNS asks for more.
const randomRuns = 40

// generator makes random worlds and commands that no known difference shows in.
type generator struct{ *rand.Rand }

func (g generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g generator) oneIn(n int) bool { return g.IntN(n) == 0 }

var (
	randomUnits   = []string{"a.service", "b.service", "c.service", "k.socket", "t@.service", "u@.service"}
	randomTargets = []string{"multi-user.target", "x.target", "c@.target", "c@i.target", "a.service"}
)

// install is a random [Install] section for a unit.
func (g generator) install(name string) string {
	var lines []string
	for range g.IntN(4) {
		switch g.IntN(7) {
		case 0, 1:
			lines = append(lines, "WantedBy="+g.pick(randomTargets...))
		case 2:
			lines = append(lines, "RequiredBy="+g.pick(randomTargets...))
		case 3:
			alias := g.pick("a.service", "y.service", "z.service", "v@.service", "v@i.service", "v@%i.service", "m.target.wants/"+name)
			lines = append(lines, "Alias="+alias)
		case 4, 5:
			lines = append(lines, "Also="+g.pick("a.service", "b.service", "k.socket", "t@.service", "t@i.service", "nope.service", "y.service"))
		case 6:
			lines = append(lines, "DefaultInstance="+g.pick("i", "j"))
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return ": " + strings.Join(lines, ";")
}

// world is a random world.
func (g generator) world() string {
	var lines []string
	for _, name := range randomUnits {
		if g.oneIn(6) {
			continue
		}
		lines = append(lines, g.pick("L", "L", "L", "E", "R", "/usr/local/lib/systemd/system")+" "+name+g.install(name))
		if g.oneIn(6) {
			lines = append(lines, g.pick("L", "E", "R")+" "+name+".d/x.conf= [Install]\\n"+g.pick("WantedBy=d.target", "RequiredBy=x.target", "Alias=z.service")+"\\n")
		}
	}
	if g.oneIn(4) {
		lines = append(lines, "L t@i.service"+g.install("t@i.service"))
	}
	lib := "/lib/systemd/system/"
	for range g.IntN(5) {
		lines = append(lines, g.pick(
			g.pick("E", "E", "R", "L")+" y.service -> "+lib+g.pick("a.service", "b.service", "nope.service"),
			g.pick("E", "L")+" w@.service -> "+lib+"t@.service",
			"E "+g.pick("a.service", "b.service", "t@.service", "t@i.service")+" -> /dev/null",
			"R "+g.pick("a.service", "t@.service", "t@i.service")+" -> /dev/null",
			"E t@j.service -> "+lib+"t@.service",
			"E o.service -> /opt/o.service",
			"E b.service -> /opt/b.service",
			g.pick("E", "E", "R", "L")+" m.target."+g.pick("wants", "requires")+"/"+g.pick(randomUnits...)+" -> "+lib+g.pick(randomUnits...),
			"E m.target.wants/"+g.pick("t@i.service", "t@j.service", "u@i.service")+" -> "+lib+g.pick("t@.service", "u@.service"),
		))
	}
	lines = append(lines, "/opt/o.service"+g.install("o.service"), "/opt/b.service"+g.install("b.service"))
	if g.oneIn(2) {
		lines = append(lines, "P 1.preset= "+g.pick("enable", "disable")+" "+g.pick("a.service", "t@i.service", "k.*", "?.service")+"\\n"+
			g.pick("disable *", "enable *", "enable t@.service i j", "")+"\\n")
	}
	slices.Sort(lines)
	seen := map[string]bool{} // each name once
	lines = slices.DeleteFunc(lines, func(line string) bool {
		name, _, _ := worldLine(strings.Replace(line, "/usr/local/lib/systemd/system ", "/usr/local/lib/systemd/system/", 1))
		old := seen[name]
		seen[name] = true
		return old
	})
	return strings.ReplaceAll(strings.Join(lines, "\n"), "/usr/local/lib/systemd/system ", "/usr/local/lib/systemd/system/")
}

// command is a random command.
func (g generator) command() []string {
	names := []string{"a.service", "b.service", "c.service", "k.socket", "t@.service", "t@i.service", "t@j.service", "u@.service", "u@i.service",
		"y.service", "o.service", "w@i.service", "nope.service"}
	verb := g.pick("enable", "enable", "enable", "disable", "disable", "mask", "unmask", "preset", "preset-all", "is-enabled", "is-enabled", "list-unit-files", "reenable")
	switch verb {
	case "preset-all", "list-unit-files":
		return []string{verb}
	case "preset":
		return []string{verb, g.pick(names...)}
	case "reenable":
		return []string{verb, g.pick("a.service", "b.service", "k.socket", "t@.service")}
	}
	argv := []string{verb}
	for range 1 + g.IntN(2) {
		argv = append(argv, g.pick(names...))
	}
	return argv
}

// TestRandom holds this package against systemctl in random worlds.
func TestRandom(t *testing.T) {
	needSystemctl(t)
	t.Parallel()
	runs, first := randomRuns, 0
	if s := os.Getenv("UNITS_RUNS"); s != "" {
		if _, err := fmt.Sscanf(s, "%d-%d", &first, &runs); err != nil {
			t.Fatal(err)
		}
	}
	for seed := first; seed < runs; seed++ {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			g := generator{rand.New(rand.NewPCG(uint64(seed), 5))}
			world := g.world()
			mine, yours := makeWorld(t, world), makeWorld(t, world)
			var done []string
			for range 5 {
				argv := g.command()
				done = append(done, strings.Join(argv, " "))
				if argv[0] == "reenable" && strings.Contains(world, ".d/") {
					continue // the difference "reenable with drop-ins"
				}
				want := theirs(t, yours, argv)
				got := ours(t, mine, slices.Clone(argv))
				switch {
				case strings.Contains(want.said, "Link has been severed"):
					return // the difference "presets over a broken alias"
				case argv[0] == "enable" && len(argv) > 2 && strings.Contains(want.said, "refusing to operate on linked"):
					return // the difference "several, one of them an alias"
				case argv[0] == "preset-all" && (strings.Contains(want.said, "already exists") || strings.Contains(world, "L t@i") ||
					strings.Contains(world, "Also=")):
					return // where units are in conflict, theirs takes them in the order of the directory
				}
				if strings.Contains(want.said, "\nFailed to ") || strings.HasPrefix(want.said, "Failed to ") {
					got.exit = want.exit // it may be success all the same: the difference "alias made, dependency not"
				}
				if diff := cmp.Diff(want.String(), got.String()); diff != "" {
					t.Fatalf("%q (-systemctl +ours):\n%s\nin\n%s\nsystemctl says:\n%s\nours:\n%s", done, diff, world, want.said, got.said)
				}
			}
		})
	}
}
