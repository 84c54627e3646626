package mock

import (
	"context"
	"fmt"
	"path"

	"github.com/holo-build/holo-build/rootfs"
)

// insideNames are programs of the root's own that only it can do the work of: what they write has the form that its own
// libraries, kernels and certificates need.
var insideNames = []string{"depmod", "ldconfig", "update-ca-certificates"}

// insideTools are run inside the root. The programs may use stand-ins while they run.
func insideTools() map[string]tool {
	tools := map[string]tool{}
	for _, name := range insideNames {
		tools[name] = tool{run: runInside, free: true}
	}
	return tools
}

func runInside(ctx context.Context, _ *Tools, u Use) (int, Outcome) {
	program, err := insideProgram(u)
	if err != nil {
		fmt.Fprintf(u.Stderr, "%s: %v\n", u.Argv[0], err)
		return exitUnknown, Refused
	}
	exit, err := u.Inside(ctx, program, u.inRoot()[1:], u)
	if err != nil {
		fmt.Fprintf(u.Stderr, "%s: the root's own can't be run: %v\n", u.Argv[0], err)
		return 1, Refused
	}
	if exit != 0 {
		return exit, Refused
	}
	return 0, Realised
}

// insideProgram finds the program in the root.
func insideProgram(u Use) (string, error) {
	for _, dir := range []string{"usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"} {
		name := path.Join(dir, u.Argv[0])
		real, err := u.Root.Resolve(name)
		if err != nil {
			continue
		}
		if m, err := u.Root.Lstat(real); err != nil || m.Type != rootfs.Regular || m.Mode&0o111 == 0 {
			continue
		}
		if u.Inside == nil {
			return "", fmt.Errorf("the root's own can't be run here")
		}
		return "/" + name, nil
	}
	return "", fmt.Errorf("the root has none")
}
