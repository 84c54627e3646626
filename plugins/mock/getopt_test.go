package mock

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var someOptions = []option{
	{short: 'a', long: "append"}, {short: 'g', long: "gid", arg: true}, {short: 'G', long: "groups", arg: true},
	{short: 'p', long: "password", arg: true, secret: true}, {short: 'P', long: "prefix", arg: true}, {short: 'K', long: "key", arg: true},
	{short: 'O', long: "key", arg: true}, {long: "badname"},
}

func TestScan(t *testing.T) {
	for _, tt := range []struct {
		line     string
		given    []given
		operands []string
		wrong    string
		redacted string // empty for the line itself
	}{
		{line: "a b", operands: []string{"a", "b"}},
		{line: "-a x", given: []given{{"append", ""}}, operands: []string{"x"}},
		{line: "x -a", given: []given{{"append", ""}}, operands: []string{"x"}},
		{line: "-ag5 x", given: []given{{"append", ""}, {"gid", "5"}}, operands: []string{"x"}},
		{line: "-g -a x", given: []given{{"gid", "-a"}}, operands: []string{"x"}},
		{line: "-g -- x", given: []given{{"gid", "--"}}, operands: []string{"x"}},
		{line: "--gid=5 --groups a,b", given: []given{{"gid", "5"}, {"groups", "a,b"}}},
		{line: "--gid= x", given: []given{{"gid", ""}}, operands: []string{"x"}},
		{line: "--ap --ke A=B -O C=D", given: []given{{"append", ""}, {"key", "A=B"}, {"key", "C=D"}}},
		{line: "-a -- -a --x", given: []given{{"append", ""}}, operands: []string{"-a", "--x"}},
		{line: "- x", operands: []string{"-", "x"}},
		{line: "--g x", operands: []string{"x"}, wrong: "option '--g' is ambiguous; possibilities: '--gid' '--groups'"},
		{line: "--nope x", operands: []string{"x"}, wrong: "unrecognized option '--nope'"},
		{line: "--append=1", wrong: "option '--append' doesn't allow an argument"},
		{line: "--gid", wrong: "option '--gid' requires an argument"},
		{line: "-g", wrong: "option requires an argument -- 'g'"},
		{line: "-x -y", wrong: "invalid option -- 'x'"},
		{line: "-p secret x", given: []given{{"password", "secret"}}, operands: []string{"x"}, redacted: "-p REDACTED x"},
		{line: "-psecret x", given: []given{{"password", "secret"}}, operands: []string{"x"}, redacted: "-pREDACTED x"},
		{line: "-apsecret", given: []given{{"append", ""}, {"password", "secret"}}, redacted: "-apREDACTED"},
		{line: "-ap secret", given: []given{{"append", ""}, {"password", "secret"}}, redacted: "-ap REDACTED"},
		{line: "--password=secret", given: []given{{"password", "secret"}}, redacted: "--password=REDACTED"},
		{line: "--password secret", given: []given{{"password", "secret"}}, redacted: "--password REDACTED"},
		{line: "--pass secret", given: []given{{"password", "secret"}}, redacted: "--pass REDACTED"},
		{line: "--pa=secret", given: []given{{"password", "secret"}}, redacted: "--pa=REDACTED"},
		{line: "--p secret", wrong: "option '--p' is ambiguous; possibilities: '--password' '--prefix'", redacted: "--p REDACTED"},
		{line: "--p=secret", wrong: "option '--p' is ambiguous; possibilities: '--password' '--prefix'", redacted: "--p=REDACTED"},
		{line: "--nope -p secret", given: []given{{"password", "secret"}}, wrong: "unrecognized option '--nope'", redacted: "--nope -p REDACTED"},
		{line: "-xp secret", given: []given{{"password", "secret"}}, wrong: "invalid option -- 'x'", redacted: "-xp REDACTED"},
		{line: "-p --password secret", given: []given{{"password", "--password"}}, operands: []string{"secret"}, redacted: "-p REDACTED secret"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			s := scan(someOptions, strings.Fields(tt.line))
			if diff := cmp.Diff(tt.given, s.given, cmp.AllowUnexported(given{})); diff != "" {
				t.Error(diff)
			}
			if !slices.Equal(s.operands, tt.operands) || s.wrong != tt.wrong {
				t.Errorf("operands %q, wrong %q", s.operands, s.wrong)
			}
			want := tt.redacted
			if want == "" {
				want = tt.line
			}
			if got := strings.Join(s.redacted, " "); got != want {
				t.Errorf("redacted %q, want %q", got, want)
			}
		})
	}
}

// FuzzScan: a command line without its secrets is the same command line but for them.
func FuzzScan(f *testing.F) {
	for _, s := range []string{"-p\x00x\x00u", "--pass=x", "-apx\x00--\x00-p\x00y", "--p\x00x", "-p", "-g\x00-p\x00x", "--", "-", "", "-\xff\x00--\xff="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\x00")
		s := scan(someOptions, args)
		if len(s.redacted) != len(args) {
			t.Fatalf("%q became %q", args, s.redacted)
		}
		var want []given
		secret := false
		for _, g := range s.given {
			if g.option == "password" {
				g.value, secret = Redacted, true
			}
			want = append(want, g)
		}
		again := scan(someOptions, s.redacted)
		if diff := cmp.Diff(want, again.given, cmp.AllowUnexported(given{})); diff != "" || !slices.Equal(again.operands, s.operands) || again.wrong != s.wrong {
			t.Errorf("%q became %q: %s, operands %q, wrong %q", args, s.redacted, diff, again.operands, again.wrong)
		}
		if !secret && s.wrong == "" && !slices.Equal(args, s.redacted) {
			t.Errorf("%q became %q, without a secret", args, s.redacted)
		}
	})
}
