package rootfstest

import (
	"os"
	"slices"
	"strings"
	"syscall"
)

// UserNamespace has a process start as root of a new user namespace, user_namespaces(7), that has so many IDs; first is
// what root in it is outside. Many are as subordinate IDs, subuid(5), give them, and one is what everybody can have.
func UserNamespace(first, count int) *syscall.SysProcAttr {
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: first, Size: count}}
	return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids,
		GidMappingsEnableSetgroups: count > 1, Credential: &syscall.Credential{NoSetGroups: count == 1}}
}

// InUserNamespace reports whether this process has not all IDs.
func InUserNamespace() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	return err != nil || !slices.Equal(strings.Fields(string(b)), []string{"0", "0", "4294967295"})
}
