package syslog

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"github.com/holo-build/holo-build/plugins/mock"
)

// parse reads a message as RFC 3164 and RFC 5424 have it, and as programs send it: to a local socket, most leave out the host.
// Of what is neither, all is text.
//
//	<PRI>Mmm dd hh:mm:ss [HOST] TAG[PID]: TEXT
//	<PRI>1 TIME HOST TAG PID MSGID [DATA] TEXT
//
// Time, host, process and structured data are left out: they are another in each build, or tell of them.
func parse(b []byte, hosts []string) mock.Message {
	b = bytes.TrimRight(b, "\n\x00")
	p, rest := priority(b)
	if tag, text, ok := parse5424(rest); ok {
		return mock.NewMessage(source, p, tag, text)
	}
	rest = withoutTime(rest)
	if host, after, ok := bytes.Cut(rest, []byte(" ")); ok && slices.Contains(hosts, string(host)) {
		if tag, text, ok := cutTag(after); ok {
			return mock.NewMessage(source, p, tag, text)
		}
	}
	tag, text, _ := cutTag(rest)
	return mock.NewMessage(source, p, tag, text)
}

// priority cuts off <PRI>, which is 8 times the facility and the priority. Without, a message is a notice of a user, RFC 3164.
func priority(b []byte) (mock.Priority, []byte) {
	number, rest, ok := bytes.Cut(b, []byte(">"))
	if !ok || len(number) < 2 || len(number) > 4 || number[0] != '<' {
		return mock.Notice, b
	}
	n, err := strconv.ParseUint(string(number[1:]), 10, 16)
	if err != nil || n > 191 {
		return mock.Notice, b
	}
	return mock.Priority(n % 8), rest
}

// withoutTime cuts off the time, as RFC 3164 or RFC 3339 write it.
func withoutTime(b []byte) []byte {
	if n := len(time.Stamp); len(b) > n && b[n] == ' ' {
		if _, err := time.Parse(time.Stamp, string(b[:n])); err == nil {
			return b[n+1:]
		}
	}
	if at, rest, ok := bytes.Cut(b, []byte(" ")); ok && isTime(at) {
		return rest
	}
	return b
}

func isTime(b []byte) bool {
	_, err := time.Parse(time.RFC3339, string(b[:min(len(b), 40)]))
	return err == nil
}

// cutTag cuts off the tag, which ends with a colon, and may have a number of a process. Without one, all is text.
func cutTag(b []byte) (tag, text []byte, ok bool) {
	end := bytes.IndexAny(b, " \n\t")
	if end < 0 {
		end = len(b)
	}
	tag, ok = bytes.CutSuffix(b[:end], []byte(":"))
	if !ok {
		return nil, b, false
	}
	if at := bytes.LastIndexByte(tag, '['); at > 0 && tag[len(tag)-1] == ']' {
		tag = tag[:at]
	}
	if len(tag) == 0 {
		return nil, b, false
	}
	text = b[end:]
	if len(text) > 0 && text[0] == ' ' {
		text = text[1:]
	}
	return tag, text, true
}

// nilValue is what stands for a value that there is none of, RFC 5424.
const nilValue = "-"

func parse5424(b []byte) (tag, text []byte, ok bool) {
	rest, ok := bytes.CutPrefix(b, []byte("1 "))
	if !ok {
		return nil, nil, false
	}
	var fields [5][]byte // time, host, tag, process, ID of message
	for i := range fields {
		if fields[i], rest, ok = bytes.Cut(rest, []byte(" ")); !ok || len(fields[i]) == 0 {
			return nil, nil, false
		}
	}
	if string(fields[0]) != nilValue && !isTime(fields[0]) {
		return nil, nil, false
	}
	if rest, ok = withoutData(rest); !ok {
		return nil, nil, false
	}
	if len(rest) > 0 && rest[0] != ' ' {
		return nil, nil, false
	}
	text = bytes.TrimPrefix(bytes.TrimPrefix(rest, []byte(" ")), []byte("\xef\xbb\xbf"))
	if tag = fields[2]; string(tag) == nilValue {
		tag = nil
	}
	return tag, text, true
}

// withoutData cuts off structured data: elements in brackets, with values in quotes, in which a backslash takes its meaning
// from a quote, a backslash and a bracket.
func withoutData(b []byte) (rest []byte, ok bool) {
	if rest, ok := bytes.CutPrefix(b, []byte(nilValue)); ok {
		return rest, true
	}
	for len(b) > 0 && b[0] == '[' {
		quoted, end := false, 0
		for i := 1; i < len(b) && end == 0; i++ {
			switch {
			case quoted && b[i] == '\\':
				i++
			case b[i] == '"':
				quoted = !quoted
			case b[i] == ']' && !quoted:
				end = i + 1
			}
		}
		if end == 0 {
			return nil, false
		}
		b, ok = b[end:], true
	}
	return b, ok
}
