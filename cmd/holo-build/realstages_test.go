package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestRealStages: the same inputs give the same image, however the tree is staged, whoever builds. What executables do
// that are no plugins of ours, only root and subordinate IDs can do in the same way.
func TestRealStages(t *testing.T) {
	w := newWorkshop(t)
	inputs := reproducibleInputsIn(t, w.scratch(t))
	want := map[string]string{}
	for _, c := range []struct {
		name string
		as   *syscall.SysProcAttr
		// executables says that those do here what they do for root, mounts that --stage mount is possible, owners that a
		// directory as source has the owners that root sees.
		executables, mounts, owners bool
	}{
		{"root", nil, true, true, true},
		{"user namespace of subordinate IDs", rootfstest.UserNamespace(200_000, 65536), true, false, false},
		{"user namespace of one ID", rootfstest.UserNamespace(65534, 1), false, false, false},
		{"plain user", plainUser(), false, false, true},
	} {
		for _, r := range recipes {
			ours := !strings.Contains(r.args, "--plugin")
			if !ours && !c.executables || strings.HasPrefix(r.args, "rootfs:") && !c.owners {
				continue
			}
			for _, stage := range []string{stageAuto, stageView, stageMount, stageCopy} {
				if stage == stageView && !ours || stage == stageMount && !c.mounts {
					continue
				}
				t.Run(strings.Join([]string{c.name, r.name, stage}, "/"), func(t *testing.T) {
					args := strings.Fields(strings.ReplaceAll(r.args, "DIR", inputs))
					v := variation{as: c.as, env: []string{"TMPDIR=" + w.scratch(t)}}
					got := w.build(t, v, append(args, "--stage", stage, "-o", "oci:"+filepath.Join(w.scratch(t), "out"))...)
					if want[r.name] == "" {
						want[r.name] = got
					}
					if got != want[r.name] {
						t.Errorf("got %s, want %s as before", got, want[r.name])
					}
				})
			}
		}
	}
}
