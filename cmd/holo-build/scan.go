package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holo-build/holo-build/plugins/holo"
)

func scanCommand(p process) *cobra.Command {
	o := lookOptions{buildOptions: buildOptions{dryRun: true}}
	cmd := &cobra.Command{
		Use:   "scan SOURCE [SELECTOR]... [-r DIR]...",
		Short: "List the entities of an image or a directory, and what build would do with them",
		Long: `scan lets every plugin report the entities that it finds in SOURCE, with the
resource trees laid over what it has below /usr/share/holo. Nothing is changed.
SOURCE is any source that build takes; "/" is the running system.

` + selectorHelp + `

--format json prints one object a line: "entity", "plugin", "action", "reason",
"sources", and "info", a list of [key, value].

Exit status: 0 done; 1 failed; 2 wrong use; 129, 130 and 143 interrupted.`,
		Example: `  holo-build scan docker://debian:12 -r resources
  holo-build scan oci:app:1 files --short`,
		Args: sourceAndSelectors,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.source, o.selectors = args[0], args[1:]
			if o.short && o.format != formatText {
				return usageError{fmt.Errorf("--short has no use for --format %s", o.format)}
			}
			return runLook(cmd.Context(), p, o, func(_ context.Context, _ *build, _ *holo.Host, list []*holo.Scanned) (string, error) {
				return scanText(o, list)
			})
		},
	}
	o.addLookFlags(cmd.Flags())
	cmd.Flags().BoolVarP(&o.short, "short", "s", false, "print the entities' IDs alone")
	complete(p, cmd, &o.buildOptions)
	return cmd
}

// scanText tells of entities, in Holo's own manner.
func scanText(o lookOptions, list []*holo.Scanned) (string, error) {
	var b strings.Builder
	if o.format == formatJSON {
		err := printJSON(&b, list, newScanRecord)
		return b.String(), err
	}
	for i, e := range list {
		if o.short {
			fmt.Fprintln(&b, printable(e.ID))
			continue
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(printable(e.ID))
		if e.Reason != "" {
			fmt.Fprintf(&b, " (%s)", printable(e.Reason))
		}
		b.WriteByte('\n')
		for _, l := range e.Info {
			fmt.Fprintf(&b, "%12s %s\n", printable(l.Key), printable(people(l.Value, e.Plugin)))
		}
	}
	return b.String(), nil
}

// scanRecord is an entity as --format json has it.
type scanRecord struct {
	Entity  string      `json:"entity"`
	Plugin  string      `json:"plugin"`
	Action  string      `json:"action,omitempty"`
	Reason  string      `json:"reason,omitempty"`
	Sources []string    `json:"sources,omitempty"`
	Info    [][2]string `json:"info,omitempty"`
}

func newScanRecord(e *holo.Scanned) any {
	r := scanRecord{Entity: e.ID, Plugin: e.Plugin, Action: e.Verb, Reason: e.Reason}
	for _, s := range e.Sources {
		r.Sources = append(r.Sources, people(s, e.Plugin))
	}
	for _, l := range e.Info {
		r.Info = append(r.Info, [2]string{l.Key, people(l.Value, e.Plugin)})
	}
	return r
}

// printJSON prints one object a line.
func printJSON[T any](w io.Writer, list []T, element func(T) any) error {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, x := range list {
		if err := enc.Encode(element(x)); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
