package mock

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
)

// TestPasswordStates: what passwd and chage print of accounts is what the real ones print.
func TestPasswordStates(t *testing.T) {
	needTools(t)
	p := newPair(t, `printf 'nopw:x:1001:1001::/:/bin/false\nold:$1$ab:1002:1000::/:\n' >>etc/passwd
printf 'nopw::19000:0:99999:7:::\nlate:$6$a:0:1:30:7:5:20000:\naged:$6$a:19000:1:30:7:5:20000:\nempty:!$6$a:::::::\n' >>etc/shadow
printf 'late:x:1003:1::/:\naged:x:1004:1::/:\nempty:x:1005:1::/:\n' >>etc/passwd`)
	for _, command := range []string{"passwd -S -a", "passwd -S", "passwd --status aged", "chage -l late", "chage -l aged", "chage -i -l aged",
		"chage -l empty", "chage --list nopw", "chage -l old"} {
		argv := strings.Fields(command)
		cmd := exec.CommandContext(t.Context(), argv[0], append([]string{"--root", p.theirs}, argv[1:]...)...)
		cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
		want, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		var got bytes.Buffer
		root, err := rootfs.OpenHost(p.ours)
		if err != nil {
			t.Fatal(err)
		}
		tools := Tools{Epoch: epoch}
		if err := tools.Run(t.Context(), Use{Root: root, Argv: argv, Stdout: &got, Stderr: &got}); err != nil {
			t.Errorf("%s: %v", command, err)
		}
		if err := root.Close(); err != nil {
			t.Error(err)
		}
		if d := cmp.Diff(string(want), got.String()); d != "" {
			t.Errorf("%s: -theirs +ours:\n%s", command, d)
		}
	}
}

// TestNobodyIsAsked: a password that would be asked for at a terminal is refused, with the way out.
func TestNobodyIsAsked(t *testing.T) {
	for command, want := range map[string]string{
		"passwd app":    "passwd: a password can't be asked for while an image is provisioned; usermod -p sets one that is encrypted\n",
		"passwd":        "passwd: a password can't be asked for while an image is provisioned; usermod -p sets one that is encrypted\n",
		"gpasswd users": "gpasswd: a password can't be asked for while an image is provisioned; groupmod -p sets one that is encrypted\n",
		"chpasswd": "chpasswd: a password can't be encrypted while an image is provisioned, as no two builds would come to the same; " +
			"chpasswd -e takes encrypted ones\n",
		"chsh app":  "chsh: nobody can be asked while an image is provisioned; -s says which shell\n",
		"chfn app":  "chfn: nobody can be asked while an image is provisioned; options say what is to change\n",
		"chage app": "chage: nobody can be asked while an image is provisioned; options say what is to change\n",
	} {
		var stderr bytes.Buffer
		tools := Tools{}
		err := tools.Run(t.Context(), Use{Root: newRoot(t, someUsers), Argv: strings.Fields(command), Stderr: &stderr})
		if err == nil || err.Error() != "exit status 1" || stderr.String() != want {
			t.Errorf("%s: %v, %q", command, err, stderr.String())
		}
	}
}

// TestChpasswd: each list of passwords does what the real chpasswd -e does with it, but that a colon is told of before
// anything is written.
func TestChpasswd(t *testing.T) {
	needTools(t)
	p := newPair(t, `printf 'old:$1$ab:1002:1000::/:\nbare:x:1004:1000::/:/bin/sh\napp:x:1005:1::/:\n' >>etc/passwd
printf 'app:!:19000:0:99999:7:::\n' >>etc/shadow`)
	for _, list := range []string{"app:$6$new\nold:xx\n", "app\n", "nobody9:x\napp:y\n", "app:y", "", "app:\n", "bare:zz\n", "\n", "#c\n", ":x\n",
		"app:1\napp:2\n", "app: blank \n"} {
		want := p.realWith([]string{"chpasswd", "-e"}, list)
		root, err := rootfs.OpenHost(p.ours)
		if err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		tools := Tools{Epoch: epoch}
		got := result{}
		if err := tools.Run(t.Context(), Use{Root: root, Argv: []string{"chpasswd", "-e"}, Stdin: strings.NewReader(list), Stderr: &stderr}); err != nil {
			got.Status = 1
		}
		got.Said = said(stderr.String())
		if err := root.Close(); err != nil {
			t.Error(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: -theirs +ours:\n%s", list, d)
		}
		if d := p.compare(); d != "" {
			t.Fatalf("%q: -theirs +ours:\n%s", list, d)
		}
	}
	root := newRoot(t, someUsers)
	before := content(t, root, "etc/shadow")
	var stderr bytes.Buffer
	tools := Tools{}
	err := tools.Run(t.Context(), Use{Root: root, Argv: []string{"chpasswd", "-e"}, Stdin: strings.NewReader("app:x\napp:sec:ret\n"), Stderr: &stderr})
	want := "chpasswd: line 2: invalid password: it has a colon or a control character\nchpasswd: error detected, changes ignored\n"
	if err == nil || stderr.String() != want || content(t, root, "etc/shadow") != before {
		t.Errorf("%v, %q, %q", err, stderr.String(), content(t, root, "etc/shadow"))
	}
}

// TestChshChfn: there is no real one to compare with where PAM is not set up, so this is by their manual pages.
func TestChshChfn(t *testing.T) {
	const users = "root:x:0:0::/root:/bin/sh\napp:x:1000:100:Old Name,1,2,3,more,even:/home/app:/bin/sh\n"
	for _, tt := range []struct{ command, line, stderr string }{
		{"chsh -s /bin/zsh app", "app:x:1000:100:Old Name,1,2,3,more,even:/home/app:/bin/zsh", "Warning: missing or non-executable shell '/bin/zsh'"},
		{"chsh -s /bin/sh app", "", "Warning: missing or non-executable shell '/bin/sh'"},
		{"chsh --shell= app", "app:x:1000:100:Old Name,1,2,3,more,even:/home/app:", ""},
		{"chsh -s /bin/sh nobody9", "", "chsh: user 'nobody9' does not exist\n"},
		{"chsh -s a:b app", "", "chsh: invalid shell 'a:b'\n"},
		{"chfn -f New app", "app:x:1000:100:New,1,2,3,more,even:/home/app:/bin/sh", ""},
		{"chfn -r 9 -w 8 -h 7 -o x,y app", "app:x:1000:100:Old Name,9,8,7,x,y:/home/app:/bin/sh", ""},
		{"chfn -f Admin", "root:x:0:0:Admin,,,:/root:/bin/sh", ""},
		{"chfn -f a,b app", "", "chfn: invalid full name: 'a,b'\n"},
		{"chfn -o a:b app", "", "chfn: invalid other: 'a:b'\n"},
		{"chfn -f x nobody9", "", "chfn: user 'nobody9' does not exist\n"},
	} {
		root := newRoot(t, users)
		var stderr bytes.Buffer
		tools := Tools{}
		err := tools.Run(t.Context(), Use{Root: root, Argv: strings.Fields(tt.command), Stderr: &stderr})
		got := content(t, root, "etc/passwd")
		failed := strings.HasPrefix(tt.stderr, "ch")
		if (err != nil) != failed || !strings.Contains(stderr.String(), tt.stderr) || tt.stderr == "" && stderr.Len() > 0 ||
			tt.line == "" && got != users || !strings.Contains(got, tt.line) {
			t.Errorf("%s: %v, %q\n%s", tt.command, err, stderr.String(), got)
		}
	}
}
