package mock

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// daemonRoot makes a root in the working directory, which has the building machine's data of time zones, locales and keyboards.
const daemonRoot = `
mkdir -p etc/default usr/share usr/lib/locale/C.utf8 usr/share/systemd
echo ID=debian > etc/os-release
echo root:x:0:0::/root:/bin/sh > etc/passwd
echo root:x:0: > etc/group
mkdir -p usr/share/zoneinfo/Europe
cp -L /usr/share/zoneinfo/UTC /usr/share/zoneinfo/posixrules usr/share/zoneinfo
cp -L /usr/share/zoneinfo/Europe/Berlin usr/share/zoneinfo/Europe
cp /usr/share/systemd/kbd-model-map usr/share/systemd
`

// daemonStories are commands that are given one after the other in one root, which setup has changed. Commas stand between them.
var daemonStories = []struct{ name, setup, commands string }{
	{"host name", "", "hostnamectl hostname web1.example.com, hostnamectl --static, hostnamectl set-hostname 'Big PC', hostnamectl --pretty, hostnamectl --static, " +
		"hostnamectl hostname --static a_b, hostnamectl hostname --static a-b, hostnamectl hostname --pretty 'The \"a\" $b', hostnamectl hostname --pretty --static 'My Höst -- .x', " +
		"hostnamectl hostname --static '', hostnamectl hostname '', hostnamectl hostname a..b, hostnamectl hostname -- -a-, hostnamectl hostname localhost, hostnamectl hostname .a.b., " +
		"hostnamectl hostname --static a.b., hostnamectl hostname aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
	{"machine-info", "", "hostnamectl chassis vm, hostnamectl chassis, hostnamectl chassis frob, hostnamectl icon-name 'my icon', hostnamectl icon-name a/b, hostnamectl icon-name, " +
		"hostnamectl deployment 'a b', hostnamectl deployment a.b-c:D, hostnamectl location 'Left Rack', hostnamectl location 'a\tb', hostnamectl location '', hostnamectl set-chassis, " +
		"hostnamectl set-location a b, hostnamectl chassis '', hostnamectl icon-name '', hostnamectl deployment ''"},
	{"machine-info with more", "printf 'CHASSIS=vm\\nFOO=\"a b\"\\n' > etc/machine-info", "hostnamectl location here, hostnamectl chassis server, hostnamectl icon-name x, hostnamectl location ''"},
	{"locale", "", "localectl set-locale LC_TIME=C LANG=C.UTF-8, localectl set-locale C.UTF-8, localectl set-locale LC_TIME=C.UTF-8, localectl set-locale LC_TIME=C, localectl set-locale LANG=C, " +
		"localectl set-locale LANG=nope, localectl set-locale FOO=C, localectl set-locale LANG=C LANG=POSIX, localectl set-locale LC_ALL=C, localectl set-locale C/../x, localectl set-locale POSIX, " +
		"localectl set-locale C.utf8, localectl set-locale LANG=, localectl set-locale LANGUAGE=C, localectl set-locale, localectl set-locale C LC_TIME=C"},
	{"locale.conf", "echo LANG=C > etc/locale.conf; echo LANG=C > etc/default/locale", "localectl set-locale C.UTF-8, localectl set-locale LC_CTYPE=C"},
	{"keyboard", "", "localectl set-x11-keymap de, localectl set-x11-keymap cz pc105 qwerty grp:alt, localectl set-x11-keymap de,us pc105, localectl set-x11-keymap us pc105+inet, " +
		"localectl --no-convert set-x11-keymap fr, localectl set-x11-keymap 'u\"s', localectl set-x11-keymap mk, localectl set-x11-keymap zz, localectl set-x11-keymap ru pc105 phonetic x, localectl set-x11-keymap ''"},
	{"keyboard with more", "printf 'XKBMODEL=\"pc104\"\\nXKBLAYOUT=\"us\"\\nBACKSPACE=guess\\n' > etc/default/keyboard; echo FONT=x > etc/vconsole.conf", "localectl set-x11-keymap us pc105, localectl set-x11-keymap ''"},
	{"time zone", "", "timedatectl set-timezone Europe/Berlin, timedatectl set-timezone UTC, timedatectl set-timezone No/Where, timedatectl set-timezone ../x, timedatectl set-timezone posixrules, " +
		"timedatectl set-timezone ''"},
	{"clock", "printf '0.5 1 0.0\\n7\\nUTC\\n' > etc/adjtime", "timedatectl set-local-rtc 1, timedatectl set-local-rtc no, timedatectl set-local-rtc x"},
	{"no clock", "", "timedatectl set-local-rtc 0, timedatectl set-local-rtc 1, timedatectl set-local-rtc 0"},
	{"wrong use", "", "hostnamectl frob, hostnamectl --frob, localectl frob, timedatectl frob, timedatectl set-ntp frob, timedatectl set-ntp, timedatectl set-time blah, localectl set-keymap"},
}

// daemonScript has systemd's daemons work on $1/etc: in namespaces of mounts, host names and processes, which
// end with the script, on a bus that nobody else is on, and
// without the right to set the clock. Each line of its standard input is a command; what comes of it is kept below $2.
const daemonScript = `
mount --bind "$1/etc" /etc
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system
printf '<busconfig><type>session</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth><servicedir>%s</servicedir>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>' "$2/bus" "$2/services" > "$2/conf"
mkdir "$2/services"
for name in hostname locale timedate; do
	printf '[D-BUS Service]\nName=org.freedesktop.%s1\nExec=/usr/bin/env SYSTEMD_LOG_TARGET=null /lib/systemd/systemd-%sd\n' $name $name > "$2/services/org.freedesktop.${name}1.service"
done
export DBUS_SYSTEM_BUS_ADDRESS="unix:path=$2/bus"
unset LANG LC_ALL
dbus-daemon --config-file="$2/conf" --nofork --nopidfile --print-address=3 3> "$2/ready" > "$2/said" 2>&1 &
bus=$!
until [ -s "$2/ready" ] || ! kill -0 $bus; do sleep 0.01; done
i=0
while read -r command; do
	status=0
	eval "$command" > "$2/$i.out" 2> "$2/$i.err" < /dev/null || status=$?
	echo $status > "$2/$i.status"
	cp -a /etc "$2/$i.etc"
	i=$((i + 1))
done
`

// TestSettingsDaemons lets hostnamectl, localectl and timedatectl, with their daemons, and ours do the same, and compares what
// they say, their exit statuses, and /etc.
func TestSettingsDaemons(t *testing.T) {
	needSystemd(t, "hostnamectl")
	needTools(t)
	for _, tool := range []string{"dbus-daemon", "setpriv", "/lib/systemd/systemd-localed"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skipf("%s is missing; make test-deps installs what is needed", tool)
		}
	}
	if out, err := exec.Command("unshare", "-mupf", "--mount-proc", "--kill-child", "true").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("namespaces: %v, %s", err, out)
		}
		t.Skipf("namespaces: %v, %s", err, out)
	}
	for _, s := range daemonStories {
		t.Run(s.name, func(t *testing.T) {
			p := newSystemdPair(t, daemonRoot+s.setup)
			commands := strings.Split(s.commands, ", ")
			dir := runDaemons(t, p.theirs, commands)
			for i, command := range commands {
				part := func(kind string) string { return readIn(t, dir, fmt.Sprintf("%d.%s", i, kind)) }
				theirs := spoken{int(part("status")[0] - '0'), part("out"), part("err")}
				ours := p.mock(split(command))
				ours.Errors, _, _ = strings.Cut(ours.Errors, " (what the image has no data for") // the way out, which theirs do not tell
				ours.Errors = strings.TrimSuffix(ours.Errors, "\n")
				theirs.Errors = strings.TrimSuffix(theirs.Errors, "\n")
				if diff := cmp.Diff(theirs, ours); diff != "" {
					t.Errorf("%s: -theirs +ours:\n%s", command, diff)
				}
				if diff := cmp.Diff(etcTree(t, filepath.Join(dir, fmt.Sprintf("%d.etc", i))), etcTree(t, filepath.Join(p.ours, "etc"))); diff != "" {
					t.Fatalf("%s: -theirs +ours:\n%s", command, diff)
				}
			}
		})
	}
}

// etcTree is readTree without directories: those that ours have made for a file that is gone again stay, as with theirs.
func etcTree(t *testing.T, dir string) []string {
	t.Helper()
	return slices.DeleteFunc(readTree(t, dir), func(line string) bool { return strings.Contains(line, " directory ") })
}

// runDaemons returns where what came of the commands is.
func runDaemons(t *testing.T, root string, commands []string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "setpriv", "--bounding-set=-sys_time,-sys_boot", "unshare", "-mupf", "--mount-proc", "--kill-child", "sh", "-euc", daemonScript, "sh", root, dir)
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	return dir
}
