//go:build amd64 || arm64

package sandbox

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// denied keeps what the filter has refused the program, in words. Of a program that tries the same a thousand times, or a
// thousand things, only some is kept.
type denied struct {
	mu   sync.Mutex
	list []string
}

const (
	maxDenied    = 20
	maxDeniedLen = 200
)

func (d *denied) add(what string) {
	what = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, what[:min(len(what), maxDeniedLen)])
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.list) < maxDenied && !slices.Contains(d.list, what) {
		d.list = append(d.list, what)
	}
}

// text is what a report has.
func (d *denied) text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.list, "\n")
}

// notification is struct seccomp_notif, and answer is struct seccomp_notif_resp; linux/seccomp.h.
type notification struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type notificationAnswer struct {
	id    uint64
	val   int64
	errno int32
	flags uint32
}

// listen answers what the filter tells of, until all processes with the filter are gone.
func (d *denied) listen(fd int) {
	for {
		var n notification
		switch errno := notifIoctl(fd, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)); errno {
		case 0:
		case unix.EINTR, unix.ENOENT: // ENOENT: who has called is dead
			if done(fd) {
				return
			}
			continue
		default:
			return
		}
		a := notificationAnswer{id: n.id, errno: -int32(unix.EPERM)}
		if n.nr == unix.SYS_CONNECT {
			a.errno, a.flags = 0, unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE // nothing leads there: the kernel says so
		}
		d.tell(n)
		_ = notifIoctl(fd, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&a)) // ENOENT, as above
	}
}

// done says whether nobody has the filter any more.
func done(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	_, err := unix.Poll(p, 0)
	return err == nil && p[0].Revents&unix.POLLHUP != 0
}

func notifIoctl(fd int, request uintptr, arg unsafe.Pointer) unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
	return errno
}

// tell puts a call into words.
func (d *denied) tell(n notification) {
	if n.nr == unix.SYS_CONNECT {
		if to := destination(memory(n.pid, n.args[1], min(n.args[2], 128))); to != "" {
			d.add("connect " + to)
		}
		return
	}
	for _, c := range refusedCalls {
		if int32(c.nr) != n.nr {
			continue
		}
		what := c.name
		if c.path >= 0 {
			if path := unix.ByteSliceToString(memory(n.pid, n.args[c.path], maxDeniedLen)); path != "" {
				what += " " + path
			}
		}
		d.add(what)
	}
}

// memory reads from a process of the call as much as there is. It may have changed by the time that the kernel would look,
// so that nothing depends on it.
func memory(pid uint32, address, size uint64) []byte {
	mem, err := os.Open("/proc/" + strconv.FormatUint(uint64(pid), 10) + "/mem")
	if err != nil {
		return nil
	}
	defer mem.Close()
	b := make([]byte, size)
	n, _ := mem.ReadAt(b, int64(address)) // less, where a page ends
	return b[:n]
}

// destination is an address of another machine, or of this one's network; empty for sockets of other families and for the
// loopback interface, which the program has for itself.
func destination(sockaddr []byte) string {
	if len(sockaddr) < 2 {
		return ""
	}
	var addr netip.Addr
	switch family := binary.NativeEndian.Uint16(sockaddr); {
	case family == unix.AF_INET && len(sockaddr) >= 8:
		addr = netip.AddrFrom4([4]byte(sockaddr[4:8]))
	case family == unix.AF_INET6 && len(sockaddr) >= 24:
		addr = netip.AddrFrom16([16]byte(sockaddr[8:24])).Unmap()
	default:
		return ""
	}
	if addr.IsLoopback() || addr.IsUnspecified() {
		return ""
	}
	return fmt.Sprint(netip.AddrPortFrom(addr, binary.BigEndian.Uint16(sockaddr[2:])))
}
