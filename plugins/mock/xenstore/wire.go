package xenstore

import (
	"encoding/binary"
	"errors"
	"io"
)

// Limits of the protocol, xs_wire.h.
const (
	maxPayload  = 4096
	maxPath     = 3072
	maxRelative = 2048
)

// kind is the type of a message, xs_wire.h.
type kind uint32

const (
	control          kind = 0
	directory        kind = 1
	read             kind = 2
	getPerms         kind = 3
	watch            kind = 4
	unwatch          kind = 5
	transactionStart kind = 6
	transactionEnd   kind = 7
	introduce        kind = 8
	release          kind = 9
	getDomainPath    kind = 10
	write            kind = 11
	mkdir            kind = 12
	rm               kind = 13
	setPerms         kind = 14
	watchEvent       kind = 15
	failure          kind = 16
	isIntroduced     kind = 17
	resume           kind = 18
	setTarget        kind = 19
	resetWatches     kind = 21
	directoryPart    kind = 22
)

// errno is the name of an error, as it is sent.
type errno string

const (
	errAccess   errno = "EACCES"
	errAgain    errno = "EAGAIN"
	errBusy     errno = "EBUSY"
	errExists   errno = "EEXIST"
	errInvalid  errno = "EINVAL"
	errNoEntry  errno = "ENOENT"
	errNoSpace  errno = "ENOSPC"
	errNoSystem errno = "ENOSYS"
	errPerm     errno = "EPERM"
	errTooBig   errno = "E2BIG"
)

// message is a request, a reply or an event. On the wire, there are four numbers of 32 bits in the machine's order before the
// payload: type, request, transaction and length.
type message struct {
	kind        kind
	request     uint32
	transaction uint32
	payload     []byte
}

const headerSize = 16

var errLong = errors.New("a message is longer than XenStore allows")

func readMessage(r io.Reader) (m message, err error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return m, err
	}
	word := func(i int) uint32 { return binary.NativeEndian.Uint32(head[4*i:]) }
	m.kind, m.request, m.transaction = kind(word(0)), word(1), word(2)
	if word(3) > maxPayload {
		return m, errLong
	}
	m.payload = make([]byte, word(3))
	_, err = io.ReadFull(r, m.payload)
	return m, err
}

func (m message) bytes() []byte {
	b := make([]byte, 0, headerSize+len(m.payload))
	for _, n := range []uint32{uint32(m.kind), m.request, m.transaction, uint32(len(m.payload))} {
		b = binary.NativeEndian.AppendUint32(b, n)
	}
	return append(b, m.payload...)
}

// reply answers a request.
func (m message) reply(payload []byte, err errno) message {
	if err != "" {
		return message{failure, m.request, m.transaction, terminated(string(err))}
	}
	return message{m.kind, m.request, m.transaction, payload}
}

// terminated are strings, each with a NUL behind it.
func terminated(list ...string) (b []byte) {
	for _, s := range list {
		b = append(append(b, s...), 0)
	}
	return b
}
