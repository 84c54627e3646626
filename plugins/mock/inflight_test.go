package mock

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestStandInCrowded: while the user has as many descriptors on their way as one may, a stand-in waits; unix(7), ETOOMANYREFS.
// Who is root may have any number.
func TestStandInCrowded(t *testing.T) {
	dir := t.TempDir()
	s := standIns(t, dir, func(context.Context, Use) int { return 0 })
	defer closed(t, s)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[1])
	many := make([]int, 200)
	if err := unix.Sendmsg(pair[0], []byte{0}, unix.UnixRights(many...), nil, 0); err != nil {
		t.Fatal(err)
	}
	unix.Close(pair[0])
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `ulimit -n 64; exec "$0" x`, filepath.Join(dir, "useradd"))
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // for the stand-in to come so far
	var message [1]byte
	// They arrive, and there is no room for them here.
	if _, _, _, _, err := unix.Recvmsg(pair[1], message[:], nil, unix.MSG_CMSG_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v, %s", err, &stderr)
	}
}
