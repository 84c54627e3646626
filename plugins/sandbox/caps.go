package sandbox

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// capability is one of capabilities(7).
type capability struct {
	nr   int
	name string
}

// kept are the capabilities that a confined process of root has: those that it takes to make a file of any owner, mode
// and kind, to act as one of its users, and to end what it has started. It is what package tools need in a root that they
// change: dpkg(1) gives files to their owners, modes and capabilities, and apt(8) acts as _apt. A plain user's process has
// none, or in a Confinement.Root those that its user namespace gives it.
var kept = []capability{
	{unix.CAP_CHOWN, "chown"}, {unix.CAP_DAC_OVERRIDE, "dac_override"}, {unix.CAP_FOWNER, "fowner"}, {unix.CAP_FSETID, "fsetid"},
	{unix.CAP_KILL, "kill"}, {unix.CAP_MKNOD, "mknod"}, {unix.CAP_SETFCAP, "setfcap"}, {unix.CAP_SETGID, "setgid"},
	{unix.CAP_SETUID, "setuid"}, {unix.CAP_SYS_CHROOT, "sys_chroot"},
}

// keptFor are those that it keeps: without a root of its own, a device that it makes could be opened.
func keptFor(root bool) []capability {
	if root {
		return kept
	}
	return slices.DeleteFunc(slices.Clone(kept), func(c capability) bool { return c.nr == unix.CAP_MKNOD })
}

// capNames are those in the mask, as a report has them.
func capNames(mask uint64) string {
	var names []string
	for _, c := range kept {
		if mask&(1<<c.nr) != 0 {
			names = append(names, c.name)
		}
	}
	return strings.Join(names, " ")
}

// dropCapabilities leaves the calling thread, and what it starts, no capabilities but keep, and those only if it has
// them. The bounding set can't be had without CAP_SETPCAP: then no_new_privs alone keeps others from coming back with a
// program's file. It returns which are left.
func dropCapabilities(keep []capability) (left uint64, err error) {
	var mask uint64
	for _, c := range keep {
		mask |= 1 << c.nr
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return 0, err
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return 0, err
	}
	if data[0].Effective&(1<<unix.CAP_SETPCAP) != 0 {
		// The kernel may have more than we know, and says EINVAL where its own end.
		for nr := uintptr(0); nr < 64; nr++ {
			if mask&(1<<nr) != 0 {
				continue
			}
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, nr, 0, 0, 0); errors.Is(err, unix.EINVAL) {
				break
			} else if err != nil {
				return 0, err
			}
		}
	}
	for i := range data {
		m := uint32(mask >> (32 * i))
		data[i].Permitted &= m
		data[i].Effective &= m
		data[i].Inheritable = 0
		left |= uint64(data[i].Permitted) << (32 * i)
	}
	return left, unix.Capset(&hdr, &data[0])
}
