// Package socket listens at Unix sockets on behalf of daemons that are not there, for processes that nobody trusts: what they
// send is bounded, descriptors that they pass are closed, and when it is over, all that was sent until then is looked at, and
// no more.
package socket

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// past is a deadline that is over, and noDeadline none.
var past, noDeadline = time.Unix(1, 0), time.Time{}

// listen makes a socket that everybody may write to, by way of its directory: an address has 108 bytes, unix(7), and a path may
// be longer.
func listen[L io.Closer](path string, open func(network string, at *net.UnixAddr) (L, error), network string) (l L, err error) {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return l, fmt.Errorf("listening at %s: %w", path, err)
	}
	defer d.Close()
	name := "/proc/self/fd/" + strconv.Itoa(int(d.Fd())) + "/" + filepath.Base(path)
	if l, err = open(network, &net.UnixAddr{Net: network, Name: name}); err != nil {
		return l, fmt.Errorf("listening at %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		l.Close()
		return l, fmt.Errorf("listening at %s: %w", path, err)
	}
	return l, nil
}
