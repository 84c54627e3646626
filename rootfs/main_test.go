package rootfs_test

import (
	"os"
	"testing"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

func TestMain(m *testing.M) { os.Exit(rootfstest.Run(m, os.Stderr)) }
