package rootfstest

import (
	"context"
	"errors"

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
