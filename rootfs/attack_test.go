package rootfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestSwapProcess is no test of its own: it is the process that attacks in the others.
func TestSwapProcess(t *testing.T) {
	dir, outside, ok := strings.Cut(os.Getenv("ROOTFS_TEST_SWAP"), "\n")
	if !ok {
		t.Skip("run by the tests of attacks")
	}
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // until it is closed
		close(done)
	}()
	fmt.Println("swapping")
	for {
		select {
		case <-done:
			return
		default:
		}
		// What fails is tried again: the victim changes the same names.
		_ = os.Rename(dir, dir+".away")
		_ = os.Symlink(outside, dir)
		_ = os.Remove(dir)
		_ = os.Rename(dir+".away", dir)
	}
}

// swap lets a process put a symlink to outside in place of a directory, and the directory back, until stop is called.
func swap(t *testing.T, dir, outside string) (stop func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestSwapProcess$")
	cmd.Env = append(os.Environ(), "ROOTFS_TEST_SWAP="+dir+"\n"+outside)
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	_, err = io.ReadFull(stdout, make([]byte, len("swapping")))
	must(t, err)
	return sync.OnceFunc(func() {
		must(t, stdin.Close())
		_, _ = io.Copy(io.Discard, stdout)
		must(t, cmd.Wait())
	})
}

// attacked is a tree that a victim works on while d is swapped; outside has the same names.
func attacked(t *testing.T) (w *rootfs.WorkDir, s *rootfs.Staging, outside string) {
	t.Helper()
	outside = canary(t)
	w, err := rootfs.NewWorkDir(t.TempDir())
	must(t, err)
	l := rootfstest.Tar(t, dir("d", 0755), file("d/secret", 0644, "mine"), dir("d/sub", 0755), file("d/sub/file", 0644, "mine"), file("e", 0644, "mine"))
	s, err = rootfstest.Stage(t.Context(), []rootfs.Layer{l}, rootfs.StageOptions{Dir: w.Path}, rootfs.BaseOptions{})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return w, s, outside
}

// assault does every change and every reading; each may fail, and none may act or read outside.
func assault(t *testing.T, r rootfs.Root) {
	own := rootfs.Meta{Mode: 0604, UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	read := func(name string) {
		f, err := r.Open(name)
		if err != nil {
			return
		}
		defer f.Close()
		if data, _ := io.ReadAll(f); string(data) == "SECRET" || string(data) == "file" {
			t.Errorf("read %s from outside", name)
		}
	}
	read("d/secret")
	read("d/sub/file")
	_ = r.Put("d/secret", own, strings.NewReader("mine"))
	_ = r.Put("d/sub/new", own, strings.NewReader("mine"))
	_ = r.SetMeta("d/secret", own)
	_ = r.SetMeta("d/sub", rootfs.Meta{Mode: 0705, UID: own.UID, GID: own.GID})
	_ = r.Mkdir("d/dir", own)
	_ = r.Rename("d/sub/new", "d/dir/new")
	_ = r.Rename("e", "d/e")
	_ = r.Rename("d/e", "e")
	_ = r.Remove("d/dir/new")
	_ = r.Remove("d/dir")
	_ = r.Remove("d/sub/file")
}

func TestAttackOnStaging(t *testing.T) {
	w, s, outside := attacked(t)
	stop := swap(t, filepath.Join(s.Dir(), "d"), outside)
	defer stop()
	for range 100 {
		assault(t, s.Root(tester))
		_ = s.Rescan(t.Context(), tester)
		changes, err := s.Changes(epoch)
		must(t, err)
		var buf bytes.Buffer
		_ = s.WriteLayer(t.Context(), &buf, changes, rootfs.PackOptions{Epoch: epoch})
		_ = rootfs.Tree{Staging: s, Epoch: epoch}.WriteTar(t.Context(), &buf)
		if bytes.Contains(buf.Bytes(), []byte("SECRET")) {
			t.Fatal("packed what is outside")
		}
		_ = rootfs.Tree{Staging: s, Epoch: epoch}.WriteDir(t.Context(), filepath.Join(t.TempDir(), "out"))
	}
	_ = w.Close() // the attacker may make it fail, but not follow
	stop()
	must(t, os.RemoveAll(w.Path))
}

func TestAttackOnHost(t *testing.T) {
	w, s, outside := attacked(t)
	h, err := rootfs.OpenHost(s.Dir())
	must(t, err)
	defer func() { must(t, h.Close()) }()
	stop := swap(t, filepath.Join(s.Dir(), "d"), outside)
	defer stop()
	for range 300 {
		assault(t, h)
		_ = rootfs.TarDir(t.Context(), s.Dir(), io.Discard, rootfs.TarDirOptions{})
	}
	stop()
	must(t, w.Close())
}

// TestAttackOnWriteDir swaps directories of the new tree itself.
func TestAttackOnWriteDir(t *testing.T) {
	_, s, outside := attacked(t)
	for range 50 {
		out := filepath.Join(t.TempDir(), "out")
		stop := swap(t, filepath.Join(out, "d"), outside)
		_ = rootfs.Tree{Staging: s, Epoch: epoch}.WriteDir(t.Context(), out)
		stop()
	}
}

// TestAttackOnCleanup swaps a directory while the tree is removed.
func TestAttackOnCleanup(t *testing.T) {
	for range 15 {
		w, s, outside := attacked(t)
		must(t, nest(filepath.Join(s.Dir(), "d"), 120))
		stop := swap(t, filepath.Join(s.Dir(), "d"), outside)
		_ = w.Close()
		stop()
		must(t, os.RemoveAll(w.Path))
	}
}

// TestRescanNoticesReplacedDirectories: a process that puts something else in the place of the staging root, or of the
// directory that it was given for itself, would send the next one there.
func TestRescanNoticesReplacedDirectories(t *testing.T) {
	elsewhere := t.TempDir()
	for name, replace := range map[string]func(s *rootfs.Staging, scratch string) error{
		"root by a symlink": func(s *rootfs.Staging, _ string) error {
			return errors.Join(os.Rename(s.Dir(), s.Dir()+".away"), os.Symlink(elsewhere, s.Dir()))
		},
		"root by a directory": func(s *rootfs.Staging, _ string) error {
			return errors.Join(os.Rename(s.Dir(), s.Dir()+".away"), os.Mkdir(s.Dir(), 0700))
		},
		"scratch by a symlink": func(_ *rootfs.Staging, scratch string) error {
			return errors.Join(os.RemoveAll(scratch), os.Symlink(elsewhere, scratch))
		},
		"scratch by a directory": func(_ *rootfs.Staging, scratch string) error {
			return errors.Join(os.Rename(scratch, scratch+".away"), os.Mkdir(scratch, 0700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t, base())
			scratch, err := s.Scratch("tmp/holo.0")
			must(t, err)
			must(t, replace(s, filepath.Join(s.Dir(), scratch)))
			if err := s.Rescan(t.Context(), tester); !errors.Is(err, rootfs.ErrEscape) {
				t.Errorf("got %v", err)
			}
		})
	}
}
