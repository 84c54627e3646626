package rootfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestMetaImageDamaged: a metadata image in which one byte is another, that is cut off or longer, or that is of other
// layers, is not taken for what was written.
func TestMetaImageDamaged(t *testing.T) {
	lower := []entry{file("f", 0640, "content").Xattr("user.k", "v"), dir("d", 0755), symlink("d/l", "f")}
	upper := []entry{file("d/g", 0644, "more"), rootfstest.Char("null", 0666, 1, 3)}
	base := func(layers ...[]entry) *rootfs.Base {
		var list []rootfs.Layer
		for _, l := range layers {
			list = append(list, rootfstest.Tar(t, l...))
		}
		b, err := rootfs.ReadBase(t.Context(), list, t.TempDir(), rootfs.BaseOptions{})
		must(t, err)
		t.Cleanup(func() { must(t, b.Close()) })
		return b
	}
	b := base(lower, upper)
	f, err := os.Create(filepath.Join(t.TempDir(), "image"))
	must(t, err)
	defer f.Close()
	must(t, b.WriteMetaImage(f))
	must(t, b.CheckMetaImage(f))
	damaged := func(what string, at int64) {
		t.Helper()
		if err := b.CheckMetaImage(f); !errors.Is(err, rootfs.ErrDamaged) {
			t.Errorf("%s %d: %v", what, at, err)
		}
	}
	info, err := f.Stat()
	must(t, err)
	size := info.Size()
	var at [1]byte
	for i := int64(0); i < size; i += 5 {
		_, err := f.ReadAt(at[:], i)
		must(t, err)
		_, err = f.WriteAt([]byte{at[0] ^ 0x10}, i)
		must(t, err)
		damaged("flipped", i)
		_, err = f.WriteAt(at[:], i)
		must(t, err)
	}
	must(t, b.CheckMetaImage(f))
	if err := base(lower).CheckMetaImage(f); !errors.Is(err, rootfs.ErrDamaged) {
		t.Errorf("of other layers: %v", err)
	}
	for _, n := range []int64{size + 4096, size + 1, size - 1, size - 4096, 1, 0} {
		must(t, f.Truncate(n))
		damaged("truncated", n)
	}
}
