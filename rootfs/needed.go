package rootfs

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// checkNeeded makes the calls of the kernel without which nothing can be done here, not even clearing up, on an opened
// directory. Filters of system calls that are older than a call answer EPERM as a rule.
func checkNeeded(dirfd int) error {
	fd, err := openat2(dirfd, ".", unix.O_PATH, sameMount)
	if err := missing("openat2", "5.6", err); err != nil {
		return err
	}
	if err == nil {
		unix.Close(fd)
	}
	_, err = statFD(dirfd)
	return missing("statx", "4.11", err)
}

// missing is the error of a call that does not work at all; nil if the error says anything else.
func missing(call, since string, err error) error {
	switch {
	case errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("%s(2) is missing: Linux %s or later is needed, and a container that lets it through", call, since)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%s(2) is forbidden: a container's filter of system calls must let it through", call)
	}
	return nil
}
