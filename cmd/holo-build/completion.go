package main

import (
	"context"
	_ "embed" // the completion scripts of holo(8)
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/holo-build/holo-build/plugins/holo"
)

// Completion scripts of holo(8), which tells what can follow by "holo selectors"; and one of our own for holo-build and bash,
// as cobra's runs what is in the words before the last one, and completes them with names as they are: $(COMMAND) in the
// name of an image's file would be run.
var (
	//go:embed completion/words.bash
	wordsBash string
	//go:embed completion/holo.bash
	holoBash string
	//go:embed completion/holo-build.bash
	holoBuildBash string
	//go:embed completion/holo.zsh
	holoZsh string
	//go:embed completion/holo.fish
	holoFish string
)

func completionCommand(p process) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish [holo-build|holo]",
		Short: "Print a script that lets a shell complete command lines",
		Long: `completion prints a script for bash, zsh or fish, which completes verbs, flags,
their values, and the selectors of what the command line names. "make install"
installs them; by hand:

  bash  source <(holo-build completion bash)
  zsh   holo-build completion zsh >"${fpath[1]}/_holo-build"
  fish  holo-build completion fish | source

The last word says for which program; holo(8) has a script of its own.

Exit status: 0 done; 1 failed; 2 wrong use.`,
		Args:      completionArgs,
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			ofHolo := len(args) == 2 && args[1] == "holo"
			switch {
			case args[0] == "zsh" && !ofHolo:
				return root.GenZshCompletion(p.stdout)
			case args[0] == "fish" && !ofHolo:
				return root.GenFishCompletion(p.stdout, true)
			}
			text := map[string]string{"zsh": holoZsh, "fish": holoFish, "bash": bashScript("holo-build", holoBuildBash)}[args[0]]
			if args[0] == "bash" && ofHolo {
				text = bashScript("holo(8)", holoBash)
			}
			_, err := io.WriteString(p.stdout, text)
			return err
		},
	}
}

func bashScript(of, script string) string {
	return "# bash completion for " + of + "\n" + wordsBash + script
}

func completionArgs(_ *cobra.Command, args []string) error {
	switch {
	case len(args) == 0 || len(args) > 2:
		return fmt.Errorf("a shell is wanted, and perhaps a program; %d words are given", len(args))
	case !slices.Contains([]string{"bash", "zsh", "fish"}, args[0]):
		return fmt.Errorf("there is no script for %q, only for bash, zsh and fish", args[0])
	case len(args) == 2 && !slices.Contains([]string{"holo-build", "holo"}, args[1]):
		return fmt.Errorf("there is no script for a program %q, only for holo-build and holo", args[1])
	}
	return nil
}

// complete tells the shell the values of flags, and selectors after the first argument.
func complete(p process, cmd *cobra.Command, o *buildOptions) {
	for flag, values := range map[string][]string{
		"stage": stageWays(), "format": {formatText, formatJSON}, "compress": {"gzip", "zstd", "none"},
		"defer":    deferWays(),
		"progress": {"auto", "tty", "plain", "json", "none"},
	} {
		if cmd.Flags().Lookup(flag) != nil {
			_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 || o == nil {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return completeSelectors(cmd.Context(), p, *o, args[0])
	}
}

// completeSelectors lists all selectors of a source, without a word on standard error.
func completeSelectors(ctx context.Context, p process, o buildOptions, source string) (list []string, _ cobra.ShellCompDirective) {
	p.stdout, p.stderr = io.Discard, io.Discard
	o.source, o.dryRun, o.progress = source, true, "none"
	if o.stage == "" {
		o.stage = stageAuto
	}
	look := lookOptions{buildOptions: o, format: formatText}
	err := runLook(ctx, p, look, func(_ context.Context, _ *build, _ *holo.Host, entities []*holo.Scanned) (string, error) {
		for _, e := range entities {
			list = append(list, entityNames(e)...)
		}
		return "", nil
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	slices.Sort(list)
	return slices.Compact(list), cobra.ShellCompDirectiveNoFileComp
}
