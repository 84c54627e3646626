package rootfstest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/holo-build/holo-build/rootfs"
)

// Stage reads layers into the options' directory, and writes a staging root of them out there.
func Stage(ctx context.Context, layers []rootfs.Layer, o rootfs.StageOptions, b rootfs.BaseOptions) (*rootfs.Staging, error) {
	base, err := rootfs.ReadBase(ctx, layers, o.Dir, b)
	if err != nil {
		return nil, err
	}
	s := rootfs.Stage(base, o)
	if err := s.WriteOut(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Kept reads layers into a directory, as a cache does that keeps them, and opens what was kept: of the merged tree, each
// directory is read when it is asked for.
func Kept(ctx context.Context, layers []rootfs.Layer, dir string, o rootfs.BaseOptions) (*rootfs.Base, error) {
	var list []*rootfs.Unpacked
	for i, l := range layers {
		sub := filepath.Join(dir, "kept."+strconv.Itoa(i))
		if err := os.Mkdir(sub, 0o700); err != nil {
			return nil, err
		}
		u, err := rootfs.Unpack(ctx, l, sub, o.Limits)
		if err != nil {
			return nil, errors.Join(err, closeAll(list))
		}
		list = append(list, u)
	}
	tree := filepath.Join(dir, "kept.tree")
	if err := keep(ctx, list, tree, o); err != nil {
		return nil, err
	}
	return OpenKept(dir, len(layers), o)
}

// keep merges layers, writes the tree to a file, and closes all.
func keep(ctx context.Context, layers []*rootfs.Unpacked, file string, o rootfs.BaseOptions) (err error) {
	base, err := rootfs.Merge(ctx, layers, o)
	if err != nil {
		return errors.Join(err, closeAll(layers))
	}
	defer func() { err = errors.Join(err, closeAll(layers)) }()
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return base.WriteTree(f)
}

// OpenKept opens what Kept has kept of so many layers.
func OpenKept(dir string, layers int, o rootfs.BaseOptions) (*rootfs.Base, error) {
	var list []*rootfs.Unpacked
	for i := range layers {
		u, err := rootfs.OpenUnpacked(filepath.Join(dir, "kept."+strconv.Itoa(i)))
		if err != nil {
			return nil, errors.Join(err, closeAll(list))
		}
		list = append(list, u)
	}
	f, err := os.Open(filepath.Join(dir, "kept.tree"))
	if err != nil {
		return nil, errors.Join(err, closeAll(list))
	}
	b, err := rootfs.OpenBase(f, list, o)
	if err != nil {
		return nil, errors.Join(err, f.Close(), closeAll(list))
	}
	b.Own(f)
	for _, u := range list {
		b.Own(u)
	}
	return b, nil
}

func closeAll(list []*rootfs.Unpacked) (err error) {
	for _, u := range list {
		err = errors.Join(err, u.Close())
	}
	return err
}
