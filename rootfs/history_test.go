package rootfs_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

var (
	histories = flag.Int("histories", 100, "how many random histories of each kind to try")
	first     = flag.Uint64("first", 0, "the seed of the first of each kind")
)

// TestHistories holds what every history must keep: a base and the layer that was packed of it, staged again, are the
// changed tree, as the model has it and, for root, as the disk has it.
func TestHistories(t *testing.T) {
	plain := os.Geteuid() != 0
	onDisk := !plain && !rootfstest.InUserNamespace()
	for _, o := range []struct {
		name  string
		stage stager
		rootfstest.HistoryOptions
	}{
		{"foreign", stageIn, rootfstest.HistoryOptions{Foreign: true, Unprivileged: plain}},
		{"bundled", stageIn, rootfstest.HistoryOptions{Bundled: true}},
		{"both", stageIn, rootfstest.HistoryOptions{Foreign: true, Bundled: true, Unprivileged: plain}},
		{"foreign, mounted", attachIn("mount"), rootfstest.HistoryOptions{Foreign: true}},
		{"both, mounted", attachIn("mount"), rootfstest.HistoryOptions{Foreign: true, Bundled: true}},
		{"foreign, mounted over a copy", attachIn("covered copy"), rootfstest.HistoryOptions{Foreign: true}},
		{"both, mounted over a copy", attachIn("covered copy"), rootfstest.HistoryOptions{Foreign: true, Bundled: true}},
	} {
		t.Run(o.name, func(t *testing.T) {
			if strings.Contains(o.name, "mounted") {
				rootfstest.NeedRoot(t)
			}
			if strings.HasSuffix(o.name, "mounted") && rootfstest.InUserNamespace() {
				t.Skip("no user namespace mounts EROFS")
			}
			place := places(t)
			t.Logf("seeds from %d to %d", *first, *first+uint64(*histories)-1)
			for seed := *first; seed < *first+uint64(*histories); seed++ {
				h, dir := rootfstest.NewHistory(seed, o.HistoryOptions), place(seed)
				err := checkHistory(t, o.stage, dir, h, onDisk)
				if err == nil {
					continue
				}
				small := h.Shrink(func(h rootfstest.History) bool {
					err := checkHistory(t, o.stage, dir, h, onDisk)
					return errors.As(err, new(*brokenPromise))
				})
				t.Fatalf("%v\n%v, of which remains\n%v", err, small, checkHistory(t, o.stage, dir, small, onDisk))
			}
		})
	}
}

// places are where histories are tried: one of eight on the disk, and the others in memory, which takes less time.
func places(t *testing.T) func(seed uint64) string {
	memory, disk := rootfstest.MemoryDir(t), t.TempDir()
	return func(seed uint64) string {
		if seed%8 == 0 {
			return disk
		}
		return memory
	}
}

// brokenPromise is a difference between what is and what must be.
type brokenPromise struct{ what, diff string }

func (b *brokenPromise) Error() string { return b.what + " -, +:\n" + b.diff }

func compare(what string, want, got any) error {
	if d := cmp.Diff(want, got); d != "" {
		return &brokenPromise{what, d}
	}
	return nil
}

// checkHistory stages a base, edits it, and compares. onDisk says that the disk can hold all that the model has.
func checkHistory(t *testing.T, stage stager, dir string, h rootfstest.History, onDisk bool) error {
	base := h.Tars(t)
	start := time.Now().Add(-time.Second)
	s, done, err := stage(t.Context(), dir, base)
	if err != nil {
		return err
	}
	defer done()
	if err := errors.Join(s.Rescan(t.Context(), tester), quiet(s)); err != nil {
		return fmt.Errorf("before any edit: %w", err)
	}
	if err := replay(t.Context(), s, h); err != nil {
		return err
	}
	packed, err := packBytes(t.Context(), s)
	if err != nil {
		return err
	}
	if err := s.Rescan(t.Context(), tester); err != nil {
		return err
	}
	repacked, err := packBytes(t.Context(), s)
	if err != nil {
		return err
	}
	want, err := treeBytes(t.Context(), s)
	if err != nil {
		return err
	}
	s2, done2, err := stageIn(t.Context(), dir, append(base, packed))
	if err != nil {
		return err
	}
	defer done2()
	got, err := treeBytes(t.Context(), s2)
	if err != nil {
		return err
	}
	err = compare("the changed tree -, base and layer +", rootfstest.List(t, want), rootfstest.List(t, got))
	if !bytes.Equal(packed, repacked) {
		err = errors.Join(err, compare("the layer -, after another rescan +", rootfstest.List(t, packed), rootfstest.List(t, repacked)))
	}
	if !onDisk {
		return err
	}
	var disk bytes.Buffer
	if err := rootfs.TarDir(t.Context(), s.Dir(), &disk, rootfs.TarDirOptions{}); err != nil {
		return err
	}
	return errors.Join(err, compareDisk(t, start, disk.Bytes(), want))
}

// compareDisk compares a tree with the disk. Times since start say nothing, nor do those after the epoch.
func compareDisk(t *testing.T, start time.Time, disk, model []byte) error {
	diskLines, diskTimes := rootfstest.Flat(t, disk)
	lines, times := rootfstest.Flat(t, model)
	for name, d := range diskTimes {
		if m := times[name]; d.Before(start) && !m.Equal(d) && !d.After(epoch) {
			return &brokenPromise{"time of " + name, fmt.Sprintf("%v, %v", d, m)}
		}
	}
	return compare("the disk -, the model +", diskLines, lines)
}

// quiet reports changes where there are none to be.
func quiet(s *rootfs.Staging) error {
	changes, err := s.Changes(epoch)
	if err != nil {
		return err
	}
	return compare("no changes -, changes +", []rootfs.Change(nil), changes)
}

// replay does all edits, and looks at the disk whenever it has to.
func replay(ctx context.Context, s *rootfs.Staging, h rootfstest.History) error {
	foreign := false
	for _, e := range h.Edits {
		if foreign && !e.Foreign {
			if err := s.Rescan(ctx, tester); err != nil {
				return err
			}
		}
		foreign = e.Foreign
		do := func() error { return e.Bundled(s.Root(tester)) }
		if foreign {
			do = func() error { return e.Disk(s.Dir()) }
		}
		if err := do(); err != nil {
			return fmt.Errorf("%v: %w", e, err)
		}
	}
	return s.Rescan(ctx, tester)
}

// stager stages layers in a directory of their own below dir, which done removes.
type stager func(ctx context.Context, dir string, layers []layer) (s *rootfs.Staging, done func(), err error)

// stageIn stages layers in a directory of their own below dir, which done removes.
func stageIn(ctx context.Context, dir string, layers []layer) (s *rootfs.Staging, done func(), err error) {
	w, err := rootfs.NewWorkDir(dir)
	if err != nil {
		return nil, nil, err
	}
	var list []rootfs.Layer
	for _, l := range layers {
		list = append(list, l)
	}
	s, err = rootfstest.Stage(ctx, list, rootfs.StageOptions{Dir: w.Path}, rootfs.BaseOptions{})
	if err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	return s, func() {
		if err := errors.Join(s.Close(), w.Close()); err != nil {
			panic(err)
		}
	}, nil
}

func packBytes(ctx context.Context, s *rootfs.Staging) (layer, error) {
	changes, err := s.Changes(epoch)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	err = s.WriteLayer(ctx, &buf, changes, rootfs.PackOptions{Epoch: epoch})
	return buf.Bytes(), err
}

func treeBytes(ctx context.Context, s *rootfs.Staging) ([]byte, error) {
	var buf bytes.Buffer
	err := rootfs.Tree{Staging: s, Epoch: epoch}.WriteTar(ctx, &buf)
	return buf.Bytes(), err
}
