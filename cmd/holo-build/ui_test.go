package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/plugins/holo"
)

func TestPrintable(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"a tab\tand a line\n", `a tab\x09and a line\x0a`},
		{"Gr\u00fc\u00dfe \u4e16\u754c", "Gr\u00fc\u00dfe \u4e16\u754c"},
		{"\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"over\rwritten\b\x07\x7f\x00", `over\x0dwritten\x08\x07\x7f\x00`},
		{"\u009b31m", `\xc2\x9b31m`},               // CSI as one character
		{"a\u202egnp.exe", `a\xe2\x80\xaegnp.exe`}, // right-to-left override
		{"zero\u200bwidth\u2028line", `zero\xe2\x80\x8bwidth\xe2\x80\xa8line`},
		{"not \xff UTF-8 \xc3", `not \xff UTF-8 \xc3`},
		{"the replacement character \ufffd", `the replacement character \xef\xbf\xbd`},
	} {
		if got := printable(c.in); got != c.want {
			t.Errorf("printable(%q) = %q, want %q", c.in, got, c.want)
		}
	}
	if got := printableLines("a\tb\n\x1bc\n"); got != "a\tb\n\\x1bc\n" {
		t.Errorf("printableLines: %q", got)
	}
}

func TestShorten(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{
		{"short", 5, "short"},
		{"file:/etc/systemd/system/foo.service", 20, "file:.../foo.service"},
		{"abcdef", 5, "...ef"},
		{"\u4e16\u754c\u4e16\u754c", 7, "\u4e16...\u754c"},
		{"long", 2, "..."},
		{"long", -3, "..."},
	} {
		if got := shorten(c.in, c.width); got != c.want {
			t.Errorf("shorten(%q, %d) = %q, want %q", c.in, c.width, got, c.want)
		}
	}
}

func TestSizeText(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 999: "999 bytes", 1000: "1.0 kB", 99_949: "99.9 kB", 100_000: "0.1 MB", 9_940_000: "9.9 MB",
		10_000_000: "10 MB", 9_999_000_000: "9999 MB", 10_000_000_000: "10 GB",
	} {
		if got := sizeText(n); got != want {
			t.Errorf("sizeText(%d) = %q, want %q", n, got, want)
		}
	}
}

// TestUIModes checks what standard error gets, by the flag, the terminal and the environment.
func TestUIModes(t *testing.T) {
	terminal := openTerminal(t, 100)
	for _, c := range []struct {
		name, flag string
		stderr     io.Writer
		environ    []string
		mode       string
		color      bool
	}{
		{"pipe", "auto", io.Discard, nil, "plain", false},
		{"terminal", "auto", terminal, []string{"TERM=xterm"}, "tty", true},
		{"terminal, no colour", "auto", terminal, []string{"TERM=xterm", "NO_COLOR=1"}, "tty", false},
		{"terminal, NO_COLOR empty", "auto", terminal, []string{"NO_COLOR="}, "tty", true},
		{"dumb terminal", "auto", terminal, []string{"TERM=dumb"}, "plain", false},
		{"plain on a terminal", "plain", terminal, nil, "plain", true},
		{"json on a terminal", "json", terminal, nil, "json", false},
		{"none on a terminal", "none", terminal, nil, "none", true},
		{"tty on a pipe", "tty", io.Discard, nil, "tty", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := newUI(process{stderr: c.stderr, environ: c.environ}, c.flag, false)
			if err != nil {
				t.Fatal(err)
			}
			if u.mode != c.mode || u.color != c.color {
				t.Errorf("mode %s, colour %v, want %s, %v", u.mode, u.color, c.mode, c.color)
			}
		})
	}
	if _, err := newUI(process{stderr: io.Discard}, "loud", false); exitStatus(err) != exitUsage {
		t.Errorf("an unknown mode: %v", err)
	}
}

// TestUIPlain lets a clock run: plain lines tell how far a long phase is, but not too often.
func TestUIPlain(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	u := &ui{w: &out, mode: "plain", now: func() time.Time { return now }}
	u.begin("Reading x\x1b")
	for range 25 {
		now = now.Add(time.Second)
		u.bytes(now.Unix()*1_000_000, 50_000_000)
	}
	u.bytes(26_000_000, 0)
	now = now.Add(time.Minute)
	u.bytes(26_000_000, 0)
	u.end()
	want := "Reading x\\x1b\nReading x\\x1b: 10 MB of 50 MB\nReading x\\x1b: 20 MB of 50 MB\nReading x\\x1b: 26 MB\n"
	if got := out.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestReportJoins checks that what a plugin writes to its two outputs stays apart, and that colours come from us alone.
func TestReportJoins(t *testing.T) {
	u := &ui{color: true}
	e := &holo.Scanned{Entity: holo.Entity{ID: "x:\x1b1"}, Plugin: "x"}
	got := u.entity(e, holo.Result{Outcome: holo.Applied, Stdout: []byte("no newline"), Stderr: []byte("!! in \x1b[0m$HOLO_STATE_DIR/a")})
	want := "\nWorking on \x1b[1mx:\\x1b1\x1b[0m\n\nno newline\n\x1b[1;31m!! in \\x1b[0m/var/lib/holo/x/a\x1b[0m\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := u.entity(e, holo.Result{Outcome: holo.NotChanged}); got != "" {
		t.Errorf("an entity with nothing to tell gives %q", got)
	}
}

// TestTerminal runs a build on a terminal of 60 columns: the progress bar never takes a second line, and is gone when
// the report is printed.
func TestTerminal(t *testing.T) {
	s := newStandstill(t)
	s.file("resources/files/10-a/etc/a/rather/long/path/that/does/not/fit/into/one/line/of/the/terminal.conf", "x\n", 0o644)
	s.file("resources/files/10-a/etc/motd", "hello\n", 0o644)
	master, slave := newPty(t, 60)
	out := filepath.Join(s.dir, "out")
	cmd := exec.Command("holo-build", "build", "oci:"+s.image, "-r", filepath.Join(s.dir, "resources"), "-o", "tar:"+out+"/tree.tar")
	cmd.Env = append(os.Environ(), "TMPDIR="+filepath.Join(s.dir, "tmp"), "TERM=xterm", "NO_COLOR=")
	cmd.Stderr = slave
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	shown, _ := io.ReadAll(master) // ends with EIO, when nobody has the terminal open any more
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, shown)
	}
	screen := render(t, string(shown), 60)
	for _, line := range screen {
		if strings.Contains(line, "|") || strings.Contains(line, "%") {
			t.Errorf("a progress bar is left: %q", line)
		}
	}
	if !bytes.Contains(shown, []byte("%")) || !bytes.Contains(shown, []byte("\x1b[1m")) {
		t.Errorf("neither bar nor colour was shown: %q", shown)
	}
	if text := strings.Join(screen, "\n"); !strings.Contains(text, "\n\nWorking on file:/etc/motd\n") ||
		!strings.Contains(text, "2 entities applied, 0 unchanged, 0 failed\n") {
		t.Errorf("the report is not whole:\n%s", text)
	}
}

// render is a terminal that knows carriage return, line feed and the erasing of a line, and fails the test where a line
// that is drawn to be erased is wider than the terminal.
func render(t *testing.T, shown string, width int) []string {
	t.Helper()
	lines, column := []string{""}, 0
	for i := 0; i < len(shown); i++ {
		last := &lines[len(lines)-1]
		switch c := shown[i]; {
		case c == '\r':
			column = 0
		case c == '\n':
			lines, column = append(lines, ""), 0
		case c == 0x1b:
			end := i + 1 + strings.IndexAny(shown[i+1:], "ABCDEFGHJKmlh")
			if shown[end] == 'K' {
				if len([]rune(*last)) > width {
					t.Errorf("a line of more than %d columns is erased: %q", width, *last)
				}
				*last, column = "", 0
			}
			i = end
		case c&0xc0 == 0x80: // the rest of a character in UTF-8
		default:
			runes := []rune(*last)
			for len(runes) <= column {
				runes = append(runes, ' ')
			}
			runes[column] = rune(c)
			*last = string(runes)
			column++
		}
	}
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

func openTerminal(t *testing.T, columns uint16) *os.File {
	t.Helper()
	_, slave := newPty(t, columns)
	return slave
}

// newPty makes a pseudo-terminal, pty(7).
func newPty(t *testing.T, columns uint16) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 25, Col: columns}); err != nil {
		t.Fatal(err)
	}
	return master, slave
}
