package accounts

import (
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// validShell says whether a text can be a login shell: none, "*" for a login without one, or a path.
func validShell(s string) bool {
	return s == "" || strings.HasPrefix(s, "*") && safeField(s) || validPath(s)
}

// checkShell warns of a shell that can't be run.
func (e *edit) checkShell(shell string) {
	if shell == "" || shell == "*" || shell == "/sbin/nologin" {
		return
	}
	if !e.canRun(shell) {
		e.warn("Warning: missing or non-executable shell '%s'", shell)
	}
}

// canRun says whether the root has an executable of that path.
func (e *edit) canRun(p string) bool {
	_, m, err := follow(e.Root, p)
	return err == nil && m.Type == rootfs.Regular && m.Mode&0o111 != 0
}
