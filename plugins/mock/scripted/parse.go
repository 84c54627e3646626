package scripted

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"

	"github.com/holo-build/holo-build/plugins/mock"
)

// Bounds of a file: its bytes, and how many answers a program or a socket may have; and of all files: programs, each of which is
// made a file for each process, and sockets, at each of which somebody listens.
const (
	MaxFile     = 1 << 20
	maxAnswers  = 1000
	maxPrograms = 1000
	maxSockets  = 100
)

// File is what a file says.
type File struct {
	// Name is how messages call it, and Shown how the ledger does.
	Name, Shown string
	programs    []*program
	sockets     []*socket
}

// document is the file's tables and keys.
type document struct {
	Program []programTable `toml:"program"`
	Socket  []socketTable  `toml:"socket"`
}

type programTable struct {
	Name        string        `toml:"name"`
	Replace     bool          `toml:"replace"`
	Redact      []string      `toml:"redact"`
	RedactMatch []string      `toml:"redact-match"`
	Answer      []answerTable `toml:"answer"`
}

type answerTable struct {
	Args       *[]string `toml:"args"`
	ArgsMatch  *[]string `toml:"args-match"`
	Rest       bool      `toml:"rest"`
	Stdin      *string   `toml:"stdin"`
	StdinMatch *string   `toml:"stdin-match"`
	Stdout     string    `toml:"stdout"`
	Stderr     string    `toml:"stderr"`
	Exit       int64     `toml:"exit"`
	Outcome    string    `toml:"outcome"`
	Times      *int64    `toml:"times"`
}

type socketTable struct {
	Path           string               `toml:"path"`
	Replace        bool                 `toml:"replace"`
	Type           string               `toml:"type"`
	Frame          string               `toml:"frame"`
	Variable       string               `toml:"variable"`
	Prefix         string               `toml:"prefix"`
	Greeting       string               `toml:"greeting"`
	GreetingBase64 string               `toml:"greeting-base64"`
	Redact         []string             `toml:"redact"`
	RedactMatch    []string             `toml:"redact-match"`
	Answer         []messageAnswerTable `toml:"answer"`
}

type messageAnswerTable struct {
	Message       *string `toml:"message"`
	MessageMatch  *string `toml:"message-match"`
	MessageBase64 *string `toml:"message-base64"`
	Reply         string  `toml:"reply"`
	ReplyBase64   string  `toml:"reply-base64"`
	Close         bool    `toml:"close"`
	Outcome       string  `toml:"outcome"`
	Times         *int64  `toml:"times"`
}

// Parse reads a file. Its errors name it by name and line, all of them at once; shown is what the ledger calls it.
func Parse(name, shown string, text []byte) (*File, error) {
	name, shown = oneLine(name), oneLine(shown)
	switch {
	case len(text) > MaxFile:
		return nil, fmt.Errorf("%s: more than %d bytes", name, MaxFile)
	case !utf8.Valid(text):
		return nil, fmt.Errorf("%s, line %d: it is not UTF-8", name, badLine(text))
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	var d document
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&d); err != nil {
		return nil, decodeError(name, err)
	}
	lines, complaint := linesOf(text)
	if complaint != nil {
		return nil, errors.New(complaint.Of(name))
	}
	r := &reader{file: &File{Name: name, Shown: shown}, lines: lines}
	r.document(d)
	return r.file, errors.Join(r.errs...)
}

// oneLine quotes a name that could be taken for something else, as the image's may.
func oneLine(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) || !utf8.ValidString(name) {
		return strconv.Quote(name)
	}
	return name
}

var errMany = fmt.Errorf("more than %d programs, or %d sockets", maxPrograms, maxSockets)

// badLine is the line of the first byte that is not UTF-8.
func badLine(text []byte) int {
	line := 1
	for l := range bytes.Lines(text) {
		if !utf8.Valid(l) {
			break
		}
		line++
	}
	return line
}

// decodeError says what is no TOML, or means nothing, and where.
func decodeError(name string, err error) error {
	if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		var errs []error
		for _, e := range strict.Errors {
			line, _ := e.Position()
			errs = append(errs, fmt.Errorf("%s, line %d: unknown key %.100q", name, line, strings.Join(e.Key(), ".")))
			if len(errs) == maxErrors {
				break
			}
		}
		return errors.Join(errs...)
	}
	if e, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := e.Position()
		text := strings.TrimPrefix(e.Error(), "toml: ")
		if key := e.Key(); len(key) > 0 {
			text = strings.Join(key, ".") + ": " + text
		}
		return fmt.Errorf("%s, line %d: column %d: %s", name, line, column, text)
	}
	return fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "toml: "))
}

// maxErrors is how many are told of a file.
const maxErrors = 20

// reader makes programs and sockets of a document.
type reader struct {
	file  *File
	lines lines
	errs  []error
	// insts are the instructions of all patterns so far.
	insts int
}

// wrong notes what is wrong with a key of a table.
func (r *reader) wrong(table, key, format string, args ...any) {
	if len(r.errs) < maxErrors {
		r.errs = append(r.errs, fmt.Errorf("%s%s: %s", r.file.Name, r.lines.of(table, key), fmt.Sprintf(format, args...)))
	}
}

func (r *reader) document(d document) {
	if len(d.Program) > maxPrograms || len(d.Socket) > maxSockets {
		r.wrong("", "", "%v", errMany)
		return
	}
	for i, t := range d.Program {
		r.program(fmt.Sprintf("program[%d]", i), t)
	}
	for i, t := range d.Socket {
		r.socket(fmt.Sprintf("socket[%d]", i), t)
	}
}

func (r *reader) program(at string, t programTable) {
	p := &program{file: r.file, name: t.Name, replace: t.Replace, at: r.lines.of(at, "name")}
	switch {
	case t.Name == "":
		r.wrong(at, "", "a program needs a name")
	case !mock.IsToolName(t.Name):
		r.wrong(at, "name", "%q can be no program's name: that is one of a file, without a path, and none of holo-build's own", t.Name)
	case slices.ContainsFunc(r.file.programs, func(o *program) bool { return o.name == t.Name }):
		r.wrong(at, "name", "program %q is there twice", t.Name)
	}
	p.redact = r.redaction(at, t.Redact, t.RedactMatch)
	if len(t.Answer) > maxAnswers {
		r.wrong(at, "", "program %q has more than %d answers", t.Name, maxAnswers)
		return
	}
	for i, a := range t.Answer {
		p.answers = append(p.answers, r.answer(fmt.Sprintf("%s.answer[%d]", at, i), a))
	}
	r.file.programs = append(r.file.programs, p)
}

func (r *reader) answer(at string, t answerTable) *answer {
	a := &answer{rest: t.Rest, stdin: t.Stdin, stdout: t.Stdout, stderr: t.Stderr, exit: int(t.Exit), left: r.times(at, t.Times)}
	switch {
	case t.Args != nil && t.ArgsMatch != nil:
		r.wrong(at, "args-match", "args and args-match exclude each other")
	case t.Args == nil && t.ArgsMatch == nil && t.Rest:
		r.wrong(at, "rest", `rest says that arguments may follow those of args: for all that there are, say args = [], too`)
	case t.Args == nil && t.ArgsMatch == nil && t.Stdin == nil && t.StdinMatch == nil:
		r.wrong(at, "", "an answer needs args, args-match, stdin or stdin-match: for whatever is asked, say args = [] and rest = true")
	}
	if t.Stdin != nil && t.StdinMatch != nil {
		r.wrong(at, "stdin-match", "stdin and stdin-match exclude each other")
	}
	if t.Exit < 0 || t.Exit > 255 {
		r.wrong(at, "exit", "exit %d: an exit status is from 0 to 255", t.Exit)
	}
	if t.Args != nil {
		a.anyArgs, a.args = true, *t.Args
	}
	if t.ArgsMatch != nil {
		a.anyArgs = true
		for _, expr := range *t.ArgsMatch {
			a.patterns = append(a.patterns, r.pattern(at, "args-match", expr, true))
		}
	}
	if t.StdinMatch != nil {
		a.stdinPattern = r.pattern(at, "stdin-match", *t.StdinMatch, true)
	}
	normal := mock.Realised
	if t.Exit != 0 {
		normal = mock.Refused
	}
	a.outcome = r.outcome(at, t.Outcome, normal)
	switch {
	case a.outcome == mock.Deferred && t.Exit != 0:
		r.wrong(at, "outcome", "who asks for what is deferred gets a success: exit must be 0")
	case a.outcome == mock.Refused && t.Exit == 0:
		r.wrong(at, "outcome", "what is refused is a failure: exit must not be 0")
	}
	return a
}

// outcome reads an outcome; normal is what none means.
func (r *reader) outcome(at, text string, normal mock.Outcome) mock.Outcome {
	o := mock.Outcome(text)
	if text != "" && o != mock.Realised && o != mock.Deferred && o != mock.Refused {
		r.wrong(at, "outcome", "%q is not realised, deferred or refused", text)
	}
	return cmp.Or(o, normal)
}

// times reads how often an answer is given; -1 is always.
func (r *reader) times(at string, n *int64) int64 {
	if n == nil {
		return -1
	}
	if *n < 1 {
		r.wrong(at, "times", "times = %d: an answer is given at least once", *n)
	}
	return *n
}

// bytes is what two keys say, one of them in base64.
func (r *reader) bytes(at, key, text, encoded string) []byte {
	if encoded == "" {
		return []byte(text)
	}
	if text != "" {
		r.wrong(at, key+"-base64", "%s and %s-base64 exclude each other", key, key)
	}
	b, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		r.wrong(at, key+"-base64", "%s-base64: %v", key, err)
	}
	return b
}

func (r *reader) socket(at string, t socketTable) {
	s := &socket{file: r.file, path: t.Path, replace: t.Replace, variable: t.Variable, prefix: t.Prefix, at: r.lines.of(at, "path"),
		network: networks[cmp.Or(t.Type, typeStream)], frame: cmp.Or(t.Frame, frameLine)}
	if complaint := checkPath(t.Path); complaint != "" {
		r.wrong(at, "path", "%s", complaint)
	} else if slices.ContainsFunc(r.file.sockets, func(o *socket) bool { return o.path == t.Path }) {
		r.wrong(at, "path", "socket %q is there twice", t.Path)
	}
	switch {
	case s.network == "":
		r.wrong(at, "type", "%q is not stream, datagram or seqpacket", t.Type)
	case s.network != networks[typeStream] && t.Frame != "":
		r.wrong(at, "frame", "frame is for streams: in others, a message is a packet")
	case !slices.Contains([]string{frameLine, frameLength, frameEnd}, s.frame):
		r.wrong(at, "frame", "%q is not line, length or end", t.Frame)
	}
	switch {
	case t.Variable == "" && t.Prefix != "":
		r.wrong(at, "prefix", "prefix is for a variable, and there is none")
	case t.Variable != "" && (!variableName.MatchString(t.Variable) || len(t.Variable) > 255):
		r.wrong(at, "variable", "%q can be no variable's name", t.Variable)
	case strings.HasPrefix(t.Variable, "LD_") || strings.HasPrefix(t.Variable, "HOLO_"):
		r.wrong(at, "variable", "%s tells nobody of a socket", t.Variable)
	case strings.ContainsRune(t.Prefix, 0):
		r.wrong(at, "prefix", "no variable can have a NUL byte")
	}
	s.greeting = r.bytes(at, "greeting", t.Greeting, t.GreetingBase64)
	if len(s.greeting) > 0 && s.network == networks[typeDatagram] {
		r.wrong(at, "greeting", "datagrams have no greeting: nobody connects")
	}
	s.redact = r.redaction(at, t.Redact, t.RedactMatch)
	if len(t.Answer) > maxAnswers {
		r.wrong(at, "", "socket %q has more than %d answers", t.Path, maxAnswers)
		return
	}
	for i, a := range t.Answer {
		s.answers = append(s.answers, r.messageAnswer(fmt.Sprintf("%s.answer[%d]", at, i), a, s))
	}
	r.file.sockets = append(r.file.sockets, s)
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// checkPath says what is wrong with a socket's path. It must lie where daemons have theirs: over the system's own files, it
// would hide them.
func checkPath(p string) string {
	switch {
	case p == "":
		return "a socket needs a path"
	case !path.IsAbs(p) || path.Clean(p) != p || strings.ContainsRune(p, 0):
		return fmt.Sprintf("%q is no absolute, clean path", p)
	case len(p) > maxPath:
		return fmt.Sprintf("%q has more than %d bytes, by which no program can reach it", p, maxPath)
	case strings.HasPrefix(p+"/", "/run/holo-build/"):
		return fmt.Sprintf("%q lies among holo-build's own files", p)
	case !strings.HasPrefix(p, "/run/") && !strings.HasPrefix(p, "/var/") && !strings.HasPrefix(p, "/tmp/"):
		return fmt.Sprintf("%q is not below /run, /var or /tmp", p)
	}
	return ""
}

// maxPath is the longest name in an address; unix(7).
const maxPath = 107

func (r *reader) messageAnswer(at string, t messageAnswerTable, s *socket) *messageAnswer {
	a := &messageAnswer{reply: r.bytes(at, "reply", t.Reply, t.ReplyBase64), close: t.Close, left: r.times(at, t.Times),
		outcome: r.outcome(at, t.Outcome, mock.Realised)}
	given := 0
	if t.Message != nil {
		given, a.message = given+1, []byte(*t.Message)
	}
	if t.MessageBase64 != nil {
		given, a.message = given+1, r.bytes(at, "message", "", *t.MessageBase64)
	}
	if t.MessageMatch != nil {
		given, a.pattern = given+1, r.pattern(at, "message-match", *t.MessageMatch, true)
	}
	if given != 1 {
		r.wrong(at, "", "an answer needs one of message, message-match and message-base64")
	}
	if s.network == networks[typeDatagram] && (len(a.reply) > 0 || t.Close) {
		r.wrong(at, "reply", "datagrams are not answered: who sends them has no name to answer to")
	}
	return a
}
