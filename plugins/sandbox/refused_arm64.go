package sandbox

import "golang.org/x/sys/unix"

const (
	auditArch    = unix.AUDIT_ARCH_AARCH64
	foreignCalls = 0
)

// refusedHere are calls that other architectures don't have.
var refusedHere []uint32
