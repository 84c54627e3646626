package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/spf13/cobra"
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
			return enough(runLog(cmd.Context(), p, o))
		},
	}
	o.addFlags(cmd.Flags())
	complete(p, cmd, nil)
	return cmd
}

// enough is the error of printing something long: none if its reader has seen enough.
func enough(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return withWayOut(err)
}

func runLog(ctx context.Context, p process, o logOptions) error {
	return o.withImage(ctx, p, func(img loggedImage) error {
		return img.eachLog(ctx, func(layer int, log []byte) error {
			if o.format == formatJSON {
				_, err := p.stdout.Write(log)
				return err
			}
			return printLog(p.stdout, fmt.Sprintf("Layer %d of %d", layer, len(img.Layers)), log)
		})
	})
}
