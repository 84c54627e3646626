package scripted

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"
)

// How messages are told from each other in a stream: by the ends of lines, by their length in four bytes before them, big
// endian, or by the end of what the client writes. In other sockets, each is a packet.
const (
	frameLine   = "line"
	frameLength = "length"
	frameEnd    = "end"
)

var errLong = errors.New("too long a message")

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// framer reads messages from a connection, and writes replies. A reply has its length before it where messages do.
type framer struct {
	frame string // empty for packets
	conn  net.Conn
	r     *bufio.Reader
	done  bool
}

func newFramer(s *socket, conn net.Conn) *framer {
	f := &framer{frame: s.frame, conn: conn, r: bufio.NewReaderSize(conn, maxMessage+2)}
	if s.network == networks[typeSeqpacket] {
		f.frame = ""
	}
	return f
}

func (f *framer) read() ([]byte, error) {
	switch f.frame {
	case frameLine:
		return f.line()
	case frameLength:
		return f.counted()
	case frameEnd:
		return f.whole()
	}
	b := make([]byte, maxMessage+1)
	n, err := f.conn.Read(b)
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, io.EOF
	case n > maxMessage:
		return nil, errLong
	}
	return b[:n], nil
}

// line reads a line, without its end. One that does not end is a message, too.
func (f *framer) line() ([]byte, error) {
	b, err := f.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, errLong
	case errors.Is(err, io.EOF) && len(b) > 0:
	case err != nil:
		return nil, err
	}
	b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	if len(b) > maxMessage {
		return nil, errLong
	}
	return b, nil
}

func (f *framer) counted() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxMessage {
		return nil, errLong
	}
	b := make([]byte, n)
	_, err := io.ReadFull(f.r, b)
	return b, err
}

func (f *framer) whole() ([]byte, error) {
	if f.done {
		return nil, io.EOF
	}
	f.done = true
	b, err := io.ReadAll(io.LimitReader(f.r, maxMessage+1))
	if err == nil && len(b) > maxMessage {
		err = errLong
	}
	return b, err
}

func (f *framer) write(b []byte) error {
	if f.frame == frameLength {
		b = append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
	}
	_, err := f.conn.Write(b)
	return err
}
