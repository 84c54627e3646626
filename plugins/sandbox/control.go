package sandbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
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
	// plan is nil without a Confinement.
	plan *plan
}

// maxJob bounds a job: the kernel takes no more than 6 MB of arguments and environment, execve(2).
const maxJob = 16 << 20

// head is a job but for its strings, which are path, dir, mount, root, and then as many as it counts.
type head struct {
	// Size is that of the rest of the job, strings included.
	Size                        uint32
	Isolation, Flags            byte
	Args, Env, Writable, Binds  uint32
	Memory, FileSize, Processes int64
}

var headSize = binary.Size(head{})

// The flags of a head.
const (
	flagFD3 = 1 << iota
	flagConfined
	flagPlan
	flagNetwork
	flagStrict
	flagRootReadOnly
)

// write sends the job: a head, then NUL-terminated strings.
func (j job) write(w io.Writer) error {
	h := head{
		Isolation: byte(j.isolation), Flags: asByte(j.fd3)*flagFD3 | asByte(j.confined)*flagConfined,
		Args: uint32(len(j.args)), Env: uint32(len(j.env)), Writable: uint32(len(j.writable)),
	}
	var binds []string
	root := ""
	if p := j.plan; p != nil {
		root = p.root
		h.Flags |= flagPlan | asByte(p.network)*flagNetwork | asByte(p.strict)*flagStrict | asByte(p.rootReadOnly)*flagRootReadOnly
		h.Memory, h.FileSize, h.Processes = p.limits.Memory, p.limits.FileSize, int64(p.limits.Processes)
		for _, b := range p.binds {
			binds = append(binds, string(b.kind), b.host, b.at)
		}
		h.Binds = uint32(len(p.binds))
	}
	var strs bytes.Buffer
	for _, list := range [][]string{{j.path, j.dir, j.mount, root}, j.args, j.env, j.writable, binds} {
		for _, s := range list {
			strs.WriteString(s)
			strs.WriteByte(0)
		}
	}
	if headSize+strs.Len() > maxJob {
		return fmt.Errorf("arguments and environment of %d bytes are too large", strs.Len())
	}
	h.Size = uint32(headSize - 4 + strs.Len())
	b, err := binary.Append(nil, binary.BigEndian, h)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, strs.Bytes()...))
	return err
}

// readJob reads what write has sent, and not a byte more.
func readJob(r io.Reader) (j job, err error) {
	var h head
	if err := binary.Read(r, binary.BigEndian, &h); err != nil {
		return j, err
	}
	if int(h.Size) < headSize-4 || h.Size > maxJob {
		return j, errors.New("internal error: length of the job")
	}
	body := make([]byte, int(h.Size)-(headSize-4))
	if _, err := io.ReadFull(r, body); err != nil {
		return j, err
	}
	parts := bytes.Split(body, []byte{0})
	want := 4 + uint64(h.Args) + uint64(h.Env) + uint64(h.Writable) + 3*uint64(h.Binds)
	if uint64(len(parts)) != want+1 || len(parts[want]) > 0 { // the last string's NUL is followed by nothing
		return j, errors.New("internal error: number of strings in the job")
	}
	take := func(n uint32) (list []string) {
		for _, p := range parts[:n] {
			list = append(list, string(p))
		}
		parts = parts[n:]
		return list
	}
	j.isolation, j.fd3, j.confined = Isolation(h.Isolation), h.Flags&flagFD3 != 0, h.Flags&flagConfined != 0
	names := take(4)
	j.path, j.dir, j.mount = names[0], names[1], names[2]
	j.args, j.env, j.writable = take(h.Args), take(h.Env), take(h.Writable)
	if h.Flags&flagPlan == 0 {
		if h.Binds != 0 || names[3] != "" {
			return j, errors.New("internal error: binds or a root without a plan")
		}
		return j, nil
	}
	j.plan = &plan{network: h.Flags&flagNetwork != 0, strict: h.Flags&flagStrict != 0, root: names[3], rootReadOnly: h.Flags&flagRootReadOnly != 0,
		limits: Limits{Memory: h.Memory, FileSize: h.FileSize, Processes: int(h.Processes)}}
	for range h.Binds {
		b := take(3)
		j.plan.binds = append(j.plan.binds, bind{bindKind(b[0]), b[1], b[2]})
	}
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
	noRoot    = 'r' // value is the errno of what makes its root or rules, and detail says more
	noOwnRoot = 'n' // value is the errno of what the kernel refuses, and detail says more
	lacking   = 'l' // what was to be strict is not: the facts say what is missing
)

// report is what the helper says on the status pipe, once, as its last word.
type report struct {
	kind     byte
	leftover bool
	// immortal says that some of what was left could not be killed.
	immortal bool
	value    uint32
	// facts are zero without a Confinement.
	facts facts
	// detail is what was being done, without NUL bytes.
	detail string
	// denied is what the filter has refused, a line each.
	denied string
}

const (
	reportSize = 7 + factsSize // but for the detail
	maxDetail  = 8 << 10
)

func (r report) bytes() []byte {
	b := []byte{r.kind, asByte(r.leftover), asByte(r.immortal)}
	b = binary.BigEndian.AppendUint32(b, r.value)
	b = r.facts.append(b)
	detail := strings.ReplaceAll(r.detail, "\x00", "?")
	if r.denied != "" {
		detail = detail[:min(len(detail), maxDetail/2)] + "\x00" + r.denied
	}
	return append(b, detail[:min(len(detail), maxDetail)]...)
}

func asByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// parseReport reads a report; ok is false if there is none.
func parseReport(b []byte) (r report, ok bool) {
	if len(b) < reportSize || len(b) > reportSize+maxDetail {
		return r, false
	}
	r = report{kind: b[0], leftover: b[1] == 1, immortal: b[2] == 1, value: binary.BigEndian.Uint32(b[3:])}
	r.facts = parseFacts(b[7:reportSize])
	r.detail, r.denied, _ = strings.Cut(string(b[reportSize:]), "\x00")
	return r, true
}
