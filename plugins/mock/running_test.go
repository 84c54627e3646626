package mock

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/sandbox"
)

// TestRunningTools: what changes a running system is deferred, what asks it is answered, and the rest is refused.
func TestRunningTools(t *testing.T) {
	for _, tt := range []struct {
		command string
		status  int
		outcome Outcome
		stderr  string
		argv    string // as recorded; empty for the command itself
	}{
		{command: "service nginx restart", outcome: Deferred},
		{command: "service nginx status", status: 3, outcome: Refused, stderr: "service: no service runs while an image is provisioned\n"},
		{command: "service --status-all", status: 3, outcome: Refused, stderr: "service: no service runs while an image is provisioned\n"},
		{command: "rc-service -q nginx start", outcome: Deferred},
		{command: "invoke-rc.d nginx start", outcome: Deferred},
		{command: "initctl start nginx", outcome: Deferred},
		{command: "sysctl -w net.ipv4.ip_forward=1", outcome: Deferred},
		{command: "sysctl net.ipv4.ip_forward=1", outcome: Deferred},
		{command: "sysctl -p/etc/sysctl.d/x.conf", outcome: Deferred},
		{command: "sysctl --system", outcome: Deferred},
		{command: "sysctl -n kernel.hostname", status: 255, outcome: Refused, stderr: "sysctl: there is no running kernel to ask while an image is provisioned\n"},
		{command: "modprobe br_netfilter", outcome: Deferred},
		{command: "udevadm trigger --subsystem-match=net", outcome: Deferred},
		{command: "udevadm info /dev/sda", status: 1, outcome: Refused, stderr: "udevadm: there is no running kernel to ask while an image is provisioned\n"},
		{command: "netplan apply", outcome: Deferred},
		{command: "nft -f /etc/nftables.conf", outcome: Deferred},
		{command: "nft list ruleset", status: 1, outcome: Refused, stderr: "nft: there is no running kernel to ask while an image is provisioned\n"},
		{command: "iptables -A INPUT -j DROP", outcome: Deferred},
		{command: "iptables -L -n", status: 1, outcome: Refused, stderr: "iptables: there is no running kernel to ask while an image is provisioned\n"},
		{command: "iptables-restore", outcome: Deferred},
		{command: "nmcli dev wifi connect home password secret", outcome: Deferred, argv: "nmcli dev wifi connect home password REDACTED"},
		{command: "nmcli c modify a 802-11-wireless-security.psk secret b.wep-key0 secret", outcome: Deferred,
			argv: "nmcli c modify a 802-11-wireless-security.psk REDACTED b.wep-key0 REDACTED"},
		{command: "nmcli c add --psk=secret", outcome: Deferred, argv: "nmcli c add --psk=REDACTED"},
		{command: "nmcli c add password", outcome: Deferred},
		{command: "systemctl --no-block try-restart a b", outcome: Deferred},
		{command: "systemctl status a", status: 1, outcome: Refused, stderr: "systemctl: status is for a running system, and none runs while an image is provisioned\n"},
		{command: "systemctl is-active -q a", status: 3, outcome: Realised},
		{command: "reboot", status: 1, outcome: Refused, stderr: "reboot: not while an image is provisioned\n"},
		{command: "mount --bind / /mnt", status: 1, outcome: Refused, stderr: "mount: not while an image is provisioned\n"},
	} {
		t.Run(tt.command, func(t *testing.T) {
			var stderr bytes.Buffer
			var got Call
			tools := &Tools{Record: func(c Call) { got = c }}
			status := 0
			err := tools.Run(t.Context(), Use{Root: newRoot(t, ""), Argv: strings.Fields(tt.command), Stderr: &stderr})
			if e, ok := errors.AsType[*sandbox.ExitError](err); ok {
				status, err = e.Exit.Code, nil
			}
			if err != nil {
				t.Fatal(err)
			}
			argv := tt.argv
			if argv == "" {
				argv = tt.command
			}
			want := []any{tt.status, tt.stderr, tt.outcome, argv}
			if d := cmp.Diff(want, []any{status, stderr.String(), got.Outcome, strings.Join(got.Argv, " ")}); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}
