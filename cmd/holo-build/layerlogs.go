package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/spf13/pflag"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/rootfs"
)

// logOptions are the flags of the verbs that read the logs of an image.
type logOptions struct {
	source, format, platform string
	limits                   []string
}

func (o *logOptions) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.format, "format", formatText, formatUsage)
	f.StringVar(&o.platform, "platform", "", "image of an index to take: `OS/ARCH[/VARIANT]`")
	f.StringArrayVar(&o.limits, "limit", nil, limitUsage)
}

// loggedImage is an image whose apply logs are read. They are as little to be trusted as all else in it: whoever made
// the image may have written them.
type loggedImage struct {
	*oci.Image
	source string
	limits rootfs.Limits
}

// withImage opens the image for as long as f works on it.
func (o logOptions) withImage(ctx context.Context, p process, f func(img loggedImage) error) (err error) {
	if err := checkFormat(o.format); err != nil {
		return err
	}
	limits, err := parseLimits(o.limits)
	if err != nil {
		return err
	}
	work, err := rootfs.NewWorkDir(p.tempDir())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, work.Close()) }()
	img, err := openSource(ctx, o.source, oci.OpenOptions{Platform: o.platform, Dir: work.Path, Limits: limits.Limits, Stdin: p.stdin})
	if err != nil {
		return err
	}
	return f(loggedImage{img, o.source, limits.Limits})
}

// eachLog calls f with the log of each layer that has one, oldest first. Layers count from one. An image without any log
// is an error.
func (img loggedImage) eachLog(ctx context.Context, f func(layer int, log []byte) error) error {
	found := false
	for i, l := range img.Layers {
		if !img.mayHaveLog(i) {
			continue
		}
		log, err := readLog(ctx, l, img.limits)
		if err != nil {
			return fmt.Errorf("reading layer %d of %s: %w", i+1, img.source, err)
		}
		if log == nil {
			continue
		}
		found = true
		if err := f(i+1, log); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("%s carries no apply log: it was not made by holo-build, or with --ephemeral", img.source)
	}
	return nil
}

// mayHaveLog reports whether a layer need be read: where the history has an entry for each layer, ours says so.
func (img loggedImage) mayHaveLog(layer int) bool {
	var created []string
	for _, h := range img.History() {
		if !h.EmptyLayer {
			created = append(created, h.CreatedBy)
		}
	}
	return len(created) != len(img.Layers) || strings.HasPrefix(created[layer], historyPrefix)
}

// readLog finds the apply log in a layer; nil if it has none. In an image where /var or a directory below is a symlink,
// it lies where that leads: then a file of that name is taken, if it begins as a log does.
func readLog(ctx context.Context, l rootfs.Layer, limits rootfs.Limits) (log []byte, err error) {
	exact := false
	err = eachEntry(ctx, l, func(h *tar.Header, content io.Reader) error {
		name := entryName(h)
		if h.Typeflag != tar.TypeReg || exact || path.Base(name) != path.Base(applyLogPath) {
			return nil
		}
		if h.Size > limits.OutputBytes {
			return fmt.Errorf("apply log of %d bytes: %w", h.Size, rootfs.ErrLimit)
		}
		found, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		if exact = name == applyLogPath; exact || bytes.HasPrefix(found, []byte(`{"type":"build"`)) {
			log = found
		}
		return nil
	})
	return log, err
}

// eachEntry calls f with each entry of a layer.
func eachEntry(ctx context.Context, l rootfs.Layer, f func(h *tar.Header, content io.Reader) error) (err error) {
	r, err := l.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			// The rest belongs to the digest, which is checked at its end.
			_, err := io.Copy(io.Discard, r)
			return err
		}
		if err == nil {
			err = f(h, tr)
		}
		if err != nil {
			return err
		}
	}
}

// entryName is the name of an entry as the tree has it, without a leading slash.
func entryName(h *tar.Header) string { return strings.TrimPrefix(path.Clean("/"+h.Name), "/") }
