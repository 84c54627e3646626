package mock

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// running is a tool that works on a running system. There is none while an image is provisioned: what would change one is
// deferred, what asks one gets the answer that there is none, and what it would be dangerous to take for done is refused.
type running struct {
	// deferred says of arguments, without the tool's name, that they change the running system.
	deferred func(args []string) bool
	// answer is what all others get: a line on standard error, and an exit status.
	answer string
	exit   int
	// reads is that of a tool.
	reads func(args []string) bool
}

// runningTools are those that only a running system gives a meaning to.
func runningTools() map[string]tool {
	services := running{deferred: word(1, "start", "stop", "restart", "reload", "force-reload", "try-restart", "condrestart"),
		answer: "no service runs while an image is provisioned", exit: 3} // LSB, "program is not running"
	packetFilter := running{deferred: packetFilterLoads, answer: noKernel, exit: 1}
	all := map[string]running{
		"service":      services,
		"rc-service":   services,
		"invoke-rc.d":  services,
		"initctl":      {deferred: word(0, "start", "stop", "restart", "reload", "emit", "reload-configuration"), answer: noManager, exit: 1},
		"sysctl":       {deferred: sysctlSets, answer: noKernel, exit: 255, reads: sysctlReads},
		"modprobe":     {deferred: always, exit: 0},
		"udevadm":      {deferred: word(0, "trigger", "settle", "control"), answer: noKernel, exit: 1},
		"nmcli":        {deferred: always, exit: 0},
		"netplan":      {deferred: word(0, "apply", "generate", "set"), answer: noManager, exit: 1},
		"ifup":         {deferred: always, exit: 0},
		"ifdown":       {deferred: always, exit: 0},
		"nft":          {deferred: packetFilterLoads, answer: noKernel, exit: 1, reads: nftReads},
		"iptables":     packetFilter,
		"ip6tables":    packetFilter,
		"ebtables":     packetFilter,
		"arptables":    packetFilter,
		"firewall-cmd": {deferred: always, exit: 0},
	}
	for _, name := range []string{"iptables-restore", "ip6tables-restore"} {
		all[name] = running{deferred: always, reads: restoreReads}
	}
	const no = "not while an image is provisioned"
	for _, name := range []string{"reboot", "poweroff", "halt", "shutdown", "kexec", "mount", "umount", "swapon", "swapoff", "mkfs",
		"mkfs.ext2", "mkfs.ext3", "mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "mkfs.vfat", "mke2fs", "mkswap", "ssh", "telinit"} {
		all[name] = running{answer: no, exit: 1}
	}
	tools := map[string]tool{}
	for name, r := range all {
		tools[name] = tool{run: r.run, rootless: true, redact: RedactWords, reads: r.reads}
	}
	return tools
}

const (
	noKernel  = "there is no running kernel to ask while an image is provisioned"
	noManager = "nothing runs while an image is provisioned"
)

func (r running) run(_ context.Context, _ *Tools, u Use) (int, Outcome) {
	if r.deferred != nil && r.deferred(u.Argv[1:]) {
		return 0, Deferred
	}
	fmt.Fprintf(u.Stderr, "%s: %s\n", u.Argv[0], r.answer)
	return r.exit, Refused
}

func always([]string) bool { return true }

// operands are arguments that do not begin with a dash.
func operands(args []string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(a string) bool { return strings.HasPrefix(a, "-") })
}

// word says of arguments that the operand at a place is one of some.
func word(at int, words ...string) func([]string) bool {
	return func(args []string) bool {
		list := operands(args)
		return at < len(list) && slices.Contains(words, list[at])
	}
}

// sysctlSets says that sysctl(8) is to set something: one by one, or from files.
func sysctlSets(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool {
		return slices.Contains([]string{"-w", "--write", "--system"}, a) || strings.HasPrefix(a, "-p") || strings.HasPrefix(a, "--load") ||
			!strings.HasPrefix(a, "-") && strings.Contains(a, "=")
	})
}

// packetFilterLoads says that rules are to be loaded, and not shown.
func packetFilterLoads(args []string) bool {
	shown := []string{"list", "-L", "--list", "-S", "--list-rules", "-C", "--check", "monitor", "--version", "-V"}
	return len(args) > 0 && !slices.ContainsFunc(args, func(a string) bool { return slices.Contains(shown, a) })
}

// secretWords are the names after which, or after which and an equals sign, a secret stands: nmcli(1), nm-settings(5).
var secretWords = []string{"password", "passwd", "psk", "pin", "secret", "secrets", "wep-key0", "wep-key1", "wep-key2", "wep-key3", "leap-password",
	"private-key-password", "pairwise-psk"}

// RedactWords takes out of arguments what follows a name that says that it is a secret.
func RedactWords(argv []string) []string {
	out := slices.Clone(argv)
	for i, arg := range out[1:] {
		name, _, assigned := strings.Cut(arg, "=")
		last := strings.ToLower(strings.TrimLeft(name[strings.LastIndexAny(name, ".:")+1:], "-+"))
		switch {
		case !slices.Contains(secretWords, last):
		case assigned:
			out[i+1] = name + "=" + Redacted
		case i+2 < len(out):
			out[i+2] = Redacted
		}
	}
	return out
}
