package mock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// newRoot is a small image, whoever the test is run by.
func newRoot(t testing.TB, passwd string) rootfs.Root {
	t.Helper()
	dir := t.TempDir()
	base, err := rootfs.ReadBase(t.Context(), []rootfs.Layer{rootfstest.Tar(t, rootfstest.Dir("etc", 0o755), rootfstest.Dir("home", 0o755),
		rootfstest.File("etc/passwd", 0o644, passwd), rootfstest.File("etc/group", 0o644, "root:x:0:\nusers:x:100:\n"),
		rootfstest.File("etc/shadow", 0o640, "root:*:::::::\n"))}, dir, rootfs.BaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := rootfs.Stage(base, rootfs.StageOptions{Dir: dir, Start: rootfstest.Epoch})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.Root(rootfs.Actor{})
}

func content(t testing.TB, root rootfs.Root, name string) string {
	t.Helper()
	f, err := root.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const someUsers = "root:x:0:0::/root:/bin/sh\napp:x:1000:100::/home/app:/bin/sh\n"

// TestToolsRun: what is written, what is told, and what is recorded.
func TestToolsRun(t *testing.T) {
	for _, tt := range []struct {
		command string
		status  int
		stdout  string // its beginning
		stderr  string // its beginning; empty for none
		argv    string // as recorded; empty for the command itself
	}{
		{command: "useradd a"},
		{command: "useradd app", status: 9, stderr: "useradd: user 'app' already exists\n"},
		{command: "useradd -p secret app", status: 9, stderr: "useradd: user 'app' already exists\n", argv: "useradd -p REDACTED app"},
		{command: "useradd -p sec:ret a", status: 3, stderr: "useradd: invalid password: it has a colon or a control character\n", argv: "useradd -p REDACTED a"},
		{command: "usermod --password=secret app", argv: "usermod --password=REDACTED app"},
		{command: "userdel -psecret app", status: 2, stderr: "userdel: invalid option -- 'p'\nUsage: userdel [options] LOGIN\n", argv: "userdel -pREDACTED app"},
		{command: "groupadd -p secret g", argv: "groupadd -p REDACTED g"},
		{command: "groupmod -p secret users", argv: "groupmod -p REDACTED users"},
		{command: "usermod app", stdout: "usermod: no changes\n"},
		{command: "useradd", status: 2, stderr: "Usage: useradd [options] LOGIN\n\nOptions:\n      --badname\n  -b, --base-dir BASE_DIR\n"},
		{command: "groupadd -o g", status: 2, stderr: "Usage: groupadd [options] GROUP\n"},
		{command: "useradd --help", stdout: "Usage: useradd [options] LOGIN\n"},
		{command: "groupdel -h", stdout: "Usage: groupdel [options] GROUP\n\nOptions:\n  -f, --force\n  -h, --help\n"},
		{command: "useradd --root /srv a", status: 2, stderr: "useradd: --root can't be used here: the accounts are those of the root that is being provisioned\n"},
		{command: "groupadd -R /srv/.. a"},
		{command: "useradd --prefix=/the/root --root / a"},
		{command: "groupadd -R /the a", status: 2, stderr: "groupadd: --root can't be used here"},
		{command: "userdel -P/srv app", status: 2, stderr: "userdel: --prefix can't be used here"},
		{command: "useradd --btrfs-subvolume-home a", status: 3, stderr: "useradd: --btrfs-subvolume-home can't be used here"},
		{command: "useradd -D", stdout: "GROUP=100\nHOME=/home\nINACTIVE=-1\nEXPIRE=\nSHELL=/bin/bash\nSKEL=/etc/skel\nCREATE_MAIL_SPOOL=no\nLOG_INIT=yes\n"},
		{command: "useradd -D -m", status: 2, stderr: "Usage: useradd"},
		{command: "useradd -D a", status: 2, stderr: "Usage: useradd"},
		{command: "useradd -D -s sh", status: 3, stderr: "useradd: invalid shell 'sh'\n"},
		{command: "useradd -D -g nope", status: 6, stderr: "useradd: group 'nope' does not exist\n"},
	} {
		t.Run(tt.command, func(t *testing.T) {
			var calls []Call
			tools := Tools{Epoch: epoch, Record: func(c Call) { calls = append(calls, c) }}
			var stdout, stderr bytes.Buffer
			argv := strings.Fields(tt.command)
			err := tools.Run(t.Context(), Use{Root: newRoot(t, someUsers), Argv: argv, Stdin: strings.NewReader("never read"), Stdout: &stdout, Stderr: &stderr,
				Plugin: "p", Entity: "e", RootDir: "/the/root"})
			exit, ok := errors.AsType[*sandbox.ExitError](err)
			if tt.status == 0 && err != nil || tt.status != 0 && (!ok || exit.Exit.Code != tt.status) {
				t.Errorf("error %v, want status %d", err, tt.status)
			}
			if !strings.HasPrefix(stdout.String(), tt.stdout) || tt.stdout == "" && stdout.Len() > 0 {
				t.Errorf("standard output %q", stdout.String())
			}
			if !strings.HasPrefix(stderr.String(), tt.stderr) || tt.stderr == "" && stderr.Len() > 0 {
				t.Errorf("standard error %q", stderr.String())
			}
			want := Call{Argv: argv, Plugin: "p", Entity: "e", Outcome: Realised, Exit: tt.status}
			if tt.argv != "" {
				want.Argv = strings.Fields(tt.argv)
			}
			if tt.status != 0 {
				want.Outcome = Refused
			}
			if diff := cmp.Diff([]Call{want}, calls); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestUseraddDefaults changes the defaults, and adds a user by them.
func TestUseraddDefaults(t *testing.T) {
	root := newRoot(t, someUsers)
	run := func(command string) {
		t.Helper()
		if r := runTool(t, root, strings.Fields(command)); r.Status != 0 {
			t.Fatalf("%s: %v", command, r)
		}
	}
	run("useradd -D --shell /bin/zsh -b /srv")
	if err := root.Put("etc/default/useradd", rootfs.Meta{Mode: 0o600}, strings.NewReader("# c\nSHELL=/bin/zsh\nHOME=/srv\nSKEL=/etc/sk")); err != nil {
		t.Fatal(err)
	}
	run("useradd -D -b /home2 -f 7")
	want := "# c\nSHELL=/bin/zsh\nHOME=/home2\nSKEL=/etc/sk\nINACTIVE=7\n"
	if got := content(t, root, "etc/default/useradd"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if m, err := root.Lstat("etc/default/useradd"); err != nil || m.Mode != 0o600 {
		t.Errorf("%v %v", m, err)
	}
	run("useradd new")
	if got := content(t, root, "etc/passwd"); !strings.HasSuffix(got, "\nnew:x:1001:100::/home2/new:/bin/zsh\n") {
		t.Errorf("passwd is %q", got)
	}
	if got := content(t, root, "etc/shadow"); !strings.HasSuffix(got, "\nnew:!:19675::::7::\n") {
		t.Errorf("shadow is %q", got)
	}
}

// TestToolsUnknown: a program that there is no stand-in for is an error, which names it. What its arguments are is not
// told, as nobody knows which are secret.
func TestToolsUnknown(t *testing.T) {
	var calls []Call
	tools := Tools{Record: func(c Call) { calls = append(calls, c) }}
	for _, name := range []string{"vipw", "", "USERADD", "useradd "} {
		err := tools.Run(t.Context(), Use{Argv: []string{name, "secret"}})
		unknown, ok := errors.AsType[*UnknownToolError](err)
		if !ok || unknown.Tool != name || strings.Contains(err.Error(), "secret") || !strings.HasPrefix(err.Error(), "running "+name+": ") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := tools.Run(t.Context(), Use{}); err == nil || err.Error() != "running a program: no name given" {
		t.Errorf("got %v", err)
	}
	want := []Call{}
	for _, name := range []string{"vipw", "", "USERADD", "useradd "} {
		want = append(want, Call{Argv: []string{name}, Outcome: Refused, Exit: 127})
	}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Error(diff)
	}
}

// TestToolsInterrupted: nothing is done, or recorded, for somebody who does not want it any more.
func TestToolsInterrupted(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	stop(errors.New("enough"))
	root := newRoot(t, someUsers)
	tools := Tools{Record: func(c Call) { t.Errorf("recorded %v", c) }}
	err := tools.Run(ctx, Use{Root: root, Argv: []string{"useradd", "a"}, Stdout: io.Discard, Stderr: io.Discard})
	if err == nil || err.Error() != "running useradd: enough" {
		t.Errorf("got %v", err)
	}
	if got := content(t, root, "etc/passwd"); got != someUsers {
		t.Errorf("passwd is %q", got)
	}
}

// BenchmarkUseradd adds a thousand users to a root of ten thousand, and to an empty one, which the measure is per user.
func BenchmarkUseradd(b *testing.B) {
	for _, n := range []int{0, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var passwd strings.Builder
			for i := range n {
				fmt.Fprintf(&passwd, "user%d:x:%d:100:User %d:/home/user%d:/bin/bash\n", i, 100000+i, i, i)
			}
			for b.Loop() {
				root := newRoot(b, passwd.String())
				var tools Tools
				for i := range 1000 {
					err := tools.Run(b.Context(), Use{Root: root, Argv: []string{"useradd", "-c", "A user", fmt.Sprintf("new%d", i)}, Stdout: io.Discard, Stderr: os.Stderr})
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "us/useradd")
		})
	}
}

// TestToolsTogether: whoever uses tools at the same time does not undo what others did.
func TestToolsTogether(t *testing.T) {
	root := newRoot(t, someUsers)
	var tools Tools
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			err := tools.Run(t.Context(), Use{Root: root, Argv: []string{"useradd", fmt.Sprintf("new%d", i)}, Stdout: io.Discard, Stderr: io.Discard})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := strings.Count(content(t, root, "etc/passwd"), "\nnew"); n != 20 {
		t.Errorf("%d users", n)
	}
}

// TestUseName: a path of an argument is one of the root, whatever whoever uses the tool calls that.
func TestUseName(t *testing.T) {
	for _, c := range []struct{ rootDir, dir, arg, want string }{
		{"/run/root", "/run/root/etc", "x", "etc/x"}, {"/run/root", "/run/root/etc", "../../x", "run/x"}, {"/run/root", "/run/root", ".", "."},
		{"/run/root", "/", "/run/root/etc/x/", "etc/x"}, {"/run/root", "/", "/etc/x", "etc/x"}, {"/run/root", "/", "/run/rooted", "run/rooted"},
		{"/run/root", "/", "/run/root", "."}, {"/", "/srv", "a", "srv/a"}, {"/", "/", "/", "."}, {"", "", "a", "a"}, {"", "", "/a/../../b", "b"},
	} {
		u := Use{RootDir: c.rootDir, Dir: c.dir}
		if got := u.Name(c.arg); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
