package mock

import (
	"context"
	"fmt"
)

// networkClients are programs that do nothing without a network, each with the exit status that it has where no host can be
// reached, by its manual page. They are refused, since a build depends on nothing but its inputs. Who leaves processes the network
// of the building machine leaves them the machine's own clients, too: these have no business with the root. rsync and git are not
// among them, which mostly work on files; ssh is refused in any case.
func networkClients() map[string]tool {
	all := map[string]int{
		"curl": 6, "wget": 4, "scp": 255, "sftp": 255, "ftp": 1, "lftp": 1, "tftp": 1, "telnet": 1, "nc": 1, "ncat": 1, "netcat": 1,
		"ping": 2, "ping6": 2, "dig": 9, "nslookup": 1, "host": 1,
	}
	tools := map[string]tool{}
	for name, exit := range all {
		tools[name] = tool{rootless: true, redact: nameAlone, run: func(_ context.Context, _ *Tools, u Use) (int, Outcome) {
			fmt.Fprintf(u.Stderr, "%s: there is no network while an image is provisioned: --network host leaves plugins that of this machine, and its %s\n", name, name)
			return exit, Refused
		}}
	}
	return tools
}

// nameAlone leaves out all arguments: addresses have passwords in them, and so have headers.
func nameAlone(argv []string) []string { return argv[:1] }
