package files

import (
	"github.com/holo-build/holo-build/plugins/internal/osrelease"
	"github.com/holo-build/holo-build/rootfs"
)

// distributionIDs returns what a root's os-release(5) says of its distribution and of those that it resembles.
func distributionIDs(root rootfs.Root) ([]string, error) {
	values, err := osrelease.Read(root)
	return osrelease.IDs(values), err
}
