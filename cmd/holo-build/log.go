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
	"syscall"

	"github.com/spf13/cobra"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/rootfs"
)

func logCommand(p process) *cobra.Command {
	var o logOptions
	cmd := &cobra.Command{
		Use:   "log IMAGE [--format text|json]",
		Short: "Print the apply log that an image carries",
		Long: `log prints what holo-build wrote down when it made layers of IMAGE, oldest
first: each entity with its sources and outcome, and each changed path with the
entity that changed it. IMAGE is any source that build takes.

--format json prints the log as it lies in the image: JSON Lines, described in
docs/apply-log.md.

Exit status: 0 done; 1 failed, or the image has no log; 2 wrong use.`,
		Args: oneArg("IMAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.source = args[0]
			err := withWayOut(runLog(cmd.Context(), p, o))
			if errors.Is(err, syscall.EPIPE) {
				return nil // a reader that has seen enough
			}
			return err
		},
	}
	cmd.Flags().StringVar(&o.format, "format", formatText, formatUsage)
	cmd.Flags().StringVar(&o.platform, "platform", "", "image of an index to take: `OS/ARCH[/VARIANT]`")
	cmd.Flags().StringArrayVar(&o.limits, "limit", nil, limitUsage)
	return cmd
}

// logOptions are the flags of log.
type logOptions struct {
	source, format, platform string
	limits                   []string
}

func runLog(ctx context.Context, p process, o logOptions) (err error) {
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
	img, err := openSource(ctx, o.source, oci.OpenOptions{Platform: o.platform, Dir: work.Path, Limits: limits, Stdin: p.stdin})
	if err != nil {
		return err
	}
	found := false
	for i, l := range img.Layers {
		if !mayHaveLog(img, i) {
			continue
		}
		log, err := readLog(ctx, l, limits)
		if err != nil {
			return fmt.Errorf("reading layer %d of %s: %w", i+1, o.source, err)
		}
		if log == nil {
			continue
		}
		found = true
		if o.format == formatJSON {
			_, err = p.stdout.Write(log)
		} else {
			err = printLog(p.stdout, fmt.Sprintf("Layer %d of %d", i+1, len(img.Layers)), log)
		}
		if err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("%s carries no apply log: it was not made by holo-build, or with --ephemeral", o.source)
	}
	return nil
}

// mayHaveLog reports whether a layer need be read: where the history has an entry for each layer, ours says so.
func mayHaveLog(img *oci.Image, layer int) bool {
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
	r, err := l.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	tr := tar.NewReader(r)
	exact := false
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			// The rest belongs to the digest, which is checked at its end.
			_, err := io.Copy(io.Discard, r)
			return log, err
		}
		if err != nil {
			return nil, err
		}
		name := strings.TrimPrefix(path.Clean(h.Name), "/")
		if h.Typeflag != tar.TypeReg || exact || path.Base(name) != path.Base(applyLogPath) {
			continue
		}
		if h.Size > limits.OutputBytes {
			return nil, fmt.Errorf("apply log of %d bytes: %w", h.Size, rootfs.ErrLimit)
		}
		found, err := io.ReadAll(tr)
		if err != nil {
			return nil, err
		}
		if exact = name == applyLogPath; exact || bytes.HasPrefix(found, []byte(`{"type":"build"`)) {
			log = found
		}
	}
}
