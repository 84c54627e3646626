package bus

import (
	"encoding/hex"
	"io"
	"strconv"
	"strings"
)

// Bounds of what may come before the first message.
const (
	maxAuthLine  = 1024
	maxAuthLines = 32
)

// id is the bus's, D-Bus specification, "GetId". It is the same for every bus, so that what is made of it is the same in
// every build.
const id = "686f6c6f2d6275696c642d6275732d30"

// peer is who a client says to be.
type peer struct {
	uid   uint32
	named bool // it has given a user ID
	fds   bool // it takes descriptors
}

// authenticate has the conversation before the first message; D-Bus specification, "Authentication Protocol". The mechanism
// is EXTERNAL alone. Which user a client says to be is not compared with what the kernel says: in a user namespace a process
// has another user ID than the build sees, and nothing is decided by it. The socket is for the processes of one plugin, and
// what they ask for is that plugin's doing.
func authenticate(in *source, out io.Writer) (p peer, err error) {
	if err := in.fill(1); err != nil {
		return p, err
	}
	if in.take(1)[0] != 0 {
		return p, wireError("no NUL first")
	}
	authenticated, asked := false, false
	for range maxAuthLines {
		line, err := in.line(maxAuthLine)
		if err != nil {
			return p, err
		}
		command, rest, _ := strings.Cut(line, " ")
		answer := "ERROR \"not understood\""
		switch {
		case command == "BEGIN" && authenticated:
			in.passes = p.fds
			return p, nil
		case command == "BEGIN":
			return p, wireError("BEGIN without a user")
		case command == "NEGOTIATE_UNIX_FD" && authenticated:
			p.fds, answer = true, "AGREE_UNIX_FD"
		case command == "AUTH" && !authenticated:
			mechanism, response, given := strings.Cut(rest, " ")
			switch {
			case mechanism != "EXTERNAL":
				answer = "REJECTED EXTERNAL"
			case !given:
				asked, answer = true, "DATA"
			default:
				answer, authenticated = p.user(response)
			}
		case command == "DATA" && asked && !authenticated:
			asked = false
			answer, authenticated = p.user(rest)
		case command == "CANCEL", command == "ERROR":
			p, authenticated, asked, answer = peer{}, false, false, "REJECTED EXTERNAL"
		}
		if _, err := io.WriteString(out, answer+"\r\n"); err != nil {
			return p, err
		}
	}
	return p, wireError("more than %d lines before the first message", maxAuthLines)
}

// user takes the user ID that a client says to have: decimal digits, in hexadecimal, or nothing.
func (p *peer) user(response string) (answer string, ok bool) {
	text, err := hex.DecodeString(response)
	if err != nil {
		return "REJECTED EXTERNAL", false
	}
	if len(text) > 0 {
		n, err := strconv.ParseUint(string(text), 10, 32)
		if err != nil {
			return "REJECTED EXTERNAL", false
		}
		p.uid, p.named = uint32(n), true
	}
	return "OK " + id, true
}
