package rootfs_test

import (
	"math"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
)

func TestLimitOfALayer(t *testing.T) {
	for _, test := range []struct {
		limits       rootfs.Limits
		stored, want int64
	}{
		{rootfs.Limits{}, 0, 1 << 30},
		{rootfs.Limits{}, 1000, 1 << 30},
		{rootfs.Limits{}, 10 << 20, 1100 * 10 << 20},
		{rootfs.Limits{}, math.MaxInt64, 256 << 30},
		{rootfs.Limits{LayerBytes: 1000}, 10, 1000},
		{rootfs.Limits{LayerBytes: 1 << 40, Ratio: 1}, 5 << 30, 5 << 30},
	} {
		if got := test.limits.Layer(test.stored); got != test.want {
			t.Errorf("%+v, %d stored: %d, want %d", test.limits, test.stored, got, test.want)
		}
	}
}
