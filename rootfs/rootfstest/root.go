package rootfstest

import (
	"os"
	"testing"
)

// NeedRoot skips a test that only root can do.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: run `make test` as root")
	}
}
