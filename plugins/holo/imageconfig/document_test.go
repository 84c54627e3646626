package imageconfig

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParseFile: whatever is wrong is told with its line, and with the key that it is about.
func TestParseFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"syntax", "user = \"a\"\nx =\n", "2: column 4: "},
		{"twice", "user = \"a\"\n\nuser = \"b\"\n", "3: column 1: key user is already defined"},
		{"types", "user = 1\ncmd = \"x\"\nports = [\n  \"80\",\n  81,\n]\nenv = 1\nvolumes = [[\"/a\"]]\n",
			"1: user: a string is wanted, and this is of type integer\n2: cmd: a list of strings is wanted, and this is of type string\n" +
				"5: ports: a string is wanted, and this is of type integer\n7: env: a table is wanted, and this is of type integer\n" +
				"8: volumes: a string is wanted, and this is of type array"},
		{"a number as a variable", "[env]\nA = \"1\"\nPORT = 8080\n", "3: env.PORT: a string is wanted, and this is of type integer"},
		{"values", "stop-signal = \"SIGFOO\"\nports = [\n  \"80\",\n  \"x\",\n]\n[env]\n\"\" = \"x\"\n",
			"1: \"stop-signal\": \"SIGFOO\" is no signal: it is a name, as SIGTERM or SIGRTMIN+3, or a number from 1 to 64\n" +
				"4: \"port/x/tcp\": \"x/tcp\" is no port: it is NUMBER/tcp, NUMBER/udp or NUMBER/sctp\n" +
				"7: \"env/\": a variable's name is not empty, and has no '='"},
		{"unknown", "port = 1\na.b = 1\nuser.x = 1\n[label]\nx = 1\n[[env]]\n[labels]\ny = \"1\"\n",
			"1: unknown key \"port\"\n2: unknown key \"a.b\"\n3: unknown key \"user.x\"\n4: unknown table \"label\"\n6: env: one table is wanted, which begins with [env]"},
		{"names with dots", "labels.a.b = \"1\"\n", "1: labels: a name with dots is put in quotes: \"a.b\""},
		{"names with dots in the table", "[labels]\nc.d = \"1\"\n[labels.e]\nx = \"1\"\n",
			"2: labels: a name with dots is put in quotes: \"c.d\"\n3: labels: a name with dots is put in quotes: \"e\""},
		{"removed and set", "remove = [\"env/A\"]\nenv = {B = \"1\", A = \"1\"}\n", "2: env/A is defined twice, first in line 1"},
		{"removed nonsense", "remove = [\"user\",\n \"nonsense\"]\n", "2: \"nonsense\" is no setting"},
	} {
		_, wrong := parseFile([]byte(c.text))
		var got []string
		for _, x := range wrong {
			got = append(got, fmt.Sprintf("%d: %s", x.Line, x.Text))
		}
		switch text := strings.Join(got, "\n"); {
		case strings.HasSuffix(c.want, ": ") && strings.HasPrefix(text, c.want):
		default:
			if diff := cmp.Diff(c.want, text); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, diff)
			}
		}
	}
}

// TestParseFileForms: all ways of writing the tables mean the same.
func TestParseFileForms(t *testing.T) {
	t.Parallel()
	want := map[string]said{"env/A": {[]string{"1"}, 1}, "label/a.b": {[]string{"2"}, 1}}
	for _, text := range []string{
		"env.A = \"1\"\nlabels.\"a.b\" = \"2\"\n",
		"env = {A = \"1\"}\nlabels = {\"a.b\" = '2'}\n",
		"[env]\nA = \"1\"\n[labels]\n'a.b' = \"\"\"2\"\"\"\n",
		"\xef\xbb\xbf[env]\r\nA = \"1\"\r\n[labels]\r\n\"a.b\" = \"2\"\r\n",
	} {
		got, wrong := parseFile([]byte(text))
		for name, s := range got {
			got[name] = said{s.value, 1}
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(said{})); diff != "" || wrong != nil {
			t.Errorf("%q: %v (-want +got):\n%s", text, wrong, diff)
		}
	}
}

// FuzzParseFile: whatever is taken as a resource passes Check, and can be told of in one line.
func FuzzParseFile(f *testing.F) {
	f.Add("entrypoint = [\"a\"]\nuser = \"b\"\nports = [\"80\"]\n[env]\nA = \"1\"\n")
	f.Add("remove = [\"env/A\", \"volume//x\"]\n[labels]\n\"a/b\" = \"\"\"x\ny\"\"\"\n")
	f.Add("env = {A = \"1\"}\nlabels.a.b = 1\n[[env]]\n[labels.c]\n")
	f.Fuzz(func(t *testing.T, text string) {
		settings, wrong := parseFile([]byte(text))
		if len(wrong) > 0 {
			return
		}
		for name, s := range settings {
			if err := Check(name, s.value); err != nil {
				t.Errorf("%q: %v", name, err)
			}
			if d := describe(name, s.value); strings.ContainsAny(d+name, "\n\x00") || d == "" || s.line < 1 || s.line > 1+strings.Count(text, "\n") {
				t.Errorf("%q: line %d, described as %q", name, s.line, d)
			}
		}
	})
}
