//go:build amd64 || arm64

package sandbox

import (
	"runtime"

	"golang.org/x/sys/unix"
)

func lockForGood() { runtime.LockOSThread() }

// refuseNamespaces makes the calling thread, and what it starts, one of a container without CAP_SYS_ADMIN.
func refuseNamespaces() error {
	var list []rule
	for _, nr := range []uint32{unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_UNSHARE, unix.SYS_OPEN_TREE, unix.SYS_FSOPEN, unix.SYS_MOVE_MOUNT, unix.SYS_PIVOT_ROOT} {
		list = append(list, rule{nr: nr, errno: unix.EPERM, arg: -1})
	}
	list = append(list, rule{unix.SYS_CLONE, unix.EPERM, 0, anyBit, []uint32{namespaceFlags}}, rule{nr: unix.SYS_CLONE3, errno: unix.ENOSYS, arg: -1})
	return install(assemble(auditArch, foreignCalls, list))
}
