package rootfs_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestAttackWhileStaging: a process puts symlinks in place of a directory while the tree is written out. Staging is done or
// fails, and nothing outside is written.
func TestAttackWhileStaging(t *testing.T) {
	outside := canary(t)
	parent := t.TempDir()
	work := filepath.Join(parent, "work")
	stop := swap(t, filepath.Join(work, "root/d"), outside)
	defer stop()
	var list []entry
	for i := range 30 {
		list = append(list, dir(fmt.Sprintf("d/sub%d", i), 0755), file(fmt.Sprintf("d/sub%d/file", i), 0604, "mine"), file(fmt.Sprintf("d/new%d", i), 0604, "mine"))
	}
	list = append(list, file("d/secret", 0604, "mine"), file("d/sub/file", 0604, "mine"))
	l := rootfstest.Tar(t, list...)
	for range 50 {
		must(t, os.Mkdir(work, 0700))
		s, err := rootfstest.Stage(t.Context(), []rootfs.Layer{l}, rootfs.StageOptions{Dir: work}, rootfs.BaseOptions{})
		if err == nil {
			must(t, s.Close())
		}
		for try := 0; os.RemoveAll(work) != nil; try++ { // the attacker makes what is being removed
			if try == 1000 {
				t.Fatal("the work directory can't be removed")
			}
		}
	}
}

// meddler is a writer that changes a file while its content is being written.
type meddler struct {
	io.Writer
	seen   int
	meddle func()
}

func (m *meddler) Write(p []byte) (int, error) {
	if m.seen += len(p); m.seen > 600_000 && m.meddle != nil {
		m.meddle()
		m.meddle = nil
	}
	return m.Writer.Write(p)
}

// TestChangedWhilePacking: what is packed is what the log says, or nothing is.
func TestChangedWhilePacking(t *testing.T) {
	s := stage(t, base())
	name := filepath.Join(s.Dir(), "etc/large")
	must(t, os.WriteFile(name, make([]byte, 1<<20), 0644))
	must(t, s.Rescan(t.Context(), tester))
	changes, err := s.Changes(epoch)
	must(t, err)
	m := &meddler{Writer: io.Discard, meddle: func() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		must(t, err)
		_, err = f.WriteAt([]byte("x"), 1<<20-1)
		must(t, errors.Join(err, f.Close()))
	}}
	if err := s.WriteLayer(t.Context(), m, changes, rootfs.PackOptions{Epoch: epoch}); !errors.Is(err, rootfs.ErrEscape) {
		t.Errorf("got %v", err)
	}
}
