package rootfs_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/internal/mounts"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// attachIn is a stager by a way that mounts, and attaches the mount where processes are told that it is.
func attachIn(way string) stager {
	return func(ctx context.Context, dir string, layers []layer) (s *rootfs.Staging, done func(), err error) {
		return attached(ctx, way, dir, layers)
	}
}

func attached(ctx context.Context, way, dir string, layers []layer) (s *rootfs.Staging, done func(), err error) {
	w, err := rootfs.NewWorkDir(dir)
	if err != nil {
		return nil, nil, err
	}
	var list []rootfs.Layer
	for _, l := range layers {
		list = append(list, l)
	}
	s, err = ways()[way](ctx, w.Path, list, rootfs.BaseOptions{})
	if err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	detach := func() error { return nil }
	clone, err := s.Clone()
	if err == nil && clone != nil {
		err = errors.Join(mounts.Attach(clone, s.Dir()), clone.Close())
		detach = func() error { return unix.Unmount(s.Dir(), 0) }
	}
	if err != nil {
		return nil, nil, errors.Join(err, s.Close(), w.Close())
	}
	return s, func() {
		if err := errors.Join(detach(), s.Close(), w.Close()); err != nil {
			panic(err)
		}
	}, nil
}

// TestMountedInodes: what the kernel shows of a base is, of each file, all that the layers say, but for labels, and for
// link groups, of which each name is a file of its own, as in a copy; and attributes that no kernel holds.
func TestMountedInodes(t *testing.T) {
	rootfstest.NeedRoot(t)
	lower, upper := richLayers()
	upper = append(upper, file("future", 04755, "x").At(time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)), rootfstest.Char("console", 0600, 5, 1))
	many := slices.IndexFunc(upper, func(e entry) bool { return len(e.PAXRecords["SCHILY.xattr.user.a"]) > 65535 })
	upper[many].PAXRecords = map[string]string{"SCHILY.xattr.user.a": strings.Repeat("a", 65535)} // no kernel has more
	for _, way := range []string{"mount", "kept mount"} {
		s, done, err := attached(t.Context(), way, t.TempDir(), []layer{rootfstest.Tar(t, lower...), rootfstest.Tar(t, upper...)})
		must(t, err)
		var disk bytes.Buffer
		must(t, rootfs.TarDir(t.Context(), s.Dir(), &disk, rootfs.TarDirOptions{}))
		model, err := treeBytes(t.Context(), s)
		must(t, err)
		lines, times := rootfstest.Flat(t, disk.Bytes())
		wantLines, wantTimes := rootfstest.Flat(t, model)
		if d := cmp.Diff(wantLines, lines); d != "" {
			t.Errorf("%s: the layers -, the kernel +:\n%s", way, d)
		}
		for name, want := range wantTimes {
			if !times[name].Equal(want) {
				t.Errorf("%s: the time of %s is %v, not %v", way, name, times[name], want)
			}
		}
		done()
	}
}

// TestCoveredHistories: what is done to the disk gives the same layer and tree, and the same disk, with an overlay over a
// copy and without.
func TestCoveredHistories(t *testing.T) {
	rootfstest.NeedRoot(t)
	for name, o := range map[string]rootfstest.HistoryOptions{
		"foreign": {Foreign: true, Still: true},
		"both":    {Foreign: true, Bundled: true, Still: true},
	} {
		t.Run(name, func(t *testing.T) {
			place := places(t)
			for seed := *first; seed < *first+uint64(*histories)/2; seed++ {
				h, dir := rootfstest.NewHistory(11_000+seed, o), place(seed)
				if err := checkCovered(t, dir, h); err != nil {
					small := h.Shrink(func(h rootfstest.History) bool { return errors.As(checkCovered(t, dir, h), new(*brokenPromise)) })
					t.Fatalf("%v\n%v, of which remains\n%v", err, small, checkCovered(t, dir, small))
				}
			}
		})
	}
}

func checkCovered(t *testing.T, dir string, h rootfstest.History) error {
	var want waysOutcome
	var wantDisk []string
	for _, way := range []string{"copy", "covered copy", "kept covered copy"} {
		s, done, err := attached(t.Context(), way, dir, h.Tars(t))
		if err != nil {
			return err
		}
		defer done()
		if err := replay(t.Context(), s, h); err != nil {
			return err
		}
		got := outcomeOf(t, s)
		var buf bytes.Buffer
		if err := rootfs.TarDir(t.Context(), s.Dir(), &buf, rootfs.TarDirOptions{}); err != nil {
			return err
		}
		disk, _ := rootfstest.Flat(t, buf.Bytes())
		if way == "copy" {
			want, wantDisk = got, disk
			continue
		}
		err = errors.Join(compare("the disk of a copy -, of a "+way+" +", wantDisk, disk), compare("the changes of a copy -, of a "+way+" +", want.changes, got.changes))
		if !bytes.Equal(want.packed, got.packed) || !bytes.Equal(want.tree, got.tree) {
			err = errors.Join(err, compare("the layer", rootfstest.List(t, want.packed), rootfstest.List(t, got.packed)),
				compare("the tree", rootfstest.List(t, want.tree), rootfstest.List(t, got.tree)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
