package mock

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSystemctlAsks: what is asked of units, and of a system that does not run, is answered from files.
func TestSystemctlAsks(t *testing.T) {
	const lib = "usr/lib/systemd/system/"
	world := rootFiles{lib + "a.service": wantedUnit, lib + "b.service": wantedUnit, lib + "s.service": staticUnit, lib + "multi-user.target": "[Unit]\n"}
	masked, enabled := maps.Clone(world), maps.Clone(world)
	masked["etc/systemd/system/a.service"] = "-> /dev/null"
	const link = "etc/systemd/system/multi-user.target.wants/a.service"
	enabled[link] = "-> /" + lib + "a.service"
	const elsewhere = " can't be used here: there is no other root than the one that is being provisioned\n"
	const created = "Created symlink /" + link + " -> /" + lib + "a.service.\n"
	asked := func(command string, status int, stdout, stderr string, before rootFiles) toolUse {
		return toolUse{argv: args("systemctl " + command), status: status, stdout: stdout, stderr: stderr, before: before, outcome: Realised}
	}
	runUses(t, []toolUse{
		{before: world, argv: args("systemctl --root=/ enable a"), stderr: created, changed: rootFiles{link: enabled[link]}},
		{before: world, argv: args("systemctl --root=/run/holo-build/root enable a"), stderr: created, changed: rootFiles{link: enabled[link]}},
		{before: world, argv: args("systemctl --root=/run/holo-build/other enable a"), status: 1, stderr: "--root=/run/holo-build/other" + elsewhere},
		{before: world, argv: args("systemctl --image=/x enable a"), status: 1, stderr: "--image=/x" + elsewhere},
		{argv: args("systemctl daemon-reexec")},
		{before: world, argv: args("systemctl cat s"), stdout: "# /" + lib + "s.service\n" + staticUnit},
		{before: world, argv: args("systemctl cat [bs].service multi-user.target"), stdout: "# /" + lib + "b.service\n" + wantedUnit + "\n# /" + lib + "s.service\n" + staticUnit +
			"\n# /" + lib + "multi-user.target\n[Unit]\n"},
		{before: masked, argv: args("systemctl cat a"), stdout: "# /etc/systemd/system/a.service\n"},
		{before: world, argv: args("systemctl cat nope"), status: 1, stderr: "No files found for nope.service.\n"},
		{before: world, argv: args("systemctl cat /usr/lib/a.service"), status: 1, stderr: "Failed to cat /usr/lib/a.service: Invalid argument\n"},
		{before: world, argv: args("systemctl cat"), status: 1, stderr: "Too few arguments.\n"},
		asked("show -p Id -p LoadState,UnitFileState a", 0, "Id=a.service\nLoadState=loaded\nUnitFileState=enabled\n", "", enabled),
		asked("show a", 0, "MainPID=0\nId=a.service\nNames=a.service\nLoadState=loaded\nActiveState=inactive\nSubState=dead\n"+
			"FragmentPath=/"+lib+"a.service\nUnitFileState=disabled\nUnitFilePreset=enabled\nNeedDaemonReload=no\n", "", world),
		asked("show -p LoadState -p FragmentPath --value a nope", 0, "masked\n/etc/systemd/system/a.service\n\nnot-found\n", "", masked),
		asked("show -p FragmentPath -a nope", 0, "FragmentPath=\n", "", nil),
		asked("show a/b.service", 1, "", "Failed to get properties of a/b.service: Invalid argument\n", world),
		asked("is-failed a", 1, "inactive\n", "", world),
		asked("is-system-running", 1, "offline\n", "", nil),
	})
}

// catRoot makes a root of units in the working directory.
const catRoot = `
mkdir -p usr/lib/systemd/system etc/systemd/system
cd etc/systemd/system
mkdir a.service.d service.d a-b.service.d a-.service.d t@.service.d t@1.service.d k.service.d kk.service.d nope.service.d m.service.d a-.timer.d dir.service \
	a-@.service.d a-@d.service.d a-b-.service.d
echo '#a-@' > a-@.service.d/5.conf
echo '#a-@d' > a-@d.service.d/6.conf
echo '#a-b-' > a-b-.service.d/1.conf
printf '#10 etc\n' > a.service.d/10.conf
ln -s /dev/null a.service.d/20.conf
echo no > a.service.d/x.txt
echo no > a.service.d/.hidden.conf
printf '#s' > service.d/07-s.conf
printf '#a-' > a-.service.d/1.conf
printf '#a- 2' > a-.service.d/2.conf
printf '#a-b' > a-b.service.d/1.conf
echo '#t@' > t@.service.d/1.conf
echo '#t@1' > t@1.service.d/2.conf
echo '#k' > k.service.d/k.conf
echo '#kk' > kk.service.d/kk.conf
echo '#n' > nope.service.d/n.conf
echo '#m' > m.service.d/m.conf
: > a-.timer.d/empty.conf
ln -s /dev/null m.service
for d in a-b-c@ a-b- a-@d a-@ a- ; do mkdir -p $d.service.d; echo "#$d" > $d.service.d/9.conf; done
for d in a-b- a-@d a-@ a- ; do echo "#$d" > $d.service.d/8.conf; done
for d in a-@d a-@ ; do echo "#$d" > $d.service.d/7.conf; done
cd ../../../usr/lib/systemd/system
mkdir a.service.d b.service.d a-b.service.d
printf '[Service]\nExecStart=/a\n' > a.service
printf '[Unit]' > b.service
printf '[Service]\n' > t@.service
printf '[Service]\n' > a-b.service
printf '[Service]\n' > a-b-c@.service
printf '[Timer]\n' > a-b.timer
printf '[Install]\nAlias=kk.service\n' > k.service
printf '#10 lib\n' > a.service.d/10.conf
printf '#05 lib\n' > a.service.d/05.conf
printf '#b' > b.service.d/z.conf
echo '#lib a-b 2' > a-b.service.d/2.conf
: > empty.service
printf '[Unit]\n' > multi-user.target
ln -s multi-user.target default.target
`

// TestSystemctlCat compares what "systemctl cat" prints. Theirs has no --root for it: it is shown the units of the root as those
// of users, which it reads without a manager, in a mount namespace, and has a bus there that nobody else is on. Which of two
// drop-ins with one name counts, that for an instance or that for its template, is another in each of its runs: ours has the
// instance's.
func TestSystemctlCat(t *testing.T) {
	needSystemd(t, "systemctl")
	needTools(t)
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("dbus-daemon is missing; make test-deps installs what is needed")
	}
	p := newSystemdPair(t, catRoot)
	for dir, kind := range map[string]string{p.theirs: "user", p.ours: "system"} {
		if err := os.Symlink("/usr/lib/systemd/"+kind+"/k.service", dir+"/etc/systemd/system/kk.service"); err != nil {
			t.Fatal(err)
		}
	}
	commands := []string{"a", "a.service", "b", "t@1", "t@", "t@2", "k", "kk", "m", "nope", "a-b", "a-b.timer", "a-b-c@d", "a b", "nope a m", "empty", "default.target",
		"x@y@z", "a a", "none.timer", "a none.timer b", "none.timer a"}
	same := len(commands)
	for unit := range catDifferences {
		commands = append(commands, unit)
	}
	for i, theirs := range realCat(t, p.theirs, commands) {
		ours := p.mock(append([]string{"systemctl", "cat"}, strings.Fields(commands[i])...))
		diff := cmp.Diff(theirs, ours)
		if i < same && diff != "" {
			t.Errorf("cat %s: -theirs +ours:\n%s", commands[i], diff)
		}
		if i >= same && (diff == "" || ours.Status == 0) {
			t.Errorf("cat %s is the same, or no error: %+v", commands[i], ours)
		}
	}
}

// catDifferences are those that are on purpose, each with its reason.
var catDifferences = map[string]string{
	"dir":      "a directory in the place of a unit is an error; theirs takes the unit for missing, and prints what drop-ins there are for its type",
	"bad/name": "a name that no unit can have is an error; theirs makes another one of it",
}

// catScript shows the units of the root $1 as those of users, and keeps what systemctl says below $2. A line of its standard
// input has the operands of one call.
const catScript = `
mount --bind "$1/etc/systemd/system" /etc/systemd/user
mount --bind "$1/usr/lib/systemd/system" /usr/lib/systemd/user
printf '<busconfig><type>session</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>' "$2/bus" > "$2/conf"
dbus-daemon --config-file="$2/conf" --nofork --nopidfile --print-address=3 3> "$2/ready" &
bus=$!
trap 'kill $bus; wait $bus || :' EXIT
until [ -s "$2/ready" ] || ! kill -0 $bus; do sleep 0.01; done
export DBUS_SESSION_BUS_ADDRESS="unix:path=$2/bus" LC_ALL=C
set -f
i=0
while read -r operands; do
	status=0
	systemctl --global --no-pager cat $operands > "$2/$i.out" 2> "$2/$i.err" < /dev/null || status=$?
	echo $status > "$2/$i.status"
	i=$((i + 1))
done
`

// realCat has systemctl print units, once for each of a list of operands.
func realCat(t *testing.T, root string, commands []string) (list []spoken) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "unshare", "-m", "sh", "-euc", catScript, "sh", root, dir)
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	for i := range commands {
		part := func(kind string) string {
			return strings.ReplaceAll(readIn(t, dir, fmt.Sprintf("%d.%s", i, kind)), "/systemd/user/", "/systemd/system/")
		}
		list = append(list, spoken{int(part("status")[0] - '0'), part("out"), part("err")})
	}
	return list
}
