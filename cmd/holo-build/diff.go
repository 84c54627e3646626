package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holo-build/holo-build/plugins/holo"
)

func diffCommand(p process) *cobra.Command {
	o := lookOptions{buildOptions: buildOptions{dryRun: true}}
	cmd := &cobra.Command{
		Use:   "diff SOURCE [SELECTOR]... [-r DIR]...",
		Short: "Show how an image or a directory has drifted from what was last applied",
		Long: `diff shows, for each entity of SOURCE, how what is there differs from what its
plugin applied last: what somebody else has changed since. Nothing is changed.
SOURCE is any source that build takes; "/" is the running system.

` + selectorHelp + `

--format json prints one object a line: "entity", "plugin" and "diff".

Exit status: 0 nothing differs; 1 failed; 2 wrong use; 3 something differs; 129,
130 and 143 interrupted.`,
		Example: `  holo-build diff oci:app:1
  holo-build diff rootfs:snapshot file:/etc/motd`,
		Args: sourceAndSelectors,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.source, o.selectors = args[0], args[1:]
			return runLook(cmd.Context(), p, o, func(ctx context.Context, b *build, host *holo.Host, list []*holo.Scanned) (string, error) {
				return b.diffText(ctx, o, host, list)
			})
		},
	}
	o.addLookFlags(cmd.Flags())
	complete(p, cmd, &o.buildOptions)
	return cmd
}

// drift is how an entity differs from what was last applied.
type drift struct {
	Entity string `json:"entity"`
	Plugin string `json:"plugin"`
	Diff   string `json:"diff"`
}

// diffText shows the diffs of entities. One that can't be had is an error, in the end.
func (b *build) diffText(ctx context.Context, o lookOptions, host *holo.Host, list []*holo.Scanned) (string, error) {
	var errs []error
	var drifted []drift
	for _, e := range list {
		text, err := host.Diff(ctx, e)
		if err := context.Cause(ctx); err != nil {
			return "", err
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("comparing %s: %s", e.ID, people(reason(err, nil), e.Plugin)))
			continue
		}
		if len(text) > 0 {
			drifted = append(drifted, drift{e.ID, e.Plugin, people(string(text), e.Plugin)})
		}
	}
	text, err := b.driftText(o.format, drifted)
	if err = errors.Join(append(errs, err)...); err == nil && len(drifted) > 0 {
		err = differenceError{toldError{errors.New(count(len(drifted), "entity differs", "entities differ"))}}
	}
	return text, err
}

func (b *build) driftText(format string, list []drift) (string, error) {
	var out strings.Builder
	if format == formatJSON {
		err := printJSON(&out, list, func(d drift) any { return d })
		return out.String(), err
	}
	color := b.colorOf(b.stdout)
	for _, d := range list {
		for line := range strings.Lines(d.Diff) {
			out.WriteString(paintDiff(color, printableLines(line)))
		}
	}
	return out.String(), nil
}

// paintDiff colours a line of a diff, as holo(8) does.
func paintDiff(color bool, line string) string {
	if !color {
		return line
	}
	for _, c := range []struct{ prefix, code string }{
		{"diff ", bold}, {"new ", bold}, {"deleted ", bold}, {"--- ", bold}, {"+++ ", bold}, {"@@ ", cyan}, {"-", darkRed}, {"+", green},
	} {
		if strings.HasPrefix(line, c.prefix) {
			return c.code + strings.TrimSuffix(line, "\n") + plainText + "\n"
		}
	}
	return line
}
