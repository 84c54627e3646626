package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holo-build/holo-build/oci/cache"
)

func cacheVerifyCommand(p process) *cobra.Command {
	var o cacheOptions
	var look bool
	var progress string
	cmd := &cobra.Command{
		Use:   "verify [--dry-run]",
		Short: "Read all that is kept, and remove what is damaged",
		Long: `verify reads all that is kept and takes its digests anew. What is damaged is
removed, and made again when a build needs it. Files that no build has put there
are told of and left alone.

Standard output gets a line for each damage and each such file.

Exit status: 0 done; 1 failed; 2 wrong use; 3 something was damaged.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runCacheVerify(cmd.Context(), p, o, look, progress)
		},
	}
	o.addFlags(cmd.Flags())
	cmd.Flags().BoolVar(&look, "dry-run", false, "remove nothing")
	cmd.Flags().StringVar(&progress, "progress", "auto", "`MODE` of progress: auto, tty, plain, json, none")
	return cmd
}

func runCacheVerify(ctx context.Context, p process, o cacheOptions, look bool, progress string) error {
	ui, err := newUI(p, progress, false)
	if err != nil {
		return err
	}
	c, err := o.open(p, ui.warn)
	if err != nil {
		return err
	}
	defer c.Close()
	vo := cache.VerifyOptions{Fix: !look}
	if ui.mode == "tty" || ui.mode == "json" { // else it is not worth a line
		ui.begin("Verifying " + c.Dir())
		vo.Progress = ui.bytes
	}
	found, err := c.Verify(ctx, vo)
	ui.end()
	if err != nil {
		return err
	}
	for _, d := range found.Damaged {
		what := "damaged"
		if d.Removed {
			what = "removed"
		}
		if _, err := fmt.Fprintf(p.stdout, "%s %s: %s\n", what, printable(d.Path), printable(d.Err.Error())); err != nil {
			return err
		}
	}
	for _, path := range found.Unknown {
		if _, err := fmt.Fprintf(p.stdout, "unknown %s\n", printable(path)); err != nil {
			return err
		}
	}
	ui.report(fmt.Sprintf("%s whole, %s\n", counted(found.Entries, "entry", "entries"), sizeText(found.Bytes)))
	if n := len(found.Damaged); n > 0 {
		return differenceError{fmt.Errorf("verifying the cache %s: %s damaged", c.Dir(), counted(n, "file or directory is", "files and directories are"))}
	}
	return nil
}
