package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func manCommand(p process) *cobra.Command {
	return &cobra.Command{
		Use:    "man",
		Short:  "Print the manual page",
		Hidden: true, // "make install" installs it
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return writeMan(p.stdout, cmd.Root()) },
	}
}

// writeMan writes holo-build(1) in the macros of man(7): what the help says, verb by verb.
func writeMan(w io.Writer, root *cobra.Command) error {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH HOLO-BUILD 1 \"\" %q\n", "holo-build "+version)
	fmt.Fprintf(&b, ".SH NAME\nholo-build \\- %s\n", roff(strings.ToLower(root.Short[:1])+root.Short[1:]))
	b.WriteString(".SH SYNOPSIS\n")
	for _, c := range manCommands(root) {
		fmt.Fprintf(&b, ".br\n%s\n", roff(c.UseLine()))
	}
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", verbatim(root.Long))
	for _, c := range manCommands(root) {
		fmt.Fprintf(&b, ".SH %s\n%s\n", roff(strings.ToUpper(strings.TrimPrefix(c.CommandPath(), root.Name()+" "))), verbatim(c.Long))
		if c.HasExample() {
			fmt.Fprintf(&b, ".PP\nExamples:\n%s\n", verbatim(c.Example))
		}
		if flags := flagUsages(c); flags != "" {
			fmt.Fprintf(&b, ".PP\nFlags:\n%s\n", verbatim(flags))
		}
	}
	b.WriteString(".SH SEE ALSO\nholo(8), https://holocm.org\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// manCommands are the commands that do something, in their order.
func manCommands(c *cobra.Command) []*cobra.Command {
	var list []*cobra.Command
	for _, sub := range c.Commands() {
		switch {
		case sub.Hidden || sub.Name() == "help":
		case sub.HasSubCommands():
			list = append(list, manCommands(sub)...)
		default:
			list = append(list, sub)
		}
	}
	return list
}

// verbatim is text as it is, line by line.
func verbatim(text string) string {
	return ".nf\n" + roff(strings.Trim(text, "\n")) + "\n.fi"
}

// roff escapes text: backslashes, hyphens that are typed, and lines that begin as requests do; groff_char(7).
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
