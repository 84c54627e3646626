package rootfs

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs/internal/erofs"
)

// A metadata image is an EROFS image of the base that names the layers' data as its devices, so that the kernel can show
// the tree. Each name of a link group is a file of its own in it, as in a copy: one that is written to becomes that, and
// what a plugin sees must not depend on the way of staging. What EROFS has no room for, and labels, only the model has.
//
// The image is followed by a block that begins with metaImageMagic, the SHA-256 of which layers it is of, and the
// SHA-256 of all before these; the rest of it is zero.
const metaImageMagic = "holo-build metadata image 1\n"

// WriteMetaImage writes the metadata image, which Mount takes. It is to be written before anything is staged. A tree
// that EROFS can't hold is errors.ErrUnsupported.
func (b *Base) WriteMetaImage(w io.Writer) error {
	err := b.tree.readAll(b.tree.root)
	var of [32]byte
	if err == nil {
		of, err = b.ofLayers()
	}
	if err == nil {
		h := sha256.New()
		image := &imager{devices: map[*store]int{}}
		_, err = erofs.Write(io.MultiWriter(w, h), image.tree(b), erofs.Options{Devices: image.sizes, UUID: [16]byte(of[:]), Overlay: true})
		if err == nil {
			block := append([]byte(metaImageMagic), of[:]...)
			h.Write(block)
			_, err = w.Write(append(h.Sum(block), make([]byte, dataBlock-len(block)-sha256.Size)...))
		}
	}
	if errors.Is(err, erofs.ErrUnrepresentable) {
		err = fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	if err != nil {
		return fmt.Errorf("writing the metadata image: %w", err)
	}
	return nil
}

// ofLayers is a digest that tells the layers, as they were unpacked, from any others.
func (b *Base) ofLayers() (sum [32]byte, err error) {
	h := sha256.New()
	for _, l := range b.layers {
		is, err := l.Summary()
		if err != nil {
			return sum, err
		}
		h.Write(is.Sum[:])
	}
	return [32]byte(h.Sum(nil)), nil
}

// CheckMetaImage reads a metadata image whole, and fails if it is not what was written for these layers: ErrDamaged.
func (b *Base) CheckMetaImage(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	block := make([]byte, dataBlock)
	head := len(metaImageMagic) + sha256.Size
	rest := block[head+sha256.Size:]
	size := info.Size() - int64(len(block))
	if size < 0 {
		return fmt.Errorf("%w: it is cut off", ErrDamaged)
	}
	h := sha256.New()
	if _, err := copyBytes(h, io.NewSectionReader(f, 0, size), size); err != nil {
		return err
	}
	if _, err := f.ReadAt(block, size); err != nil {
		return err
	}
	h.Write(block[:head])
	of, err := b.ofLayers()
	switch {
	case err != nil:
		return err
	case !strings.HasPrefix(string(block), metaImageMagic), [32]byte(h.Sum(nil)) != [32]byte(block[head:head+sha256.Size]),
		strings.Trim(string(rest), "\x00") != "":
		return fmt.Errorf("%w: it has another digest", ErrDamaged)
	case [32]byte(block[len(metaImageMagic):head]) != of:
		return fmt.Errorf("%w: it is of other layers", ErrDamaged)
	}
	return nil
}

// imager makes EROFS inodes of a tree.
type imager struct {
	devices map[*store]int
	sizes   []int64
}

// tree returns the root. Layers without content are no devices.
func (i *imager) tree(b *Base) *erofs.Inode {
	for _, l := range b.withData() {
		i.devices[l.data] = len(i.sizes)
		info, err := l.data.file.Stat()
		if err != nil {
			continue // its size is 0, and whatever names it is an error
		}
		i.sizes = append(i.sizes, info.Size()/dataBlock)
	}
	return i.inode(b.tree.root)
}

// withData returns the layers that have any content.
func (b *Base) withData() (list []*Unpacked) {
	for _, l := range b.layers {
		if info, err := l.data.file.Stat(); err != nil || info.Size() > 0 {
			list = append(list, l)
		}
	}
	return list
}

func (i *imager) inode(n *node) *erofs.Inode {
	m := n.base
	shown, _ := mountable(m.Xattrs)
	out := &erofs.Inode{Mode: m.Mode | modeOf(m.Type), UID: m.UID, GID: m.GID, Major: m.Major, Minor: m.Minor, ModTime: m.ModTime,
		Size: m.Size, Target: m.Target, Xattrs: shown}
	if m.Type == Regular && m.Size > 0 {
		out.Device, out.Offset = i.devices[m.in], m.offset
	}
	for _, c := range n.sorted() {
		out.Entries = append(out.Entries, erofs.Entry{Name: c.name, Inode: i.inode(c)})
	}
	return out
}

// modeOf is a type as in st_mode; inode(7).
func modeOf(t Type) uint32 {
	return [...]uint32{unix.S_IFREG, unix.S_IFDIR, unix.S_IFLNK, unix.S_IFCHR, unix.S_IFBLK, unix.S_IFIFO}[t]
}

// mountable divides extended attributes into those that the kernel shows of a mounted base and those that only the model
// has.
func mountable(all map[string]string) (shown, hidden map[string]string) {
	for name, value := range all {
		to := &hidden
		if ofFile(name) && erofs.CanHold(name, value) {
			to = &shown
		}
		if *to == nil {
			*to = map[string]string{}
		}
		(*to)[name] = value
	}
	return shown, hidden
}
