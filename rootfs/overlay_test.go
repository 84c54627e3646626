package rootfs_test

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/internal/mounts"
)

// mountIn is a stager that mounts, and attaches the mount where processes are told that it is.
func mountIn(ctx context.Context, dir string, layers []layer) (s *rootfs.Staging, done func(), err error) {
	w, err := rootfs.NewWorkDir(dir)
	if err != nil {
		return nil, nil, err
	}
	var list []rootfs.Layer
	for _, l := range layers {
		list = append(list, l)
	}
	s, err = ways()["mount"](ctx, w.Path, list, rootfs.BaseOptions{})
	if err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	clone, err := s.Clone()
	if err == nil {
		err = errors.Join(mounts.Attach(clone, s.Dir()), clone.Close())
	}
	if err != nil {
		return nil, nil, errors.Join(err, s.Close(), w.Close())
	}
	return s, func() {
		if err := errors.Join(unix.Unmount(s.Dir(), 0), s.Close(), w.Close()); err != nil {
			panic(err)
		}
	}, nil
}
