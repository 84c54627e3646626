package main

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/mock"
)

// ledger keeps what stand-ins were used for. Plugins that scan side by side write into it at the same time.
type ledger struct {
	mu    sync.Mutex
	calls []mock.Call
	hide  *holo.Secrets // are in no argument; nil for none
	tools *mock.Tools   // know what else is secret among arguments
}

func (l *ledger) record(c mock.Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, arg := range c.Argv {
		c.Argv[i] = l.hide.Redact(arg)
	}
	for i, arg := range c.Command {
		c.Command[i] = l.hide.Redact(arg)
	}
	l.calls = append(l.calls, c)
}

// records returns the calls plugin by plugin, in the order of plugins: each of them does one thing after the other, but
// who of two was faster is no part of the log.
func (l *ledger) records(plugins []pluginRecord) []callRecord {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []callRecord
	for _, c := range l.calls {
		out = append(out, callRecord{Type: "call", Tool: c.Argv[0], Argv: c.Argv, Plugin: c.Plugin, Entity: c.Entity, Outcome: c.Outcome, Exit: c.Exit,
			Service: c.Service, Error: c.Error, Mock: c.Mock})
	}
	slices.SortStableFunc(out, func(a, b callRecord) int { return placeAmong(plugins, a.Plugin) - placeAmong(plugins, b.Plugin) })
	return out
}

// placeAmong is the place of a plugin among all; those of none come first.
func placeAmong(plugins []pluginRecord, id string) int {
	return slices.IndexFunc(plugins, func(p pluginRecord) bool { return p.ID == id })
}

// declare records what a plugin of somebody else has printed that it would do on a running system, as the plugins of the
// reference implementation do in test mode: "MOCK: " and a command. It returns the commands.
func (l *ledger) declare(stdout []byte, plugin, entity string) (commands []string) {
	for line := range strings.Lines(string(stdout)) {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "MOCK: ")
		if argv := strings.Fields(command); ok && len(argv) > 0 {
			argv = l.tools.WithoutSecrets(argv)
			l.record(mock.Call{Argv: argv, Plugin: plugin, Entity: entity, Outcome: mock.Declared})
			commands = append(commands, shellLine(argv))
		}
	}
	return commands
}

// count takes a call into the result.
func (r *resultRecord) count(c callRecord) {
	if r.Calls == nil {
		r.Calls = map[string]int{}
	}
	r.Calls[string(c.Outcome)]++
	if c.Outcome == mock.Deferred {
		r.Deferred = append(r.Deferred, shellLine(c.Argv))
	}
}

// shellLine shows a command as one would type it, more or less: words that would fall apart are in quotes.
func shellLine(argv []string) string {
	words := make([]string, len(argv))
	for i, w := range argv {
		if w == "" || strings.ContainsFunc(w, func(r rune) bool {
			return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune("\"'\\", r)
		}) {
			w = strconv.Quote(w)
		}
		words[i] = w
	}
	return strings.Join(words, " ")
}
