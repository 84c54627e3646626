package rootfs

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"time"
)

// PackOptions say how a layer is packed.
type PackOptions struct {
	// Epoch is the time that everything gets which the build has written, and the latest that anything in the layer
	// can have.
	Epoch time.Time
	// Progress is told of each entry; nil means nobody listens.
	Progress func(done, total int)
}

// WriteLayer writes changes, as Changes returned them, as one deterministic tar by image-spec's layer.md: sorted, each
// preceded by its parents with their metadata, whiteouts for what went, never an opaque mark, no user or group names,
// PAX records only where a value needs them.
func (s *Staging) WriteLayer(ctx context.Context, w io.Writer, changes []Change, o PackOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &packer{s: s, tw: tar.NewWriter(w), epoch: o.Epoch, written: map[*node]bool{s.tree.root: true}}
	for i, c := range changes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.change(ctx, c); err != nil {
			return fmt.Errorf("packing %s: %w", c.Path, err)
		}
		if o.Progress != nil {
			o.Progress(i+1, len(changes))
		}
	}
	if err := p.tw.Close(); err != nil {
		return fmt.Errorf("packing: %w", err)
	}
	return nil
}

// packer writes nodes of a staging as tar entries.
type packer struct {
	s     *Staging
	tw    *tar.Writer
	epoch time.Time
	// written are the directories that the tar has already.
	written map[*node]bool
}

func (p *packer) change(ctx context.Context, c Change) error {
	dir, base := splitName(c.Path)
	if c.Path != "." {
		if err := p.parents(ctx, p.s.tree.lookup(dir)); err != nil {
			return err
		}
	}
	if c.Kind == Deleted {
		return p.tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: joinName(dir, whiteoutPrefix+base),
			ModTime: p.epoch})
	}
	n := p.s.tree.lookup(c.Path)
	if n == nil {
		return fmt.Errorf("internal error: changed and gone")
	}
	m := p.s.final(n, p.epoch)
	if m.Type == Directory {
		p.written[n] = true
	}
	return p.entry(ctx, n, m, c.LinkTo)
}

// parents writes the directories that lead to an entry, with the metadata that they have.
func (p *packer) parents(ctx context.Context, n *node) error {
	if n == nil || p.written[n] {
		return nil
	}
	if err := p.parents(ctx, n.parent); err != nil {
		return err
	}
	p.written[n] = true
	return p.entry(ctx, n, p.s.final(n, p.epoch), "")
}

// entry writes one file, with its content unless it is a link to one written before.
func (p *packer) entry(ctx context.Context, n *node, m Meta, linkTo string) error {
	h := header(n.path(), m)
	if linkTo != "" {
		h.Typeflag, h.Linkname, h.Size = tar.TypeLink, linkTo, 0
		h.PAXRecords = nil
	}
	if err := p.tw.WriteHeader(h); err != nil {
		return err
	}
	if m.Type != Regular || linkTo != "" {
		return nil
	}
	return p.s.medium.write(ctx, n, p.tw)
}

// header describes a file as a tar entry. The format is left to archive/tar, which takes the oldest that can say it
// all; only sub-second times have to be asked for.
func header(path string, m Meta) *tar.Header {
	h := &tar.Header{Name: path, Mode: int64(m.Mode), Uid: int(m.UID), Gid: int(m.GID), ModTime: m.ModTime}
	switch m.Type {
	case Regular:
		h.Typeflag, h.Size = tar.TypeReg, m.Size
	case Directory:
		h.Typeflag, h.Name = tar.TypeDir, path+"/"
	case Symlink:
		h.Typeflag, h.Linkname = tar.TypeSymlink, m.Target
	case CharDevice:
		h.Typeflag, h.Devmajor, h.Devminor = tar.TypeChar, int64(m.Major), int64(m.Minor)
	case BlockDevice:
		h.Typeflag, h.Devmajor, h.Devminor = tar.TypeBlock, int64(m.Major), int64(m.Minor)
	case FIFO:
		h.Typeflag = tar.TypeFifo
	}
	if m.ModTime.Nanosecond() != 0 {
		h.Format = tar.FormatPAX
	}
	for name, value := range m.Xattrs {
		if ownedByOverlay(name) {
			continue
		}
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords[xattrPrefix+name] = value
	}
	return h
}
