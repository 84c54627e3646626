package journal

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/holo-build/holo-build/plugins/mock"
)

// maxLine is how much of a stream without the end of a line is a line, as LineMax= has it in journald.conf(5).
const maxLine = 48 << 10

// readStream reads what systemd-cat(1) writes: seven lines that describe the stream, and then one message in each line.
//
//	identifier, unit, priority, whether lines have a priority in front, and three more switches
func readStream(r io.Reader, record func(mock.Message)) {
	in := bufio.NewReaderSize(r, maxLine)
	var header [7][]byte
	for i := range header {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		header[i] = bytes.Clone(line[:len(line)-1])
	}
	p, _, ok := digit(header[2])
	prefixed := string(header[3]) == "1"
	if !ok || !prefixed && string(header[3]) != "0" {
		return
	}
	for {
		line, err := in.ReadSlice('\n')
		if text := bytes.TrimSpace(line); len(text) > 0 { // as journald does
			p := p
			if prefixed && text[0] == '<' {
				if one, rest, ok := digit(text[1:]); ok && len(rest) > 0 && rest[0] == '>' {
					p, text = one, rest[1:]
				}
			}
			record(mock.NewMessage(source, p, header[0], text))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// digit reads a priority.
func digit(b []byte) (mock.Priority, []byte, bool) {
	if len(b) == 0 || b[0] < '0' || b[0] > '7' {
		return 0, b, false
	}
	return mock.Priority(b[0] - '0'), b[1:], true
}
