package rootfs

import (
	"encoding/binary"
	"fmt"
	"math"
)

// decoder takes values from the front of what was read and checked; after an error it returns zeros.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(why string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrDamaged, why)
	}
	d.b = nil
}

// fixed returns the next n bytes, zeros where there are less.
func (d *decoder) fixed(n int) []byte {
	if len(d.b) < n {
		d.fail("it is cut off")
		return make([]byte, n)
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) byte() byte { return d.fixed(1)[0] }

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail("a number is cut off or too long")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v := d.uvarint()
	return int64(v>>1) ^ -int64(v&1) // encoding/binary's zigzag
}

// size is a number that no size or offset exceeds.
func (d *decoder) size() int64 {
	v := d.uvarint()
	if v > math.MaxInt64 {
		d.fail("a number is too large")
		return 0
	}
	return int64(v)
}

func (d *decoder) uint32(most uint32) uint32 {
	v := d.uvarint()
	if v > uint64(most) {
		d.fail("a number is too large")
		return 0
	}
	return uint32(v)
}

func (d *decoder) string() string {
	n := d.size()
	if n > int64(len(d.b)) {
		d.fail("it is cut off")
		return ""
	}
	return string(d.fixed(int(n)))
}
