package scripted

import (
	"strings"
	"testing"
)

// TestParseErrors: what is wrong in a file is said with its name and line.
func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no TOML", "[[program]]\nname = foosql\n", "F, line 2: column 8: "},
		{"unknown key", "[[program]]\nname = 'a'\n[[program.answer]]\nargs = []\nexitt = 1\n", `F, line 5: unknown key "program.answer.exitt"`},
		{"unknown table", "\n[[deamon]]\npath = '/run/x'\n", `F, line 2: unknown key "deamon"`},
		{"wrong type", "[[program]]\nname = 'a'\n[[program.answer]]\nargs = 'x'\n", "F, line 4: column 8: "},
		{"wrong type of an element", "[[program]]\nname = 'a'\n[[program.answer]]\nargs = [\n1]\n", "F, line 5: column 1: "},
		{"twice", "[[program]]\nname = 'a'\nname = 'b'\n", "F, line 3: column 1: "},
		{"not UTF-8", "# a\n# \xff\n", "F, line 2: it is not UTF-8"},
		{"no name", "\n[[program]]\nredact = ['x']\n", "F, line 2: a program needs a name"},
		{"slash", "[[program]]\nname = '../a'\n", `F, line 2: "../a" can be no program's name`},
		{"dots", "[[program]]\nname = '..'\n", `F, line 2: ".." can be no program's name`},
		{"own name", "[[program]]\nname = 'holo-files'\n", `F, line 2: "holo-files" can be no program's name`},
		{"name twice", "[[program]]\nname = 'a'\n[[program]]\n\nname = 'a'\n", `F, line 5: program "a" is there twice`},
		{"no match", "[[program]]\nname = 'a'\n[[program.answer]]\nargs = []\n[[program.answer]]\nstdout = 'x'\n", "F, line 5: an answer needs args, args-match, stdin or stdin-match"},
		{"rest alone", "[[program]]\nname = 'a'\n[[program.answer]]\nstdin = ''\nrest = true\n", "F, line 5: rest says"},
		{"both args", "[[program]]\nname = 'a'\n[[program.answer]]\nargs = []\nargs-match = []\n", "F, line 5: args and args-match exclude"},
		{"both stdin", "[[program]]\nname = 'a'\n[[program.answer]]\nstdin = ''\nstdin-match = ''\n", "F, line 5: stdin and stdin-match exclude"},
		{"exit", "[[program]]\nname = 'a'\n[[program.answer]]\nargs = []\nexit = 256\n", "F, line 5: exit 256: an exit status is from 0 to 255"},
		{"outcome", "[[program]]\nname = 'a'\n[[program.answer]]\nargs = []\noutcome = 'declared'\n", `F, line 5: "declared" is not realised, deferred or refused`},
		{"deferred failure", "[[program]]\nname = 'a'\n[[program.answer]]\nargs = []\noutcome = 'deferred'\nexit = 1\n", "F, line 5: who asks for what is deferred gets a success"},
		{"refused success", "[[program]]\nname = 'a'\n[[program.answer]]\nargs = []\noutcome = 'refused'\n", "F, line 5: what is refused is a failure"},
		{"times", "[[program]]\nname = 'a'\n[[program.answer]]\nargs = []\ntimes = 0\n", "F, line 5: times = 0"},
		{"redact", "[[program]]\nname = 'a'\nredact = ['--x=']\n", `F, line 3: "--x=" is no word`},
		{"pattern", "[[program]]\nname = 'a'\n[[program.answer]]\nargs-match = ['a)(b']\n", `F, line 4: "a)(b": error parsing regexp: unexpected )`},
		{"back reference", "[[program]]\nname = 'a'\n[[program.answer]]\nargs-match = ['(a)\\1']\n", `F, line 4: "(a)\\1": error parsing regexp: invalid escape`},
		{"large pattern", "[[program]]\nname = 'a'\n[[program.answer]]\nargs-match = ['(a{10}){100}']\n", `F, line 4: "(a{10}){100}": the pattern is too large`},
		{"huge pattern", "[[program]]\nname = 'a'\n[[program.answer]]\nargs-match = ['((a{10}){10}){1000}']\n", `F, line 4: "((a{10}){10}){1000}": `},
		{"long pattern", "[[program]]\nname = 'a'\n[[program.answer]]\nargs-match = ['" + strings.Repeat("a", maxPattern+1) + "']\n", `F, line 4: a pattern of more than 4096 bytes`},
		{"many patterns", "[[program]]\nname = 'a'\n" + strings.Repeat("[[program.answer]]\nargs-match = ['.{900}']\n", 30), `F, line 48: the patterns of the file are too large together`},
		{"many answers", "[[program]]\nname = 'a'\n" + strings.Repeat("[[program.answer]]\nargs = []\n", maxAnswers+1), `F, line 1: program "a" has more than 1000 answers`},
		{"many programs", strings.Repeat("[[program]]\nname = 'a'\n", maxPrograms+1), `F: more than 1000 programs, or 100 sockets`},
		{"many sockets", strings.Repeat("[[socket]]\n", maxSockets+1), `F: more than 1000 programs, or 100 sockets`},
		{"large", strings.Repeat("#", MaxFile+1), "F: more than 1048576 bytes"},
		{"deep", "[[program]]\nname = " + strings.Repeat("[", 500000), "F, line 2"},
		{"deep braces", "[[program]]\nname = " + strings.Repeat("{a=", 300000), "F, line 2"},
		{"deep key", strings.Repeat("a.", 500000) + "a = 1\n", `F, line 1: unknown key "a`},
		{"in braces", "program = [{name = 'a/b'}]\n", `F, line 1: "a/b" can be no program's name`},

		{"no path", "[[socket]]\n", "F, line 1: a socket needs a path"},
		{"relative path", "[[socket]]\npath = 'run/x'\n", `F, line 2: "run/x" is no absolute, clean path`},
		{"dotted path", "[[socket]]\npath = '/run/../etc/x'\n", `F, line 2: "/run/../etc/x" is no absolute, clean path`},
		{"path over the system", "[[socket]]\npath = '/usr/bin/sh'\n", `F, line 2: "/usr/bin/sh" is not below /run, /var or /tmp`},
		{"own path", "[[socket]]\npath = '/run/holo-build/root'\n", `F, line 2: "/run/holo-build/root" lies among`},
		{"long path", "[[socket]]\npath = '/run/" + strings.Repeat("x", 103) + "'\n", `has more than 107 bytes`},
		{"path twice", "[[socket]]\npath = '/run/x'\n[[socket]]\npath = '/run/x'\n", `F, line 4: socket "/run/x" is there twice`},
		{"type", "[[socket]]\npath = '/run/x'\ntype = 'raw'\n", `F, line 3: "raw" is not stream, datagram or seqpacket`},
		{"frame", "[[socket]]\npath = '/run/x'\nframe = 'x'\n", `F, line 3: "x" is not line, length or end`},
		{"frame of packets", "[[socket]]\npath = '/run/x'\ntype = 'seqpacket'\nframe = 'line'\n", `F, line 4: frame is for streams`},
		{"variable", "[[socket]]\npath = '/run/x'\nvariable = 'A=B'\n", `F, line 3: "A=B" can be no variable's name`},
		{"loader's variable", "[[socket]]\npath = '/run/x'\nvariable = 'LD_PRELOAD'\n", `F, line 3: LD_PRELOAD tells nobody of a socket`},
		{"prefix", "[[socket]]\npath = '/run/x'\nprefix = 'unix:'\n", `F, line 3: prefix is for a variable`},
		{"no message", "[[socket]]\npath = '/run/x'\n[[socket.answer]]\nreply = 'x'\n", `F, line 3: an answer needs one of message`},
		{"two messages", "[[socket]]\npath = '/run/x'\n[[socket.answer]]\nmessage = 'x'\nmessage-match = 'x'\n", `F, line 3: an answer needs one of message`},
		{"base64", "[[socket]]\npath = '/run/x'\n[[socket.answer]]\nmessage = 'x'\nreply-base64 = '!'\n", `F, line 5: reply-base64: illegal base64`},
		{"two replies", "[[socket]]\npath = '/run/x'\n[[socket.answer]]\nmessage = 'x'\nreply = 'y'\nreply-base64 = 'eA=='\n", `F, line 6: reply and reply-base64 exclude`},
		{"answered datagram", "[[socket]]\npath = '/run/x'\ntype = 'datagram'\n[[socket.answer]]\nmessage = 'x'\nreply = 'y'\n", `F, line 6: datagrams are not answered`},
		{"greeting of datagrams", "[[socket]]\npath = '/run/x'\ntype = 'datagram'\ngreeting = 'y'\n", `F, line 4: datagrams have no greeting`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("F", "F", []byte(c.text))
			if err == nil {
				t.Fatal("it was read")
			}
			if first, _, _ := strings.Cut(err.Error(), "\n"); !strings.Contains(first, c.want) {
				t.Errorf("%.300s\nwant %s", first, c.want)
			}
		})
	}
}

// TestParseAllErrors: all that is wrong is told at once, up to a bound.
func TestParseAllErrors(t *testing.T) {
	_, err := Parse("F", "F", []byte("[[program]]\nname = 'a/b'\n[[program.answer]]\nexit = 300\n"))
	want := "F, line 2: \"a/b\" can be no program's name: that is one of a file, without a path, and none of holo-build's own\n" +
		"F, line 3: an answer needs args, args-match, stdin or stdin-match: for whatever is asked, say args = [] and rest = true\n" +
		"F, line 4: exit 300: an exit status is from 0 to 255"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	_, err = Parse("F", "F", []byte(strings.Repeat("[[program]]\nname = 'a/b'\nfoo = 1\n", 500)))
	if err == nil || strings.Count(err.Error(), "\n") != maxErrors-1 {
		t.Errorf("%v", err)
	}
}

// TestParseNames: a name of a file that would be more than one line, or do something to a terminal, is in quotes.
func TestParseNames(t *testing.T) {
	f, err := Parse("a\nb", "c\x1b[2J", nil)
	if err != nil || f.Name != `"a\nb"` || f.Shown != `"c\x1b[2J"` {
		t.Errorf("%+v, %v", f, err)
	}
}

// TestParseBOM: what some editors put before the text is not of it.
func TestParseBOM(t *testing.T) {
	if f := parsed(t, "\xef\xbb\xbf[[program]]\nname = 'a'\n"); len(f.programs) != 1 || f.programs[0].at != ", line 2" {
		t.Errorf("%+v", f)
	}
}

// FuzzParse: whatever stands in a file, it is read or an error that names it; and then its programs and sockets can be used.
func FuzzParse(f *testing.F) {
	f.Add([]byte(fooSQL), "create")
	f.Add([]byte(fooDaemon), "PING")
	f.Add([]byte("program = [{name = 'a', answer = [{args = [], rest = true}]}]\n"), "")
	f.Add([]byte("[program.x]\n[[program.answer]]\n"), "")
	f.Add([]byte("[[program]]\nname='a'\n[[program.answer]]\nargs-match=['(a|a)*b']\n"), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	f.Fuzz(func(t *testing.T, text []byte, word string) {
		file, err := Parse("F", "F", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "F") {
				t.Errorf("%v", err)
			}
			return
		}
		for _, p := range file.programs {
			a, asks, err := p.first(t.Context(), []string{word}, nil)
			if err != nil || a != nil && asks {
				t.Errorf("%+v, %v, %v", a, asks, err)
			}
			if argv := p.redact.argv([]string{p.name, word, word}); len(argv) != 3 {
				t.Errorf("%q", argv)
			}
		}
		for _, s := range file.sockets {
			_ = s.first(t.Context(), []byte(word))
			_ = s.redact.message(word)
		}
	})
}
