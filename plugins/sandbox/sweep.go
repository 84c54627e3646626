package sandbox

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// sweep kills and reaps what the program has left behind. All of it is below the helper: orphans come to init, or to
// the subreaper. So there is nothing left when there are no children.
func (h *helper) sweep() (leftover, immortal bool) {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR), pid > 0:
			continue // has ended by itself
		case err != nil: // ECHILD
			return leftover, false
		}
		leftover = true
		if !h.killChildren() {
			return leftover, true
		}
		// Each that is killed leaves its children to the helper: the next round gets them.
		if _, err := unix.Wait4(-1, nil, 0, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return leftover, false
		}
	}
}

// killChildren kills the helper's children and says whether there was one that it could kill. A child cannot be
// confused with a later process of the same number, as only the helper reaps it.
func (h *helper) killChildren() bool {
	if h.job.isolation != Subreaper {
		err := unix.Kill(-1, unix.SIGKILL) // everything in the namespace but init
		return err == nil || errors.Is(err, unix.ESRCH)
	}
	killed := false
	for _, pid := range children(os.Getpid()) {
		if unix.Kill(pid, unix.SIGKILL) == nil {
			killed = true
		}
	}
	return killed
}

// children lists the processes whose parent is ppid, by /proc/PID/stat, proc_pid_stat(5).
func children(ppid int) []int {
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	var list []int
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // has ended meanwhile
		}
		// The command's name stands in parentheses and may hold any byte; state and parent follow the last of them.
		fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
		if len(fields) < 2 || string(fields[1]) != strconv.Itoa(ppid) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			list = append(list, pid)
		}
	}
	return list
}
