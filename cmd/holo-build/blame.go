package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"

	"github.com/spf13/cobra"
)

func blameCommand(p process) *cobra.Command {
	var o blameOptions
	cmd := &cobra.Command{
		Use:   "blame IMAGE [PATH] [--format text|json]",
		Short: "Say which entity made a path of an image what it is",
		Long: `blame reads the apply logs of all layers that holo-build made in IMAGE, which is
any source that build takes. Without PATH it prints the paths that were changed
as a tree, each with whoever changed it: an entity, a plugin, a generator, the
resources that -r brought, or holo-build itself. Paths that nobody claims are
"unattributed"; Holo's own books are marked as "state", the system's locks,
caches and logs as such.

Of a PATH it tells the history, layer by layer: what was there before and after,
each entity that changed it, its sources with their digests, and the stand-ins
that it used; of a directory also what was changed below it. A path that is in
no log came with the base: then all layers are read, to say with which. Of layers
without a log, what they do to PATH is told. /etc/x, etc/x and ./etc/x are the
same, and no symbolic link is followed.

--format json prints records of these logs, each with the number of its layer;
docs/apply-log.md describes them.

Exit status: 0 done; 1 failed, the image has no log, or PATH is not in it; 2 wrong
use.`,
		Example: `  holo-build blame oci:app:1
  holo-build blame oci:app:1 /etc/motd`,
		Args: imageAndPath,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.source, o.path = args[0], ""
			if len(args) == 2 {
				o.path = path.Clean("/" + args[1])
			}
			return enough(runBlame(cmd.Context(), p, o))
		},
	}
	cmd.Flags().SortFlags = false
	o.addFlags(cmd.Flags())
	complete(p, cmd, nil)
	return cmd
}

// blameOptions are the flags of blame.
type blameOptions struct {
	logOptions
	// path is absolute and clean; empty if all is meant.
	path string
}

func imageAndPath(_ *cobra.Command, args []string) error {
	switch {
	case len(args) == 0 || len(args) > 2:
		return fmt.Errorf("an IMAGE is wanted, and perhaps a PATH in it; %d words are given", len(args))
	case len(args) == 2 && args[1] == "":
		return errors.New("PATH is empty; / is the whole image")
	}
	return nil
}

func runBlame(ctx context.Context, p process, o blameOptions) error {
	return o.withImage(ctx, p, func(img loggedImage) error {
		b := newBlamed(img.limits)
		if err := img.eachLog(ctx, b.read); err != nil {
			return err
		}
		a := answer{blamed: b, of: len(img.Layers)}
		if o.path == "" {
			a.tree = b.latest("/")
			a.unread = b.unlogged(len(img.Layers), b.logged[0])
		} else if err := img.ask(ctx, b, o.path, &a); err != nil {
			return err
		}
		text, err := a.text()
		if o.format == formatJSON {
			text, err = a.json()
		}
		if err != nil {
			return err
		}
		_, err = io.WriteString(p.stdout, text)
		return err
	})
}

// answer is what there is to print.
type answer struct {
	*blamed
	of int // layers of the image
	// path is the one that was asked for; empty if all is meant. history is its own, seen what layers have of it by
	// themselves.
	path    string
	history []blamedChange
	seen    []sight
	// tree are the paths below it.
	tree []blamedChange
	// unread are layers without a log, which may have changed what is in the tree.
	unread []int
}

// ask finds out about one path.
func (img loggedImage) ask(ctx context.Context, b *blamed, name string, a *answer) error {
	a.path, a.history = name, b.history(name)
	for _, c := range b.latest(name) {
		if c.path != name {
			a.tree = append(a.tree, c)
		}
	}
	var look []int
	switch {
	case len(a.history) > 0:
		look = b.unlogged(a.of, a.history[0].layer)
	case len(a.tree) > 0:
		look = b.unlogged(a.of, b.logged[0])
	default:
		for layer := range a.of {
			look = append(look, layer+1)
		}
	}
	if len(a.tree) > 0 {
		a.unread = look
	}
	link := linkAbove{}
	for _, layer := range look {
		s, err := img.look(ctx, layer, name, &link)
		if err != nil {
			return err
		}
		_, s.logged = slices.BinarySearch(b.logged, layer)
		known := len(a.history)+len(a.tree)+len(a.seen) > 0
		if s.does == doesWrite || s.does == doesDelete && known {
			a.seen = append(a.seen, s)
		}
	}
	if len(a.history)+len(a.tree)+len(a.seen) > 0 {
		return nil
	}
	if link.name != "" {
		return fmt.Errorf("%s: %s is a symbolic link to %s: ask for %s", name, link.name, link.target, link.lead(name))
	}
	return fmt.Errorf("%s is not in %s, and no build has changed it", name, img.source)
}

// unlogged returns the layers above one that have no log.
func (b *blamed) unlogged(of, above int) (list []int) {
	for n := above + 1; n <= of; n++ {
		if _, logged := slices.BinarySearch(b.logged, n); !logged {
			list = append(list, n)
		}
	}
	return list
}
