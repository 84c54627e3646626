package mock

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/holo-build/holo-build/plugins/mock/internal/socket"
)

// asked is what a stand-in asks the build for, and from where.
type asked struct {
	// dir is its working directory; empty if it has none that can be named.
	dir       string
	argv, env []string
}

// bytes is the request: its length in four bytes, big endian, and as often a NUL behind what is in it, which are the working
// directory, the number of arguments, the arguments, and the environment.
func (a asked) bytes() (length, body []byte) {
	list := append([]string{a.dir, strconv.Itoa(len(a.argv))}, a.argv...)
	for _, s := range append(list, a.env...) {
		body = append(append(body, s...), 0)
	}
	return binary.BigEndian.AppendUint32(nil, uint32(len(body))), body
}

var errRequest = errors.New("not a stand-in's request")

// readRequest reads what a stand-in asks for, with its three standard streams. Those that are returned are to be closed in
// any case.
func readRequest(conn *socket.Conn) (a asked, fds []int, err error) {
	late := time.AfterFunc(requestTime, func() { _ = conn.CloseRead() })
	defer late.Stop()
	var head [4]byte
	n, fds, err := conn.ReadPassed(head[:])
	if err != nil || n != len(head) || len(fds) != 3 {
		return a, fds, errRequest
	}
	size := binary.BigEndian.Uint32(head[:])
	if size == 0 || size > maxRequest {
		return a, fds, errRequest
	}
	var body bytes.Buffer
	if _, err := io.CopyN(&body, conn, int64(size)); err != nil {
		return a, fds, err
	}
	a, err = parseRequest(body.Bytes())
	return a, fds, err
}

func parseRequest(body []byte) (a asked, err error) {
	text, ok := bytes.CutSuffix(body, []byte{0})
	if !ok {
		return a, errRequest
	}
	var list []string
	for s := range bytes.SplitSeq(text, []byte{0}) {
		list = append(list, string(s))
	}
	if len(list) < 3 {
		return a, errRequest
	}
	n, err := strconv.Atoi(list[1])
	if err != nil || n < 1 || n > len(list)-2 {
		return a, errRequest
	}
	return asked{dir: list[0], argv: list[2 : 2+n], env: list[2+n:]}, nil
}
