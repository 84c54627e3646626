package mock

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/sandbox"
)

// TestNetworkClients: they are refused, with the way out, and nothing of their arguments is written down.
func TestNetworkClients(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(networkClients())) {
		var stderr strings.Builder
		var got Call
		tools := &Tools{Record: func(c Call) { got = c }}
		err := tools.Run(t.Context(), Use{Argv: []string{name, "-u", "joe:secret", "https://joe:secret@example.org/"}, Stderr: &stderr, Plugin: "p"})
		exit, ok := errors.AsType[*sandbox.ExitError](err)
		if !ok || exit.Exit.Code == 0 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := Call{Argv: []string{name}, Plugin: "p", Outcome: Refused, Exit: exit.Exit.Code}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if want := name + ": there is no network while an image is provisioned: --network host leaves plugins that of this machine, and its " + name + "\n"; stderr.String() != want {
			t.Errorf("%q", stderr.String())
		}
	}
}

// TestNamesOnNetwork: with a network, network clients have no stand-in, and all others have.
func TestNamesOnNetwork(t *testing.T) {
	names := new(Tools).NamesOnNetwork()
	if slices.Contains(names, "curl") || len(names)+len(networkClients()) != len(new(Tools).Names()) {
		t.Errorf("%q", names)
	}
	for _, name := range []string{"ssh", "mount", "mkfs", "useradd"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s has none", name)
		}
	}
}
