package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/holo-build/holo-build/oci/cache"
)

const cacheDirUsage = "`DIR` of the cache (default $XDG_CACHE_HOME/holo-build,\nelse $HOME/.cache/holo-build)"

// cacheDir is where the cache lies: what a flag says, else where the XDG Base Directory Specification has such things, by
// which a relative path in the variable counts for nothing.
func (p process) cacheDir(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if dir := p.getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "holo-build"), nil
	}
	if dir := p.getenv("HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, ".cache/holo-build"), nil
	}
	return "", errors.New("neither XDG_CACHE_HOME nor HOME says where the cache is (--cache-dir names a place)")
}

// checkCacheDir finds a --cache-dir that names nothing, such as an unset variable of a script: it is not the default.
func checkCacheDir(cmd *cobra.Command) error {
	if f := cmd.Flags().Lookup("cache-dir"); f.Changed && f.Value.String() == "" {
		return usageError{errors.New("--cache-dir: no directory given")}
	}
	return nil
}

func cacheCommand(p process) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache VERB",
		Short: "List, prune and verify the layers that are kept",
		Long: `cache looks after the layers that builds keep, unpacked and checked, so that they
need not be read again. All of it can be made again: it may be removed at any
time, in the middle of a build, too.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(p.stderr)
			return usageError{fmt.Errorf("no verb of cache given\n\n%s", strings.TrimRight(cmd.UsageString(), "\n"))}
		},
	}
	cmd.AddCommand(cacheListCommand(p), cachePruneCommand(p), cacheVerifyCommand(p))
	for _, c := range cmd.Commands() {
		c.DisableFlagsInUseLine = true
		c.Args = asUsage(c.Args)
		c.PreRunE = func(cmd *cobra.Command, _ []string) error { return checkCacheDir(cmd) }
	}
	return cmd
}

// cacheOptions are the flags of all verbs of cache.
type cacheOptions struct{ dir string }

func (o *cacheOptions) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.dir, "cache-dir", "", cacheDirUsage)
}

// open opens a cache to look after it: one that is not there is an empty one.
func (o *cacheOptions) open(p process, notice func(string)) (*cache.Cache, error) {
	dir, err := p.cacheDir(o.dir)
	if err != nil {
		return nil, err
	}
	return cache.Open(dir, cache.Options{Look: true, Notice: notice, Now: p.now})
}

func cacheListCommand(p process) *cobra.Command {
	var o cacheOptions
	var format string
	cmd := &cobra.Command{
		Use:   "ls [--format text|json]",
		Short: "List what is kept, that first which was used last",
		Long: `ls lists what is kept, that first which was used last: layers by their DiffID,
trees by the ChainID of the layers that they were made of.

--format json prints one object a line: "kind", "id", "bytes", "used", "inUse",
and "blobs", which the layer was read from, with "digest", "stored" and "plain".

Exit status: 0 done; 1 failed; 2 wrong use.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return usageError{fmt.Errorf("--format %q: it is text or json", format)}
			}
			err := runCacheList(cmd.Context(), p, o, format)
			if errors.Is(err, syscall.EPIPE) {
				return nil // a reader that has seen enough
			}
			return err
		},
	}
	o.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT` text or json")
	return cmd
}

// listedEntry is an entry as ls prints it.
type listedEntry struct {
	Kind  string       `json:"kind"`
	ID    string       `json:"id"`
	Bytes int64        `json:"bytes"`
	Used  time.Time    `json:"used"`
	InUse bool         `json:"inUse"`
	Blobs []listedBlob `json:"blobs,omitempty"`
}

type listedBlob struct {
	Digest string `json:"digest"`
	Stored int64  `json:"stored"`
	Plain  int64  `json:"plain"`
}

func runCacheList(ctx context.Context, p process, o cacheOptions, format string) error {
	c, err := o.open(p, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	list, err := c.List(ctx)
	if err != nil {
		return err
	}
	if format == "json" {
		enc := json.NewEncoder(p.stdout)
		for _, e := range list.Entries {
			out := listedEntry{Kind: e.Kind, ID: e.ID.String(), Bytes: e.Bytes, Used: e.Used.UTC(), InUse: e.InUse}
			for _, b := range e.Blobs {
				out.Blobs = append(out.Blobs, listedBlob{Digest: b.Digest.String(), Stored: b.Stored, Plain: b.Plain})
			}
			if err := enc.Encode(out); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, e := range list.Entries {
		used := ago(p.now().Sub(e.Used))
		if e.InUse {
			used = "in use"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", e.Kind, e.ID, sizeText(e.Bytes), used)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	tellOthers(p, list.Others)
	_, err = fmt.Fprintf(p.stderr, "%s in %s: %s\n", counted(len(list.Entries), "entry", "entries"), printable(c.Dir()), sizeText(list.Bytes()))
	return err
}

// tellOthers tells of the directories of other versions.
func tellOthers(p process, list []cache.Other) {
	for _, o := range list {
		what := "a newer version's"
		switch {
		case o.Kept != nil:
			what = "an older version's, and stays: " + o.Kept.Error()
		case o.Older:
			what = "an older version's, which prune removes"
		}
		fmt.Fprintf(p.stderr, "%s, %s: %s\n", printable(o.Path), sizeText(o.Bytes), printable(what))
	}
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// ago is a time for a person.
func ago(d time.Duration) string {
	switch hours := int(d.Hours()); {
	case d < time.Minute:
		return "just now"
	case hours < 1:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case hours < 48:
		return fmt.Sprintf("%d h ago", hours)
	default:
		return fmt.Sprintf("%d days ago", hours/24)
	}
}

func cachePruneCommand(p process) *cobra.Command {
	var o cacheOptions
	var all bool
	var older string
	var keep sizeFlag
	cmd := &cobra.Command{
		Use:   "prune [--all] [--older-than TIME] [--keep SIZE]",
		Short: "Remove what was not used for longest",
		Long: `prune removes what was not used for longest, to the limit that builds have without
--cache-limit, or to what the flags say. What is in use stays. All that older
versions of holo-build have kept in another form goes; what newer ones have stays.

Exit status: 0 done; 1 failed; 2 wrong use.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			po, err := pruneOptions(p, all, older, keep.bytes)
			if err != nil {
				return err
			}
			return runCachePrune(cmd.Context(), p, o, po)
		},
	}
	o.addFlags(cmd.Flags())
	cmd.Flags().BoolVar(&all, "all", false, "remove all of it")
	cmd.Flags().StringVar(&older, "older-than", "", "remove what was last used so long ago: `TIME` like 12h or 30d")
	cmd.Flags().Var(&keep, "keep", "remove the oldest until `SIZE` is left: a number, with K, M, G or T")
	return cmd
}

func pruneOptions(p process, all bool, older string, keep *int64) (o cache.PruneOptions, err error) {
	if o.All, o.Keep = all, keep; all && (older != "" || keep != nil) {
		return o, usageError{errors.New("--all leaves nothing to choose for --older-than and --keep")}
	}
	if older != "" {
		d, err := parseAge(older)
		if err != nil {
			return o, usageError{fmt.Errorf("--older-than %s: %w", older, err)}
		}
		o.Before = p.now().Add(-d)
	}
	return o, nil
}

// parseAge reads a time as Go writes them, or in days.
func parseAge(s string) (time.Duration, error) {
	const most = 100_000
	text, days := strings.CutSuffix(s, "d")
	if days {
		text += "h"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > most*time.Hour {
		return 0, errors.New("it takes a time, such as 12h or 30d")
	}
	if days {
		d *= 24
	}
	return d, nil
}

func runCachePrune(ctx context.Context, p process, o cacheOptions, po cache.PruneOptions) error {
	c, err := o.open(p, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	if po.Older = true; po == (cache.PruneOptions{Older: true}) {
		po.ToLimit = true
	}
	done, err := c.Prune(ctx, po)
	tellOthers(p, done.Others)
	if err != nil {
		return err
	}
	what := counted(done.Removed, "entry", "entries")
	if done.Versions > 0 {
		what += " and " + counted(done.Versions, "older version", "older versions")
	}
	text := fmt.Sprintf("%s removed, %s; %s left", what, sizeText(done.Bytes), sizeText(done.Left))
	if done.InUse > 0 {
		text += fmt.Sprintf("; %d in use", done.InUse)
	}
	_, err = fmt.Fprintln(p.stdout, text)
	return err
}
