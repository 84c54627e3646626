package journal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/plugins/mock"
)

// Bounds of what is read of an entry, and kept of a field of it; a core dump may be larger, and there is no use for it.
const (
	maxEntry = 8 << 20
	maxField = 64 << 10
)

// entry reads a journal entry: the payload of a datagram, or the memory that came with an empty one, systemd's
// JOURNAL_NATIVE_PROTOCOL.
func entry(b []byte, fds []int) (m mock.Message, ok bool) {
	if len(b) > 0 {
		return parse(bytes.NewReader(b))
	}
	if len(fds) != 1 {
		return mock.Message{}, false
	}
	// Reading anything else, such as a pipe or a file of a file system that somebody serves, could take forever. Only
	// memory has seals. It need not be sealed: it is read once, and whoever changes it meanwhile changes what they say.
	if _, err := unix.FcntlInt(uintptr(fds[0]), unix.F_GET_SEALS, 0); err != nil {
		return mock.Message{}, false
	}
	return parse(io.NewSectionReader(preader(fds[0]), 0, maxEntry))
}

// preader reads a descriptor that belongs to somebody else.
type preader int

func (p preader) ReadAt(b []byte, at int64) (int, error) {
	n, err := unix.Pread(int(p), b, at)
	if err == nil && n == 0 && len(b) > 0 {
		err = io.EOF
	}
	return max(n, 0), err
}

// parse reads fields, of which it takes the first of each name that matters. A message is what has a text.
//
//	NAME=value \n
//	NAME \n  size, 64 bits, little endian  value \n
func parse(r io.Reader) (mock.Message, bool) {
	fields := map[string][]byte{"MESSAGE": nil, "PRIORITY": nil, "SYSLOG_IDENTIFIER": nil}
	in := bufio.NewReaderSize(r, 4096)
	for {
		name, value, err := field(in)
		if errors.Is(err, errField) {
			break // who can tell where the next one begins
		}
		if old, ok := fields[string(name)]; ok && old == nil {
			fields[string(name)] = value
		}
		if err != nil {
			break
		}
	}
	if fields["MESSAGE"] == nil {
		return mock.Message{}, false
	}
	p := mock.Info
	if v := fields["PRIORITY"]; len(v) == 1 && v[0] >= '0' && v[0] <= '7' {
		p = mock.Priority(v[0] - '0')
	}
	return mock.NewMessage(source, p, fields["SYSLOG_IDENTIFIER"], fields["MESSAGE"]), true
}

var errField = errors.New("not a field of a journal entry")

// field reads a field. There may be one with an error, too: the last.
func field(in *bufio.Reader) (name, value []byte, err error) {
	line, err := readLine(in, maxField)
	if len(line) == 0 {
		return nil, nil, err
	}
	if name, value, ok := bytes.Cut(line, []byte("=")); ok {
		return name, value, err
	}
	if err != nil {
		return nil, nil, errField
	}
	var size uint64
	if err := binary.Read(in, binary.LittleEndian, &size); err != nil || size > math.MaxInt64 {
		return nil, nil, errField
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, in, min(int64(size), maxField)); err != nil {
		return nil, nil, errField
	}
	if _, err := io.CopyN(io.Discard, in, int64(size)-int64(b.Len())); err != nil {
		return nil, nil, errField
	}
	if end, err := in.ReadByte(); err != nil || end != '\n' {
		return nil, nil, errField
	}
	return line, append([]byte{}, b.Bytes()...), nil
}

// readLine reads a line, and keeps no more of it than the bound.
func readLine(in *bufio.Reader, bound int) (line []byte, err error) {
	line = []byte{}
	for {
		part, err := in.ReadSlice('\n')
		part, end := bytes.CutSuffix(part, []byte("\n"))
		line = append(line, part[:min(len(part), bound-len(line))]...)
		if end {
			return line, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}
