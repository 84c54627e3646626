package rootfs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// ways are the ways of staging, each of a base that was just merged and of one that was kept.
func ways() map[string]func(ctx context.Context, dir string, layers []rootfs.Layer, o rootfs.BaseOptions) (*rootfs.Staging, error) {
	type reader func(ctx context.Context, dir string, layers []rootfs.Layer, o rootfs.BaseOptions) (*rootfs.Base, error)
	read := func(ctx context.Context, dir string, layers []rootfs.Layer, o rootfs.BaseOptions) (*rootfs.Base, error) {
		return rootfs.ReadBase(ctx, layers, dir, o)
	}
	kept := func(ctx context.Context, dir string, layers []rootfs.Layer, o rootfs.BaseOptions) (*rootfs.Base, error) {
		return rootfstest.Kept(ctx, layers, dir, o)
	}
	way := func(base reader, finish func(*rootfs.Staging, context.Context) error) func(context.Context, string, []rootfs.Layer, rootfs.BaseOptions) (*rootfs.Staging, error) {
		return func(ctx context.Context, dir string, layers []rootfs.Layer, o rootfs.BaseOptions) (*rootfs.Staging, error) {
			b, err := base(ctx, dir, layers, o)
			if err != nil {
				return nil, err
			}
			s := rootfs.Stage(b, rootfs.StageOptions{Dir: dir, Start: time.Now()})
			if err := finish(s, ctx); err != nil {
				return nil, errors.Join(err, s.Close())
			}
			return s, nil
		}
	}
	view := func(*rootfs.Staging, context.Context) error { return nil }
	list := map[string]func(ctx context.Context, dir string, layers []rootfs.Layer, o rootfs.BaseOptions) (*rootfs.Staging, error){
		"view":      way(read, view),
		"kept view": way(kept, view),
		"copy":      way(read, (*rootfs.Staging).WriteOut),
		"kept copy": way(kept, (*rootfs.Staging).WriteOut),
	}
	if os.Geteuid() == 0 {
		list["covered copy"] = way(read, covered)
		list["kept covered copy"] = way(kept, covered)
		if !rootfstest.InUserNamespace() {
			list["mount"] = mounted(read)
			list["kept mount"] = mounted(kept)
		}
	}
	return list
}

// covered writes a tree out and puts an overlay over it.
func covered(s *rootfs.Staging, ctx context.Context) error {
	if err := s.WriteOut(ctx); err != nil {
		return err
	}
	return s.Cover(ctx, nil)
}

// mounted mounts a base, by a metadata image that is made for it.
func mounted(read func(context.Context, string, []rootfs.Layer, rootfs.BaseOptions) (*rootfs.Base, error)) func(context.Context, string, []rootfs.Layer, rootfs.BaseOptions) (*rootfs.Staging, error) {
	return func(ctx context.Context, dir string, layers []rootfs.Layer, o rootfs.BaseOptions) (*rootfs.Staging, error) {
		b, err := read(ctx, dir, layers, o)
		if err != nil {
			return nil, err
		}
		image, err := os.Create(filepath.Join(dir, "image"))
		if err == nil {
			err = b.WriteMetaImage(image)
		}
		if err != nil {
			return nil, errors.Join(err, b.Close())
		}
		s := rootfs.Stage(b, rootfs.StageOptions{Dir: dir, Start: time.Now()})
		if err := errors.Join(s.Mount(ctx, image, nil), image.Close()); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		return s, nil
	}
}

// stageBy stages layers by a way, for the time of the test.
func stageBy(t *testing.T, way string, layers ...layer) *rootfs.Staging {
	t.Helper()
	return stageBelow(t, t.TempDir(), way, layers...)
}

// stageBelow does so in a directory.
func stageBelow(t *testing.T, dir, way string, layers ...layer) *rootfs.Staging {
	t.Helper()
	w, err := rootfs.NewWorkDir(dir)
	must(t, err)
	t.Cleanup(func() { must(t, w.Close()) })
	var list []rootfs.Layer
	for _, l := range layers {
		list = append(list, l)
	}
	s, err := ways()[way](t.Context(), w.Path, list, rootfs.BaseOptions{})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// TestWaysAgree: the same edits give the same changes, layer and tree, byte by byte, whichever way the tree was staged.
func TestWaysAgree(t *testing.T) {
	place := places(t)
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { // at the end of which its trees are closed
			h := rootfstest.NewHistory(5000+seed, rootfstest.HistoryOptions{Bundled: true})
			var want waysOutcome
			for name := range ways() {
				s := stageBelow(t, place(seed), name, h.Tars(t)...)
				must(t, replay(t.Context(), s, h))
				got := outcomeOf(t, s)
				if want.packed == nil {
					want = got
					continue
				}
				if d := cmp.Diff(want.changes, got.changes); d != "" {
					t.Fatalf("%s: the changes of another way -, its own +:\n%s", name, d)
				}
				if !bytes.Equal(want.packed, got.packed) || !bytes.Equal(want.tree, got.tree) {
					t.Fatalf("%s: %v", name, errors.Join(
						compare("the layer of another way", rootfstest.List(t, want.packed), rootfstest.List(t, got.packed)),
						compare("the tree of another way", rootfstest.List(t, want.tree), rootfstest.List(t, got.tree))))
				}
			}
		})
	}
}

type waysOutcome struct {
	changes      []rootfs.Change
	packed, tree []byte
}

// outcomeOf is what came of the edits, without the times of what the build has written: they say nothing.
func outcomeOf(t *testing.T, s *rootfs.Staging) (o waysOutcome) {
	t.Helper()
	var err error
	o.changes, err = s.Changes(epoch)
	must(t, err)
	for i := range o.changes {
		if a := &o.changes[i].After; a.ModTime.After(epoch) {
			a.ModTime = epoch
		}
	}
	o.packed, err = packBytes(t.Context(), s)
	must(t, err)
	o.tree, err = treeBytes(t.Context(), s)
	must(t, err)
	return o
}

// TestViewThenWriteOut: what was changed in a view is in the directory that is made of it, and goes on from there.
func TestViewThenWriteOut(t *testing.T) {
	for seed := range uint64(20) {
		h := rootfstest.NewHistory(7000+seed, rootfstest.HistoryOptions{Bundled: true})
		want := stageBy(t, "copy", h.Tars(t)...)
		must(t, replay(t.Context(), want, h))
		first, second := h, h
		first.Edits, second.Edits = h.Edits[:len(h.Edits)/2], h.Edits[len(h.Edits)/2:]
		s := stageBy(t, []string{"view", "kept view"}[seed%2], h.Tars(t)...)
		must(t, replay(t.Context(), s, first))
		must(t, s.WriteOut(t.Context()))
		must(t, s.Rescan(t.Context(), tester))
		must(t, replay(t.Context(), s, second))
		a, b := outcomeOf(t, want), outcomeOf(t, s)
		if !bytes.Equal(a.packed, b.packed) || !bytes.Equal(a.tree, b.tree) {
			t.Fatalf("seed %d: %v", h.Seed, compare("the layer of a copy", rootfstest.List(t, a.packed), rootfstest.List(t, b.packed)))
		}
		if !slices.EqualFunc(a.changes, b.changes, func(x, y rootfs.Change) bool { return x.Path == y.Path && x.Kind == y.Kind }) {
			t.Errorf("seed %d: other changes", h.Seed)
		}
	}
}

// TestMountRefused: after a mount that turned out to be of no use, the tree is as before it, and nothing is left of it;
// over a base and over a copy.
func TestMountRefused(t *testing.T) {
	rootfstest.NeedRoot(t)
	refuse := func(mount *os.File, at string) error {
		if _, err := os.Stat("/proc/self/fd/" + strconv.Itoa(int(mount.Fd())) + "/."); err != nil {
			t.Error(err)
		}
		return fmt.Errorf("%s is of no use: %w", at, errors.ErrUnsupported)
	}
	for seed := range uint64(6) {
		h := rootfstest.NewHistory(9000+seed, rootfstest.HistoryOptions{Bundled: true})
		want := stageBy(t, "copy", h.Tars(t)...)
		must(t, replay(t.Context(), want, h))
		s := stageBy(t, []string{"view", "kept view"}[seed%2], h.Tars(t)...)
		image, err := os.CreateTemp(t.TempDir(), "image")
		must(t, err)
		must(t, s.Base().WriteMetaImage(image))
		if err := s.Mount(t.Context(), image, refuse); !errors.Is(err, errors.ErrUnsupported) || s.Dir() != "" {
			t.Errorf("%v, and the directory %q", err, s.Dir())
		}
		if seed%3 > 0 {
			must(t, s.WriteOut(t.Context()))
		}
		if seed%3 > 0 {
			if err := s.Mount(t.Context(), image, nil); err == nil {
				t.Error("mounted over what was written out")
			}
		}
		if seed%3 == 2 {
			if err := s.Cover(t.Context(), refuse); !errors.Is(err, errors.ErrUnsupported) {
				t.Error(err)
			}
			for _, name := range []string{"upper", "work"} {
				if _, err := os.Lstat(filepath.Join(filepath.Dir(s.Dir()), name)); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s is left: %v", name, err)
				}
			}
		}
		must(t, replay(t.Context(), s, h))
		a, b := outcomeOf(t, want), outcomeOf(t, s)
		if !bytes.Equal(a.packed, b.packed) || !bytes.Equal(a.tree, b.tree) {
			t.Fatalf("seed %d: %v", h.Seed, compare("the layer of a copy", rootfstest.List(t, a.packed), rootfstest.List(t, b.packed)))
		}
	}
}
