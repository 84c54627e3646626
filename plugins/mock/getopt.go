package mock

import (
	"fmt"
	"slices"
	"strings"
)

// option is one that a program takes, as getopt_long(3) knows it.
type option struct {
	short byte // 0 if there is only a long form
	long  string
	// arg says that it takes an argument, and secret that this is nothing to be written down.
	arg, secret bool
}

// given is an option that was given, by its long name.
type given struct{ option, value string }

// scanner reads a command line as getopt_long(3) does: options and operands in any order, long options with as much of
// their names as tells them apart, short ones in bundles, and none after "--".
type scanner struct {
	options  []option
	given    []given
	operands []string
	// wrong is what is the matter with the first option that can't be understood; empty if all can.
	wrong string
	// redacted are the arguments without secrets.
	redacted []string
	rest     []string
}

// scan reads arguments, the program's name not among them.
func scan(options []option, args []string) *scanner {
	s := &scanner{options: options, rest: args}
	for len(s.rest) > 0 {
		arg := s.next()
		switch {
		case arg == "--":
			s.redacted = append(append(s.redacted, arg), s.rest...)
			s.operands = append(s.operands, s.rest...)
			s.rest = nil
		case strings.HasPrefix(arg, "--"):
			s.long(arg)
		case strings.HasPrefix(arg, "-") && arg != "-":
			s.short(arg)
		default:
			s.redacted = append(s.redacted, arg)
			s.operands = append(s.operands, arg)
		}
	}
	return s
}

func (s *scanner) next() string {
	arg := s.rest[0]
	s.rest = s.rest[1:]
	return arg
}

func (s *scanner) complain(format string, args ...any) {
	if s.wrong == "" {
		s.wrong = fmt.Sprintf(format, args...)
	}
}

// long reads a long option. One that can't be told from one with a secret is taken for it when it is redacted.
func (s *scanner) long(arg string) {
	name, value, with := strings.Cut(arg[2:], "=")
	var found []option
	for _, o := range s.options {
		same := func(f option) bool { return f.long == o.long }
		if strings.HasPrefix(o.long, name) && !slices.ContainsFunc(found, same) {
			found = append(found, o)
		}
		if o.long == name {
			found = []option{o}
			break
		}
	}
	secret := slices.ContainsFunc(found, func(o option) bool { return o.secret })
	s.redacted = append(s.redacted, arg)
	if secret && with {
		s.redacted[len(s.redacted)-1] = "--" + name + "=" + Redacted
	}
	switch {
	case len(found) == 0:
		s.complain("unrecognized option '--%s'", name)
	case len(found) > 1:
		text := ""
		for _, o := range found {
			text += " '--" + o.long + "'"
		}
		s.complain("option '--%s' is ambiguous; possibilities:%s", name, text)
		if secret && !with && len(s.rest) > 0 {
			s.argument(true)
		}
	case with && !found[0].arg:
		s.complain("option '--%s' doesn't allow an argument", found[0].long)
	case !with && found[0].arg && len(s.rest) == 0:
		s.complain("option '--%s' requires an argument", found[0].long)
	default:
		if found[0].arg && !with {
			value = s.argument(secret)
		}
		s.given = append(s.given, given{found[0].long, value})
	}
}

// argument takes the argument of an option from the next one of the command line.
func (s *scanner) argument(secret bool) string {
	value := s.next()
	if secret {
		s.redacted = append(s.redacted, Redacted)
	} else {
		s.redacted = append(s.redacted, value)
	}
	return value
}

// short reads a bundle of short options, of which the last may have its argument in the bundle.
func (s *scanner) short(bundle string) {
	s.redacted = append(s.redacted, bundle)
	for i := 1; i < len(bundle); i++ {
		at := slices.IndexFunc(s.options, func(o option) bool { return o.short == bundle[i] })
		if at < 0 {
			s.complain("invalid option -- '%c'", bundle[i])
			continue
		}
		switch o := s.options[at]; {
		case !o.arg:
			s.given = append(s.given, given{option: o.long})
		case i+1 < len(bundle):
			if o.secret {
				s.redacted[len(s.redacted)-1] = bundle[:i+1] + Redacted
			}
			s.given = append(s.given, given{o.long, bundle[i+1:]})
			return
		case len(s.rest) == 0:
			s.complain("option requires an argument -- '%c'", o.short)
		default:
			s.given = append(s.given, given{o.long, s.argument(o.secret)})
		}
	}
}
