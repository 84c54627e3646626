package mock

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A stand-in is a symlink to an executable that calls IsStandIn, by the name of a tool, in a directory that comes first in
// PATH; beside it lies the socket at which the build answers.
//
// The stand-in sends one request, request.go; its standard input, output and error go with the length as descriptors,
// unix(7), SCM_RIGHTS. The answer is one byte, the exit status, when all is done.
const socketName = ".holo-build"

// maxRequest bounds a request: no more than that is handed to a program, execve(2).
const maxRequest = 6 << 20

// fixedDir is where stand-ins look for the socket that have none beside them: those that take the places of programs by
// their paths, for processes with a root of their own, in which nothing else is there.
const fixedDir = "/run/holo-build/tools"

// IsStandIn says whether this process is a stand-in. A program that is to be one asks this before it looks at its
// arguments, and if so does nothing but exit with what StandIn returns.
//
// It is one if the build has made one of its name: which those are, each build decides.
func IsStandIn() bool {
	_, ok := socketDir(executedAs())
	return ok
}

// socketDir is where the socket is of a stand-in that was started by a path: beside a symlink of its name.
func socketDir(at string) (string, bool) {
	name := filepath.Base(at)
	if !IsToolName(name) {
		return filepath.Dir(at), false
	}
	for _, dir := range []string{filepath.Dir(at), fixedDir} {
		if isOfType(filepath.Join(dir, socketName), os.ModeSocket) && isOfType(filepath.Join(dir, name), os.ModeSymlink) {
			return dir, true
		}
	}
	return filepath.Dir(at), false
}

func isOfType(path string, t os.FileMode) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().Type() == t
}

// StandIn has the build do what the tool would do with these arguments, os.Args, and environment, and returns the exit status.
func StandIn(args, environ []string, stderr io.Writer) int {
	at := executedAs()
	name := filepath.Base(at)
	dir, _ := os.Getwd() // one that was removed can't be meant
	from, _ := socketDir(at)
	status, err := ask(from, asked{dir: dir, argv: append([]string{name}, args[1:]...), env: environ})
	if err != nil {
		fmt.Fprintf(stderr, "%s: the build does not answer: %v\n", name, err)
		return exitUnknown
	}
	return status
}

func ask(dir string, a asked) (status int, err error) {
	length, request := a.bytes()
	d, err := os.Open(dir)
	if err != nil {
		return 0, err
	}
	defer d.Close()
	conn, err := net.DialUnix("unix", nil, socketIn(d))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := sendStreams(conn, length); err != nil {
		return 0, err
	}
	if _, err := conn.Write(request); err != nil {
		return 0, err
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return 0, err
	}
	return int(answer[0]), nil
}

// sendStreams sends a message with the standard streams. A user can have only so many descriptors on their way at a time, who
// may be the user of other builds, too; unix(7), ETOOMANYREFS: they arrive soon.
func sendStreams(conn *net.UnixConn, message []byte) error {
	for tries := 0; ; tries++ {
		_, _, err := conn.WriteMsgUnix(message, unix.UnixRights(0, 1, 2), nil)
		if !errors.Is(err, unix.ETOOMANYREFS) || tries == sendTries {
			return err
		}
		time.Sleep(pollTime * time.Millisecond)
	}
}

// sendTries is how often that is tried: for less than requestTime.
const sendTries = 100

// socketIn is the address of the socket in a directory. By way of the descriptor, its length does not matter: an address has
// 108 bytes, unix(7).
func socketIn(dir *os.File) *net.UnixAddr {
	return &net.UnixAddr{Net: "unix", Name: "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + socketName}
}

// executedAs is the path by which this process was started, whatever it is told to be its name: getauxval(3), AT_EXECFN. It
// is found without /proc, which a process may not read where Landlock alone confines it.
func executedAs() string {
	const atExecFn = 31
	auxv, err := unix.Auxv()
	if err != nil {
		return os.Args[0]
	}
	for _, entry := range auxv {
		if entry[0] == atExecFn && entry[1] != 0 {
			// A string that the kernel has put above the stack, and nobody moves.
			return unix.BytePtrToString(*(**byte)(unsafe.Pointer(&entry[1])))
		}
	}
	return os.Args[0]
}
