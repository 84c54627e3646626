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
		"chage app":     "chage: nobody can be asked while an image is provisioned; options say what is to change\n",
	} {
		var stderr bytes.Buffer
		tools := Tools{}
		err := tools.Run(t.Context(), Use{Root: newRoot(t, someUsers), Argv: strings.Fields(command), Stderr: &stderr})
		if err == nil || err.Error() != "exit status 1" || stderr.String() != want {
			t.Errorf("%s: %v, %q", command, err, stderr.String())
		}
	}
}
