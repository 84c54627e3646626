package rootfs

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// TarDirOptions say how a directory is read.
type TarDirOptions struct {
	Limits Limits
	// Notice is told what is left out and why; nil means nobody listens.
	Notice func(string)
}

// TarDir writes a directory of the host as one deterministic tar, as a source that is no image: names in byte order,
// hard links kept, times as they are. Nothing in the directory is changed.
//
// Sockets are left out, with a notice, and so is what is mounted inside: /proc and /sys, when the directory is a running
// system's root. Of extended attributes, those of the building host's security policy and file system are left out.
func TarDir(ctx context.Context, dir string, w io.Writer, o TarDirOptions) error {
	d, err := openDisk(dir, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_SYMLINKS)
	if err != nil {
		return err
	}
	defer d.close()
	t := &tarDir{limits: o.Limits.WithDefaults(), notice: o.Notice, tw: tar.NewWriter(w), links: map[fileID]string{}}
	m, _, err := readMeta(d.fd, ".")
	if err != nil {
		return fmt.Errorf("reading %s: %w", dir, err)
	}
	if err = t.tw.WriteHeader(header(".", m)); err == nil {
		err = t.dir(ctx, ".", d.fd)
	}
	if err == nil {
		err = t.tw.Close()
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", dir, err)
	}
	return nil
}

type tarDir struct {
	limits Limits
	notice func(string)
	tw     *tar.Writer
	count  int
	links  map[fileID]string
}

func (t *tarDir) say(text string) {
	if t.notice != nil {
		t.notice(text)
	}
}

func (t *tarDir) dir(ctx context.Context, path string, dirfd int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	list, err := names(dirfd)
	if err != nil {
		return pathError(path, err)
	}
	for _, name := range list {
		if t.count++; t.count > t.limits.Entries {
			return fmt.Errorf("more than %d files: %w", t.limits.Entries, ErrLimit)
		}
		child := joinName(path, name)
		if len(child) >= t.limits.NameBytes {
			return fmt.Errorf("name of %d bytes: %w", len(child), ErrLimit)
		}
		if err := t.file(ctx, child, dirfd, name); err != nil {
			return pathError(child, err)
		}
	}
	return nil
}

func (t *tarDir) file(ctx context.Context, path string, dirfd int, name string) error {
	m, st, err := readMeta(dirfd, name)
	if errors.Is(err, errSocket) {
		t.say(noSocket(path))
		return nil
	}
	if err != nil {
		return err
	}
	if why := untarrable(m); why != "" {
		return fmt.Errorf("%w: %s", ErrName, why)
	}
	h := header(path, m)
	if first, ok := t.links[st.id()]; ok && m.Type != Directory {
		h.Typeflag, h.Linkname, h.Size, h.PAXRecords = tar.TypeLink, first, 0, nil
		return t.tw.WriteHeader(h)
	}
	if m.Type != Directory && st.nlink > 1 {
		t.links[st.id()] = path
	}
	switch {
	case m.Type == Regular:
		return t.regular(ctx, h, dirfd, name)
	case m.Type == Directory:
		if err := t.tw.WriteHeader(h); err != nil {
			return err
		}
		fd, err := openChild(dirfd, name)
		if errors.Is(err, errMounted) {
			t.say(path + " is a mount point: what is mounted there is left out")
			return nil
		}
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return t.dir(ctx, path, fd)
	}
	return t.tw.WriteHeader(h)
}

func (t *tarDir) regular(ctx context.Context, h *tar.Header, dirfd int, name string) error {
	if h.Size > t.limits.FileBytes {
		return tooLarge(h.Size)
	}
	f, err := openRegularAt(dirfd, name, sameMount&^unix.RESOLVE_NO_XDEV)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := t.tw.WriteHeader(h); err != nil {
		return err
	}
	size, err := copyBytes(t.tw, stopReader{f, ctx.Err}, h.Size)
	if err == nil && size != h.Size || errors.Is(err, ErrLimit) {
		return errChanging
	}
	return err
}
