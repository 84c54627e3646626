package mock

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDefer: what is deferred is handed on as a running system is to do it, with what it reads, and what can't be is refused.
func TestDefer(t *testing.T) {
	for _, tt := range []struct {
		command string
		want    Later
	}{
		{"systemctl restart a b", Later{Dir: "/"}},
		{"nft -f -", Later{Input: []byte("input")}},
		{"nft --file=/dev/stdin", Later{Input: []byte("input")}},
		{"nft -f /root/of/image/etc/nft -I/root/of/image", Later{Words: []string{"nft", "-f", "/etc/nft", "-I/"}}},
		{"nft -f /root/of/images/etc/nft", Later{}},
		{"nft add table -", Later{}},
		{"iptables-restore", Later{Input: []byte("input")}},
		{"ip6tables-restore -n -w 5 -T nat", Later{Input: []byte("input")}},
		{"iptables-restore -M /sbin/modprobe --table filter /etc/rules", Later{}},
		{"sysctl -p -", Later{Input: []byte("input")}},
		{"sysctl -p-", Later{Input: []byte("input")}},
		{"sysctl --load=/dev/stdin", Later{Input: []byte("input")}},
		{"sysctl --load=/root/of/image/etc/x", Later{Words: []string{"sysctl", "--load=/etc/x"}}},
		{"sysctl -w a=-", Later{}},
		{"nmcli c add --psk=secret", Later{Secret: true}},
	} {
		t.Run(tt.command, func(t *testing.T) {
			var got []Later
			tools := &Tools{Defer: func(l Later) error { got = append(got, l); return nil }}
			argv, dir := strings.Fields(tt.command), "/"
			if tt.want.Dir != "" {
				dir = "/root/of/image/"
			}
			err := tools.Run(t.Context(), Use{Root: newRoot(t, ""), RootDir: "/root/of/image/", Dir: dir, Argv: argv, Stdin: strings.NewReader("input"),
				Stderr: io.Discard, Plugin: "p", Entity: "e"})
			if err != nil {
				t.Fatal(err)
			}
			want := tt.want
			want.Call = Call{Argv: WithoutSecrets(argv), Plugin: "p", Entity: "e", Outcome: Deferred}
			if want.Words == nil {
				want.Words = argv
			}
			if d := cmp.Diff([]Later{want}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// endless is input that never ends.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	e.read += len(b)
	return len(b), nil
}

// TestDeferRefused: the caller is told why, and the call was refused.
func TestDeferRefused(t *testing.T) {
	for _, tt := range []struct {
		name, command, want string
		tools               *Tools
	}{
		{"an error", "nft add table x", "nft: not today\n", &Tools{Defer: func(Later) error { return errors.New("not today") }}},
		{"input without end", "nft -f -", "nft: more than 4 MB on standard input, which can't be kept for later\n", &Tools{Defer: func(Later) error { return nil }}},
		{"input without end that nobody keeps", "nft -f -", "", &Tools{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stderr strings.Builder
			var got Call
			input := &endless{}
			tt.tools.Record = func(c Call) { got = c }
			err := tt.tools.Run(t.Context(), Use{Argv: strings.Fields(tt.command), Stdin: input, Stderr: &stderr})
			want := Call{Argv: strings.Fields(tt.command), Outcome: Deferred}
			if tt.want != "" {
				want.Outcome, want.Exit = Refused, 1
			}
			if d := cmp.Diff(want, got); d != "" || stderr.String() != tt.want || (err != nil) != (tt.want != "") {
				t.Errorf("%v: %q %s", err, stderr.String(), d)
			}
			if input.read > 2*maxInput {
				t.Errorf("%d bytes read", input.read)
			}
		})
	}
}
