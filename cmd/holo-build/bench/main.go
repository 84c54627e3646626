// Bench measures holo-build against the usual ways to do the same, and says whether it is as much faster as it should be.
//
//	bench [-binary bin/holo-build] [-small work/debian.oci] [-large work/large.oci] [-rounds 3] [-on ext4,tmpfs] [-case GLOB,...]
//
// All sides add 50 files to an image, of other content in each round: umoci by unpack, the change, repack; buildah by
// from, mount, the change, umount, commit; holo-build by build with resources. The time of each is that of the whole
// programs, from start to exit, and for the other sides that of writing the 50 files. On each file system they run in
// turns, after one round that does not count. Before each run what was written before is brought to disk; the page
// cache is left as it is, so that the image is in it for everybody. That each has made an image with the change on top
// is checked afterwards. This check, the preparations, and the removal of what umoci and buildah leave behind are not
// counted, though holo-build's own clean-up is.
//
// Every side finds a layout with nothing but the base, and writes its image under another tag into that layout.
// holo-build and umoci take over the base's blobs. buildah does not: it stores layers uncompressed, which is its default
// and twice as fast as with gzip, and finds none of them there. It does take over what an earlier commit of its own has
// left, and the cases named warm-again give it, and holo-build, the layout of the round before. They are told and have
// no target: the other ones are how an image is made, these how it is made once more. Cold is an empty cache or
// storage in each round, warm the one that the round before has filled. buildah's storage lies beside the layout, uses
// overlay, and does without the settings of the machine.
//
// The floor is a program that does nothing but inflate the layers, two at a time, and hash both forms.
//
// A table of the cases is printed, one of all sides, and the machine. The exit status is 1 if a target is missed, 2 for
// wrong use. It takes root: buildah and umoci give away files. -binary may name any program with the command line of
// holo-build, such as an older one or a script around it.
//
//	bench -packing
//
// This measures how layers are packed with two processors, of the files of the Go distribution: time by the number of
// files, bytes a second in the best of ten rounds, and the memory that it takes. The exit status is 1 if that is more
// than linear, slower than 300 MB/s of content with zstd, or growing with the content.
//
//	bench -entities [-binary bin/holo-build]
//
// This measures how long the plugin files takes to scan and apply files, on a tmpfs: as a Go value and as the executable
// that the binary is under the name holo-files, in turns, and by the number of files. The exit status is 1 if the value is
// not at least 5 times faster, or takes more than linear time.
//
//	bench -processes [-binary bin/holo-build] [-small work/debian.oci] [-large work/large.oci] [-rounds 3]
//
// This measures what it costs that a plugin is an executable, as root and on a tmpfs: the use of a stand-in, the sandbox,
// and to find out what each entity has changed. The exit status is 1 if that is more than it may be.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/plugins/sandbox"
)

// options are the command line.
type options struct {
	binary, small, large string
	rounds               int
	on, cases            string
	packing, entities    bool
	processes            bool
	// pack has this process pack that many files of 4 MiB below a directory, print its largest resident size, and do
	// nothing else.
	pack int
	in   string
	// floor has this process inflate and hash the layers of a layout, and do nothing else.
	floor string
}

func main() {
	if sandbox.IsHelper(os.Args) {
		os.Exit(sandbox.Main())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run measures, and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.binary, "binary", "bin/holo-build", "the `PROGRAM` to measure")
	flags.StringVar(&o.small, "small", "work/debian.oci", "the small image's `LAYOUT`, tag latest")
	flags.StringVar(&o.large, "large", "work/large.oci", "the large image's `LAYOUT`, tag latest")
	flags.IntVar(&o.rounds, "rounds", 3, "how many rounds count")
	flags.StringVar(&o.on, "on", "ext4,tmpfs", "the file `SYSTEMS` to measure on")
	flags.StringVar(&o.cases, "case", "*", "the cases to measure, as `GLOBS` of their names")
	flags.BoolVar(&o.packing, "packing", false, "measure how layers are packed, and nothing else")
	flags.BoolVar(&o.entities, "entities", false, "measure how entities are applied, and nothing else")
	flags.BoolVar(&o.processes, "processes", false, "measure what plugins cost that are executables, and nothing else")
	flags.IntVar(&o.pack, "pack", 0, "only pack this `NUMBER` of files, and print the bytes of memory it took")
	flags.StringVar(&o.in, "in", "", "the `DIRECTORY` to do that in")
	flags.StringVar(&o.floor, "floor", "", "only inflate and hash the layers of `LAYOUT`, tag latest")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil || flags.NArg() > 0 || o.rounds < 1 {
		fmt.Fprintln(stderr, "bench: wrong use; see -help")
		return 2
	}
	rows, err := chooseRows(o.cases)
	systems, serr := chooseSystems(o.on)
	if err := errors.Join(err, serr); err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 2
	}
	switch {
	case o.pack > 0:
		err = packOnly(ctx, stdout, o.in, o.pack)
	case o.floor != "":
		err = inflateAndHash(ctx, o.floor, "latest")
	case o.processes:
		err = processes(ctx, stdout, o)
	case o.entities:
		err = entities(ctx, stdout, o.binary)
	case o.packing:
		err = packing(ctx, stdout)
	default:
		err = compare(ctx, o, rows, systems, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 1
	}
	return 0
}

// compare measures on all file systems, and reports. What is not as it should be is an error.
func compare(ctx context.Context, o options, rows []row, systems []system, stdout, stderr io.Writer) error {
	if os.Geteuid() != 0 {
		return errors.New("measuring what umoci and buildah do: run as root")
	}
	before, err := readTicks()
	if err != nil {
		return err
	}
	var found []finding
	var missed []string
	for _, s := range systems {
		results, err := measureOn(ctx, o, s, sidesOf(rows), stderr)
		if err != nil {
			return fmt.Errorf("measuring on %s: %w", s.name, err)
		}
		for _, r := range rows {
			f := r.judge(s.name, results)
			if found = append(found, f); f.missed() {
				missed = append(missed, f.String())
			}
		}
		printSides(stdout, s.name, results)
	}
	printCases(stdout, found)
	after, err := readTicks()
	if err != nil {
		return err
	}
	if err := printMachine(stdout, before, after); err != nil {
		return err
	}
	if len(missed) > 0 {
		return fmt.Errorf("%d of %d missed: %s", len(missed), len(found), strings.Join(missed, ", "))
	}
	return nil
}
