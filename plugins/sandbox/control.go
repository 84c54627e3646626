package sandbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The descriptors of the helper beyond the three of the program and descriptor 3.
const (
	controlFD = 4
	statusFD  = 5
	mountFD   = 6
)

// job is what the helper is told on the control pipe. The strings may hold any bytes but NUL.
type job struct {
	isolation Isolation
	fd3       bool
	path, dir string
	// mount is where the helper attaches the mount that it has as mountFD; empty if there is none.
	mount     string
	args, env []string // args begin with the program's name for itself
	// confined says that only what is below writable can be written to.
	confined bool
	writable []string
}

// maxJob bounds a job: the kernel takes no more than 6 MB of arguments and environment, execve(2).
const maxJob = 16 << 20

// write sends the job: a length, then NUL-terminated strings, counts first.
func (j job) write(w io.Writer) error {
	var b bytes.Buffer
	b.Write([]byte{0, 0, 0, 0, byte(j.isolation), asByte(j.fd3) | asByte(j.confined)<<1})
	var counts [12]byte
	binary.BigEndian.PutUint32(counts[:4], uint32(len(j.args)))
	binary.BigEndian.PutUint32(counts[4:], uint32(len(j.env)))
	binary.BigEndian.PutUint32(counts[8:], uint32(len(j.writable)))
	b.Write(counts[:])
	for _, list := range [][]string{{j.path, j.dir, j.mount}, j.args, j.env, j.writable} {
		for _, s := range list {
			b.WriteString(s)
			b.WriteByte(0)
		}
	}
	if b.Len() > maxJob {
		return fmt.Errorf("arguments and environment of %d bytes are too large", b.Len())
	}
	binary.BigEndian.PutUint32(b.Bytes(), uint32(b.Len()-4))
	_, err := w.Write(b.Bytes())
	return err
}

// readJob reads what write has sent, and not a byte more.
func readJob(r io.Reader) (j job, err error) {
	var head [18]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return j, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size < 14 || size > maxJob {
		return j, errors.New("internal error: length of the job")
	}
	body := make([]byte, size-14)
	if _, err := io.ReadFull(r, body); err != nil {
		return j, err
	}
	j.isolation, j.fd3, j.confined = Isolation(head[4]), head[5]&1 != 0, head[5]&2 != 0
	args, env, writable := uint64(binary.BigEndian.Uint32(head[6:])), uint64(binary.BigEndian.Uint32(head[10:])), uint64(binary.BigEndian.Uint32(head[14:]))
	parts := bytes.Split(body, []byte{0})
	if uint64(len(parts)) != 3+args+env+writable+1 || len(parts[len(parts)-1]) > 0 { // the last string's NUL is followed by nothing
		return j, errors.New("internal error: number of strings in the job")
	}
	strs := make([]string, 0, len(parts))
	for _, p := range parts {
		strs = append(strs, string(p))
	}
	j.path, j.dir, j.mount = strs[0], strs[1], strs[2]
	j.args, j.env, j.writable = strs[3:3+args], strs[3+args:3+args+env], strs[3+args+env:3+args+env+writable]
	return j, nil
}

// The kinds of reports.
const (
	exited    = 'x' // value is the exit status
	signaled  = 's' // value is the signal
	noDir     = 'd' // value is the errno of chdir(2)
	noExec    = 'e' // value is the errno of execve(2)
	noMount   = 'm' // value is the errno of move_mount(2)
	noConfine = 'c' // value is the errno of what makes all else read-only
	noSetup   = 'h' // value is the errno of the helper's own preparations
)

// report is what the helper says on the status pipe, once, as its last word.
type report struct {
	kind     byte
	leftover bool
	// immortal says that some of what was left could not be killed.
	immortal bool
	value    uint32
}

const reportSize = 7

func (r report) bytes() []byte {
	b := make([]byte, reportSize)
	b[0] = r.kind
	b[1], b[2] = asByte(r.leftover), asByte(r.immortal)
	binary.BigEndian.PutUint32(b[3:], r.value)
	return b
}

func asByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// parseReport reads a report; ok is false if there is none.
func parseReport(b []byte) (r report, ok bool) {
	if len(b) != reportSize {
		return r, false
	}
	return report{b[0], b[1] == 1, b[2] == 1, binary.BigEndian.Uint32(b[3:])}, true
}
