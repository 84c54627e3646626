package main

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestRealStages: the same inputs give the same image, however the tree is staged, whoever builds. What executables do
// that are no plugins of ours, only root and subordinate IDs can do in the same way; with one ID it is the same, however
// the tree is staged. Whoever is root somewhere has them work on an overlay.
func TestRealStages(t *testing.T) {
	w := newWorkshop(t)
	inputs := reproducibleInputsIn(t, w.scratch(t))
	want := map[string]string{}
	one := rootfstest.UserNamespace(65534, 1)
	one.Cloneflags |= syscall.CLONE_NEWNS
	for _, c := range []struct {
		name string
		as   *syscall.SysProcAttr
		// executables says that those do here what they do for root, mounts that --stage mount is possible, owners that a
		// directory as source has the owners that root sees, overlays that they are possible.
		executables, mounts, owners, overlays bool
	}{
		{"root", nil, true, true, true, true},
		{"user namespace of subordinate IDs", rootfstest.UserNamespace(200_000, 65536), true, false, false, true},
		{"user namespace of one ID and with its own mounts", one, false, false, false, true},
		{"plain user", plainUser(), false, false, true, false},
	} {
		for _, r := range recipes {
			ours := !strings.Contains(r.args, "--plugin")
			if strings.HasPrefix(r.args, "rootfs:") && !c.owners {
				continue
			}
			key := r.name
			if !ours && !c.executables {
				key += " by " + c.name
			}
			for _, stage := range []string{stageAuto, stageView, stageMount, stageCopy} {
				if stage == stageView && !ours || stage == stageMount && !c.mounts {
					continue
				}
				t.Run(strings.Join([]string{c.name, r.name, stage}, "/"), func(t *testing.T) {
					args := strings.Fields(strings.ReplaceAll(r.args, "DIR", inputs))
					v := variation{as: c.as, env: []string{"TMPDIR=" + w.scratch(t)}}
					out := w.scratch(t)
					got := w.build(t, v, append(args, "--stage", stage, "-o", "oci:"+out+"/image", "--log", out+"/log")...)
					if want[key] == "" {
						want[key] = got
					}
					if got != want[key] {
						t.Errorf("got %s, want %s as before", got, want[key])
					}
					if overlay, want := overlaid(t, out+"/log"), stage == stageMount || stage == stageAuto && !ours && c.overlays; overlay != want {
						t.Errorf("an overlay: %v, want %v", overlay, want)
					}
				})
			}
		}
	}
}

// overlaid says whether an apply log tells of an overlay.
func overlaid(t *testing.T, log string) bool {
	t.Helper()
	raw, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	var record buildRecord
	if err := json.Unmarshal([]byte(first), &record); err != nil {
		t.Fatal(err)
	}
	return record.Overlay
}
