package mock

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSysusers lets the real systemd-sysusers and ours do the same, twice, and compares what they say, their exit statuses,
// and the whole trees that they leave.
func TestSysusers(t *testing.T) {
	needTool(t, "systemd-sysusers")
	list := confdStories(t, "sysusers.txt", "systemd-sysusers")
	if len(list) < 80 {
		t.Errorf("only %d stories", len(list))
	}
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) {
			p := newPair(t, s.setup)
			for _, command := range append(s.commands, s.commands...) {
				argv := split(command)
				want, got := realConfd(t, p.theirs, argv, s.lines), mockConfd(t, p.ours, argv, s.lines)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: -theirs +ours:\n%s", command, diff)
				}
				if diff := p.compare(); diff != "" {
					t.Fatalf("%s: -theirs +ours:\n%s", command, diff)
				}
			}
		})
	}
}
