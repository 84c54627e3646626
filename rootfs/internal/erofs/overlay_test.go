package erofs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/holo-build/holo-build/rootfs/internal/mounts"
)

// TestOverlaid looks at trees through an overlay, as those who provision them do. All is as in the tree but for the root,
// which is the upper directory.
func TestOverlaid(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := randomModel(200+seed, 300)
			m.options.Overlay = true
			where := t.TempDir()
			image, devices := m.store(t, where)
			lower, err := os.OpenFile(mounted(t, image, devices), os.O_RDONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer lower.Close()
			upper, work := filepath.Join(where, "upper"), filepath.Join(where, "work")
			if err := errors.Join(os.Mkdir(upper, 0o755), os.Mkdir(work, 0o755)); err != nil {
				t.Fatal(err)
			}
			o, err := mounts.Kernel{}.Overlay(mounts.Overlay{Lower: []*os.File{lower}, Upper: upper, Work: work})
			if errors.Is(err, errors.ErrUnsupported) && os.Getenv("CI") != "true" {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			c := newComparer(m, fmt.Sprintf("/proc/self/fd/%d", o.File().Fd()))
			for _, e := range m.root.Entries {
				if err := c.tree("/"+e.Name, e.Inode); err != nil {
					t.Error(err)
				}
			}
			if c.count < 300 {
				t.Errorf("only %d names were compared", c.count)
			}
		})
	}
}
