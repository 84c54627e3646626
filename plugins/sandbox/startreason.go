package sandbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// NoInterpreter is the Reason of a StartError where the file is there, and what it needs to run is not.
const NoInterpreter = "the interpreter that its first line or its ELF header names does not exist"

// startReason finds out what execve(2) leaves open: ENOENT means the file or its interpreter, and ENOEXEC either's kind.
func startReason(path string, errno syscall.Errno) string {
	fi, err := os.Stat(path)
	switch {
	case err != nil:
	case fi.IsDir():
		return "is a directory"
	case errno == syscall.ENOENT:
		return NoInterpreter
	case errno == syscall.EACCES && fi.Mode()&0o111 == 0:
		return "not executable"
	case errno == syscall.ENOEXEC:
		return wrongKind(path)
	}
	return ""
}

// wrongKind says why the kernel does not know what to do with a file.
func wrongKind(path string) string {
	for range 4 { // as deep as the kernel follows interpreters
		head := headOf(path)
		if arch := elfArch(head); arch != "" && arch != runtime.GOARCH {
			return fmt.Sprintf("%s is a program for %s, and this machine is %s: no binfmt_misc handler, as qemu-user-static has them, is registered for it",
				path, arch, runtime.GOARCH)
		}
		line, ok := bytes.CutPrefix(head, []byte("#!"))
		if !ok {
			break
		}
		line, _, _ = bytes.Cut(line, []byte("\n"))
		fields := strings.Fields(string(line))
		if len(fields) == 0 {
			break
		}
		path = fields[0]
	}
	return "neither a program of this architecture nor a script with #! in its first line"
}

// headOf is how a regular file begins.
func headOf(path string) []byte {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return nil
	}
	b := make([]byte, 256)
	n, err := io.ReadFull(f, b)
	if n == 0 && err != nil {
		return nil
	}
	return b[:n]
}

// elfArch is the architecture that an ELF file is for, in Go's and an image's words; empty for what is none. elf(5).
func elfArch(head []byte) string {
	if len(head) < 20 || !bytes.HasPrefix(head, []byte("\x7fELF")) {
		return ""
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if head[5] == 2 {
		order = binary.BigEndian
	}
	machine := order.Uint16(head[18:])
	names := map[uint16]string{3: "386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 62: "amd64", 183: "arm64", 243: "riscv64", 258: "loong64"}
	if machine == 21 && head[5] == 1 {
		return "ppc64le"
	}
	if name, ok := names[machine]; ok {
		return name
	}
	return fmt.Sprintf("another architecture (%d)", machine)
}
