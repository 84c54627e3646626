package syslog

import (
	"bytes"
	"log/syslog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/mock"
)

// said listens while do sends something to a socket.
func said(t *testing.T, do func(path string)) (list []mock.Message) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	s, err := Listen(t.Context(), path, Options{Record: func(m mock.Message) { list = append(list, m.Clean()) }, Hosts: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	do(path)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return list
}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		in, tag, text string
		p             mock.Priority
	}{
		"local":                 {"<13>Nov 28 13:58:14 app: hello", "app", "hello", 5},
		"process":               {"<11>Nov  8 13:58:14 app[123]: hello: you", "app", "hello: you", 3},
		"host":                  {"<11>Nov  8 13:58:14 localhost app[123]: hello", "app", "hello", 3},
		"text of a host's name": {"<11>Nov  8 13:58:14 localhost: hello", "localhost", "hello", 3},
		"text like a host":      {"<14>Nov  8 13:58:14 localhost is up", "", "localhost is up", 6},
		"not its host":          {"<14>Nov  8 13:58:14 elsewhere app: up", "", "elsewhere app: up", 6},
		"precise time":          {"<14>2026-11-28T13:58:14.123456+00:00 app: x", "app", "x", 6},
		"no time":               {"<14>app: x", "app", "x", 6},
		"no tag":                {"<14>Nov 28 13:58:14 hello you", "", "hello you", 6},
		"nothing":               {"<14>", "", "", 6},
		"colon":                 {"<14>: x", "", ": x", 6},
		"only a tag":            {"<14>app:", "app", "", 6},
		"only a process":        {"<14>[1]: x", "[1]", "x", 6},
		"several lines":         {"<14>app: a\nb: c\n", "app", "a\nb: c", 6},
		"no priority":           {"hello", "", "hello", 5},
		"too much of one":       {"<192>hello", "", "<192>hello", 5},
		"most":                  {"<191>hello", "", "hello", 7},
		"no number":             {"<1x>hello", "", "<1x>hello", 5},
		"sign":                  {"<+1>hello", "", "<+1>hello", 5},
		"long number":           {"<0013>hello", "", "<0013>hello", 5},
		"end of line":           {"<14>app: x\n\x00", "app", "x", 6},
		"5424":                  {"<14>1 2026-11-28T13:58:14.123456+00:00 host app 123 ID [a@1 b=\"c\"][d e=\"\\\"]\"] hello - you", "app", "hello - you", 6},
		"5424 of nothing":       {"<14>1 - - - - - -", "", "", 6},
		"5424 with a BOM":       {"<14>1 - - app - - - \xef\xbb\xbfhello", "app", "hello", 6},
		"5424 without data":     {"<14>1 - host app - - hello", "", "1 - host app - - hello", 6},
		"5424 half of data":     {"<14>1 - host app - - [a b=\"]", "", "1 - host app - - [a b=\"]", 6},
		"5424 data and more":    {"<14>1 - host app - - [a]b", "", "1 - host app - - [a]b", 6},
		"5424 without time":     {"<14>1 now host app - - - hello", "", "1 now host app - - - hello", 6},
		"list":                  {"<14>1 apple", "", "1 apple", 6},
	} {
		t.Run(name, func(t *testing.T) {
			want := mock.Message{Source: "syslog", Priority: c.p, Tag: c.tag, Text: c.text}
			if d := cmp.Diff(want, parse([]byte(c.in), []string{"localhost"})); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("<13>Nov 28 13:58:14 localhost app[123]: hello"))
	f.Add([]byte("<14>1 2026-11-28T13:58:14+00:00 host app 123 ID [a@1 b=\"c\"][d e=\"\\\"]\"] hello"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := parse(b, []string{"localhost"})
		if m.Source != "syslog" || m.Priority < 0 || m.Priority > 7 || !strings.Contains(string([]rune(string(b))), "\ufffd") &&
			!bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' || r >= 0x7f }) && len(b) < 8192 && !bytes.HasSuffix(b, []byte(m.Text)) {
			t.Errorf("%+v", m) // the text is what the message ends with
		}
	})
}

// TestLogger drives it with logger(1), in each of its formats, and with Go's own client.
func TestLogger(t *testing.T) {
	if _, err := exec.LookPath("logger"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("logger is missing; make test-deps installs what is needed")
		}
		t.Skip("logger is missing; make test-deps installs what is needed")
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	var list []mock.Message
	path := filepath.Join(t.TempDir(), "log")
	s, err := Listen(t.Context(), path, Options{Record: func(m mock.Message) { list = append(list, m.Clean()) }, Hosts: []string{host}})
	if err != nil {
		t.Fatal(err)
	}
	logger := func(stdin string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "logger", append([]string{"--socket", path}, args...)...)
		cmd.Stdin = strings.NewReader(stdin)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	logger("", "-t", "app", "hello: you")
	logger("", "-t", "app", "--id=1", "-p", "daemon.err", "bad")
	logger("", "-t", "app", "--rfc3164", "local")
	logger("", "-t", "app", "--rfc5424", "--id", "--sd-id", "a@1", "--sd-param", "b=\"c \\] d\"", "structured")
	logger("", "-t", "app", "--rfc5424=notq,notime,nohost", "less of it")
	logger("1\n2\n", "-t", "app", "-p", "user.debug")
	logger("", "-t", "app", "--size", "20000", strings.Repeat("x", 10_000))
	w, err := syslog.Dial("unixgram", path, syslog.LOG_WARNING, "app")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Warning("from Go"); err != nil {
		t.Error(err)
	}
	w.Close()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	var want []mock.Message
	for _, c := range []struct {
		p    mock.Priority
		text string
	}{
		{5, "hello: you"}, {3, "bad"}, {5, "local"}, {5, "structured"}, {5, "less of it"}, {7, "1"}, {7, "2"},
		{5, strings.Repeat("x", 8192) + " ... (cut)"}, {4, "from Go"},
	} {
		want = append(want, mock.Message{Source: "syslog", Priority: c.p, Tag: "app", Text: c.text})
	}
	if d := cmp.Diff(want, list); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestSocket: what is nothing is no message, and there are no more than are kept.
func TestSocket(t *testing.T) {
	list := said(t, func(path string) {
		w, err := syslog.Dial("unixgram", path, syslog.LOG_INFO, "a")
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		for range 1005 {
			if err := w.Info("x"); err != nil {
				t.Fatal(err)
			}
		}
	})
	want := mock.Message{Source: "syslog", Priority: mock.Warning, Text: "5 more messages were not kept"}
	if len(list) != 1001 || list[1000] != want {
		t.Errorf("%d messages: %v", len(list), list[len(list)-1])
	}
	if _, err := Listen(t.Context(), filepath.Join(t.TempDir(), "none", "log"), Options{}); err == nil {
		t.Error("a socket in no directory")
	}
}
