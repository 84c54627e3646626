package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// thisProgram is what the helper is started from.
const thisProgram = "/proc/self/exe"

// sealedProgram is a copy of this program that nobody can change, memfd_create(2). In somebody else's root, the program's
// file or its interpreter may be a symlink to /proc/self/exe, which at the moment of its start is the helper's: it would
// lead to the file of the machine that the helper was started from, whose mode its owner can change (CVE-2019-5736 wrote
// to it). Landlock forbids that, where there is Landlock.
var sealedProgram = sync.OnceValues(func() (_ *os.File, err error) {
	from, err := os.Open(thisProgram)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	fd, err := unix.MemfdCreate("holo-build", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3, each can be executed
		fd, err = unix.MemfdCreate("holo-build", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "holo-build")
	if _, err := io.Copy(f, from); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
})

// helperProgram is the path to start the helper from.
func helperProgram(p *plan) (string, error) {
	if p == nil || p.root == "" {
		return thisProgram, nil
	}
	f, err := sealedProgram()
	if err == nil {
		return fmt.Sprintf("/proc/self/fd/%d", f.Fd()), nil
	}
	if v, _ := landlockVersion(); v >= 2 { // 0 with an error
		return thisProgram, nil
	}
	return "", fmt.Errorf("making a copy of this program that can't be changed, which takes the place of Landlock: %w", err)
}
