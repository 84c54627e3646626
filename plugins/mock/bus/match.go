package bus

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"
)

// Bounds of match rules.
const (
	maxRules = 256 // of a connection
	maxRule  = 1024
	maxArg   = 63
)

// rule says which signals a connection wants; D-Bus specification, "Match Rules".
type rule struct {
	kind                                                    dbus.Type
	sender, iface, member, path, namespace, destination, ns string // ns is arg0namespace
	args                                                    []argRule
}

// argRule is what an argument has to be.
type argRule struct {
	at    int
	value string
	path  bool
}

// parseRule reads a rule. One that can't be understood is an error, since who has written it would wait for ever.
func parseRule(text string) (rule, error) {
	var r rule
	if len(text) > maxRule {
		return r, fmt.Errorf("a match rule has at most %d bytes", maxRule)
	}
	pairs, err := splitRule(text)
	if err != nil {
		return r, err
	}
	seen := map[string]bool{}
	for _, p := range pairs {
		if seen[p[0]] {
			return r, fmt.Errorf("%s stands in it twice", p[0])
		}
		seen[p[0]] = true
		if err := r.set(p[0], p[1]); err != nil {
			return r, err
		}
	}
	if r.path != "" && r.namespace != "" {
		return r, fmt.Errorf("path and path_namespace exclude each other")
	}
	return r, nil
}

func (r *rule) set(key, value string) error {
	valid := true
	switch key {
	case "type":
		kinds := map[string]dbus.Type{"signal": dbus.TypeSignal, "method_call": dbus.TypeMethodCall,
			"method_return": dbus.TypeMethodReply, "error": dbus.TypeError}
		r.kind, valid = kinds[value], kinds[value] != 0
	case "sender":
		r.sender, valid = value, validBusName(value)
	case "destination":
		r.destination, valid = value, validBusName(value)
	case "interface":
		r.iface = value
	case "member":
		r.member = value
	case "path":
		r.path, valid = value, dbus.ObjectPath(value).IsValid()
	case "path_namespace":
		r.namespace, valid = value, dbus.ObjectPath(value).IsValid()
	case "arg0namespace":
		r.ns = value
	case "eavesdrop": // nobody does
	default:
		number, ok := strings.CutPrefix(key, "arg")
		number, path := strings.CutSuffix(number, "path")
		at, err := strconv.Atoi(number)
		if !ok || err != nil || at < 0 || at > maxArg || strconv.Itoa(at) != number {
			return fmt.Errorf("unknown key %q", key)
		}
		r.args = append(r.args, argRule{at, value, path})
	}
	if !valid {
		return fmt.Errorf("%s can't be %q", key, value)
	}
	return nil
}

// splitRule takes a rule apart: key='value' with commas between. Outside of quotes, a backslash and a quote are a quote.
func splitRule(text string) (pairs [][2]string, err error) {
	for rest := text; ; {
		rest = strings.TrimLeft(rest, " \t\r\n,")
		if rest == "" {
			return pairs, nil
		}
		key, after, ok := strings.Cut(rest, "=")
		if !ok {
			return nil, fmt.Errorf("%q has no value", rest)
		}
		var value strings.Builder
		quoted, i := false, 0
		for ; i < len(after) && (quoted || after[i] != ','); i++ {
			switch {
			case after[i] == '\'':
				quoted = !quoted
			case after[i] == '\\' && !quoted && i+1 < len(after) && after[i+1] == '\'':
				i++
				value.WriteByte('\'')
			default:
				value.WriteByte(after[i])
			}
		}
		if quoted {
			return nil, fmt.Errorf("a quote is not closed")
		}
		pairs = append(pairs, [2]string{strings.TrimSpace(key), value.String()})
		rest = after[i:]
	}
}

// matches says whether a signal is one that is wanted. owns says of a name whether the sender has it.
func (r *rule) matches(m *message, owns func(name string) bool) bool {
	is := func(want string, field dbus.HeaderField) bool { return want == "" || want == m.text(field) }
	return (r.kind == 0 || r.kind == m.Type) && (r.sender == "" || owns(r.sender)) &&
		is(r.iface, dbus.FieldInterface) && is(r.member, dbus.FieldMember) && is(r.path, dbus.FieldPath) &&
		is(r.destination, dbus.FieldDestination) &&
		(r.namespace == "" || below(m.text(dbus.FieldPath), r.namespace, "/")) && r.matchesArgs(m)
}

// below reports whether a name is another, or begins with it and a separator.
func below(name, other, separator string) bool {
	return name == other || strings.HasPrefix(name, strings.TrimSuffix(other, separator)+separator)
}

func (r *rule) matchesArgs(m *message) bool {
	if r.ns == "" && len(r.args) == 0 {
		return true
	}
	args := m.leading()
	at := func(i int) (text string, isPath, ok bool) {
		if i >= len(args) {
			return "", false, false
		}
		switch v := args[i].(type) {
		case string:
			return v, false, true
		case dbus.ObjectPath:
			return string(v), true, true
		}
		return "", false, false
	}
	if text, isPath, ok := at(0); r.ns != "" && (!ok || isPath || !below(text, r.ns, ".")) {
		return false
	}
	for _, a := range r.args {
		text, isPath, ok := at(a.at)
		switch {
		case !ok, !a.path && (isPath || text != a.value):
			return false
		case a.path && text != a.value && !(strings.HasSuffix(a.value, "/") && strings.HasPrefix(text, a.value)) &&
			!(strings.HasSuffix(text, "/") && strings.HasPrefix(a.value, text)):
			return false
		}
	}
	return true
}

// leading decodes the arguments before the first that is a container: those behind it can't be matched here.
func (m *message) leading() []any {
	if m.decoded == nil {
		basic := m.signature()
		if i := strings.IndexAny(basic, "av({"); i >= 0 {
			basic = basic[:i]
		}
		m.decoded = []any{}
		if basic != "" {
			if args, err := m.args(basic); err == nil {
				m.decoded = args
			}
		}
	}
	return m.decoded
}
