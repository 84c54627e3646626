package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// process is the process that a command runs in.
type process struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string
	signals        func() (context.Context, context.CancelFunc)
	now            func() time.Time
}

// getenv looks up a variable of the process's environment.
func (p process) getenv(name string) string {
	value := ""
	for _, kv := range p.environ {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			value = v
		}
	}
	return value
}

// tempDir is where work directories are made: large ones, so not in /tmp, which may be memory.
func (p process) tempDir() string { return cmp.Or(p.getenv("TMPDIR"), "/var/tmp") }

// run is the program: under the name holo that command, under the name of a bundled plugin that plugin, under any other
// holo-build. It returns the exit status.
func run(args []string, p process) int {
	ctx, stop := p.signals()
	defer stop()
	name := filepath.Base(args[0])
	if name == "holo" {
		return runHolo(ctx, args, p)
	}
	if id, ok := strings.CutPrefix(name, "holo-"); ok {
		for _, b := range bundled() {
			if b.ID == id {
				return servePlugin(ctx, b, args, p)
			}
		}
	}
	p.stdin = interruptible(ctx, p.stdin)
	cmd := rootCommand(p)
	cmd.SetArgs(args[1:])
	err := interruption(ctx, cmd.ExecuteContext(ctx))
	if _, told := errors.AsType[toldError](err); err != nil && !told {
		fmt.Fprintln(p.stderr, "holo-build: "+printableLines(err.Error()))
	}
	return exitStatus(err)
}

// rootCommand is the command line of holo-build: one verb to a file.
func rootCommand(p process) *cobra.Command {
	root := &cobra.Command{
		Use:   "holo-build",
		Short: "Provision images and root file systems at build time",
		Long: `holo-build takes an image or a directory, lets Holo plugins provision it from a
tree of resources, and packs what changed as one new, reproducible layer, with a
log that says which entity changed what.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(p.stderr)
			return usageError{fmt.Errorf("no verb given\n\n%s", strings.TrimRight(cmd.UsageString(), "\n"))}
		},
	}
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetUsageFunc(usage)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w (see %s --help)", err, c.CommandPath())}
	})
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(buildCommand(p), scanCommand(p), diffCommand(p), applyCommand(p), checkCommand(p), testCommand(p), cacheCommand(p), logCommand(p),
		blameCommand(p), initCommand(p), completionCommand(p), versionCommand(p), manCommand(p))
	for _, c := range root.Commands() {
		c.DisableFlagsInUseLine = true
		c.Args = asUsage(c.Args)
	}
	root.Args = asUsage(root.Args)
	return root
}

// asUsage makes the errors of an argument check wrong use.
func asUsage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usageError{fmt.Errorf("%w (see %s --help)", err, c.CommandPath())}
		}
		return nil
	}
}

// oneArg wants one argument, which is called by its name in the usage.
func oneArg(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) != 1:
			return fmt.Errorf("one %s is wanted, %d are given", name, len(args))
		case args[0] == "":
			return fmt.Errorf("%s is empty", name)
		}
		return nil
	}
}

// usage prints how a command is used.
func usage(c *cobra.Command) error {
	var b strings.Builder
	if c.HasSubCommands() {
		fmt.Fprintf(&b, "Usage: %s VERB\n\nVerbs:\n", c.CommandPath())
		for _, verb := range c.Commands() {
			if verb.Hidden {
				continue
			}
			fmt.Fprintf(&b, "  %-12s%s\n", verb.Name(), verb.Short)
		}
		fmt.Fprintf(&b, "\n\"%s VERB --help\" tells more.\n", c.CommandPath())
	} else {
		fmt.Fprintf(&b, "Usage: %s\n", c.UseLine())
		if c.HasExample() {
			fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
		}
		fmt.Fprintf(&b, "\nFlags:\n%s", flagUsages(c))
	}
	_, err := io.WriteString(c.OutOrStderr(), b.String())
	return err
}

// flagUsages tells of a command's flags. What pflag says of those that need no value is left out, and its room kept.
func flagUsages(c *cobra.Command) string {
	const value = "[=true|false]"
	return strings.ReplaceAll(c.Flags().FlagUsagesWrapped(79), value, strings.Repeat(" ", len(value)))
}

func versionCommand(p process) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.stdout, "holo-build", version)
			return err
		},
	}
}
