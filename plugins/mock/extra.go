package mock

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// Extra is a tool that the table does not have. It works on no root, and may be used several times at once.
type Extra struct {
	// Run uses it. It returns its exit status, and what has become of the use.
	Run func(ctx context.Context, u Use) (exit int, o Outcome)
	// Redact returns arguments without what must not be written down; nil takes them as they are.
	Redact func(argv []string) []string
	// Mock is the file that it is from, for the ledger.
	Mock string
}

// find returns a tool by its name.
func (t *Tools) find(name string) (tool, bool) {
	own, known := table()[name]
	e, ok := t.Extra[name]
	if !ok {
		return own, known
	}
	p := tool{rootless: true, free: true, redact: own.redact, mock: e.Mock}
	p.run = func(ctx context.Context, _ *Tools, u Use) (int, Outcome) { return e.Run(ctx, u) }
	if e.Redact != nil {
		// What the tool whose place it takes would not have written down, it does not either.
		p.redact = func(argv []string) []string { return e.Redact(own.withoutSecrets(argv)) }
	}
	return p, true
}

// Names lists all tools.
func (t *Tools) Names() []string {
	all := table()
	names := slices.Collect(maps.Keys(all))
	for name := range t.Extra {
		if _, ok := all[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// NamesOnNetwork lists the tools that processes with a network have stand-ins for: network clients are not among them, unless
// they are extra ones.
func (t *Tools) NamesOnNetwork() []string {
	clients := networkClients()
	return slices.DeleteFunc(t.Names(), func(name string) bool {
		_, client := clients[name]
		_, extra := t.Extra[name]
		return client && !extra
	})
}

// IsTool says whether the table has a tool.
func IsTool(name string) bool {
	_, ok := table()[name]
	return ok
}

// IsToolName says whether a tool can have a name: it must be that of a file, and not one of this program's own, which is no
// stand-in by them.
func IsToolName(name string) bool {
	return name != "" && len(name) <= 255 && !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "-") &&
		!strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '/' || r == ':' || r > '~' }) &&
		name != "holo" && !strings.HasPrefix(name, "holo-")
}
