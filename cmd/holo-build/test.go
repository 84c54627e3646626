package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/plugins/holo/holotest"
	"github.com/holo-build/holo-build/rootfs"
)

// testOptions are the flags of test.
type testOptions struct {
	jobs            int
	update, inPlace bool
	junit           string
	mocks           []string
	timeout         time.Duration
	conform         conformOptions
}

func testCommand(p process) *cobra.Command {
	var o testOptions
	cmd := &cobra.Command{
		Use:   "test NAME CASE... | --conformance BINARY",
		Short: "Test Holo plugins",
		Long: `test runs test cases as holo-test(7) does. A case is a directory:

source-tree       the root directory before, as a dump
source-image      in its place or under it: an image, as build takes it
env.sh            prepares the environment, in bash; optional
expected-tree     the root directory after, and
expected-*-output what "holo scan", "diff", "apply" print, and "apply --force"
                  where apply has asked for it
expected-calls    what stand-ins for the system's tools were used for in apply;
                  optional. With it, or with mocks/*.toml, which are as those of
                  --mock, plugins find such stand-ins first in PATH

NAME only stands in messages. The program is HOLO_BINARY, and without that this
one under the name holo. Cases run in copies of their directories, from which
relative names that lead out of the case find what lies around it.

Dumps are those of holo-test(7), and with the first line "holo-build tree 1"
they have owners, attributes and devices, too. A case with a source-image has
the first line "holo-build tree 1 changes", and only what changed.

With --conformance, BINARY is held against holo-plugin-interface(7), whatever it
provisions: each check is one line, with the sentence that it is about.

Exit status: 0 all is as expected; 1 something is not, or could not be run; 2
wrong use; 129, 130 and 143 interrupted.`,
		Example: `  holo-build test foosql tests/*
  HOLO_BINARY=/usr/bin/holo holo-build test foosql tests/01-simple --update
  holo-build test --conformance ./holo-foosql --resources tests/resources`,
		Args: func(_ *cobra.Command, args []string) error { return o.checkArgs(args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.conform.binary != "" {
				return runConformance(cmd.Context(), p, o)
			}
			return runTest(cmd.Context(), p, o, args[0], args[1:])
		},
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func (o *testOptions) addFlags(f *pflag.FlagSet) {
	f.SortFlags = false
	f.IntVarP(&o.jobs, "jobs", "j", runtime.NumCPU(), "run `N` cases at once")
	f.BoolVar(&o.update, "update", false, "write what came of the cases to their expected-* files")
	f.StringVar(&o.junit, "junit", "", "write a report for CI systems to `FILE`")
	f.StringArrayVar(&o.mocks, "mock", nil, mockUsage)
	f.BoolVar(&o.inPlace, "in-place", false, "run cases in their own directories, and leave target, tree and *-output there")
	f.DurationVar(&o.timeout, "timeout", 10*time.Minute, "end a call of the program that takes longer; 0 for never")
	f.StringVar(&o.conform.binary, "conformance", "", "hold the plugin `BINARY` against the plugin interface")
	f.StringVar(&o.conform.resources, "resources", "", "with --conformance: `DIR` is what $HOLO_RESOURCE_DIR has")
	f.StringVar(&o.conform.root, "root", "", "with --conformance: `TREE`, a directory or a dump, is what $HOLO_ROOT_DIR begins as")
}

// checkArgs finds wrong use of arguments.
func (o testOptions) checkArgs(args []string) error {
	c := o.conform
	switch {
	case c.binary != "" && len(args) > 0:
		return fmt.Errorf("with --conformance, %q is too much", args[0])
	case c.binary != "" && (o.update || o.inPlace || o.junit != "" || len(o.mocks) > 0):
		return errors.New("--update, --in-place, --junit and --mock are for test cases, and not for --conformance")
	case c.binary == "" && (c.resources != "" || c.root != ""):
		return errors.New("--resources and --root are for --conformance")
	case c.binary == "" && len(args) < 2:
		return errors.New("a NAME and one CASE or more are wanted")
	}
	return nil
}

// check finds wrong use.
func (o testOptions) check(cases []string) error {
	if o.jobs < 1 {
		return usageError{fmt.Errorf("--jobs %d: at least one is needed", o.jobs)}
	}
	if o.junit != "" { // what came of hours is not to be lost by a typing error
		if fi, err := os.Stat(o.junit); err == nil && fi.IsDir() {
			return usageError{fmt.Errorf("--junit %s: it is a directory", o.junit)}
		}
		if _, err := os.Stat(filepath.Dir(o.junit)); err != nil {
			return usageError{fmt.Errorf("--junit %s: %w", o.junit, err)}
		}
	}
	var seen []string
	for _, dir := range cases {
		if fi, err := os.Stat(dir); err != nil {
			return usageError{err}
		} else if !fi.IsDir() {
			return usageError{fmt.Errorf("%s is no directory, and so no test case", dir)}
		}
		if slices.Contains(seen, filepath.Clean(dir)) {
			return usageError{fmt.Errorf("%s is given twice", dir)}
		}
		seen = append(seen, filepath.Clean(dir))
	}
	return nil
}

// runTest runs cases, and tells on standard output what came of them.
func runTest(ctx context.Context, p process, o testOptions, name string, cases []string) (err error) {
	if err := o.check(cases); err != nil {
		return err
	}
	mocks, err := readMocks(o.mocks)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	work, err := newWorkDir(p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, work.Close()) }()
	var ids []string
	for _, b := range bundled() {
		ids = append(ids, b.ID)
	}
	report := &testReport{p: p, color: p.colorOf(p.stdout)}
	results, err := holotest.Run(ctx, cases, holotest.Options{
		Holo: p.getenv("HOLO_BINARY"), Self: self, Bundled: ids, Environ: p.environ, Jobs: o.jobs, InPlace: o.inPlace, Update: o.update,
		Scratch: work.Path, Timeout: o.timeout, Image: p.testImage, Mocks: mocks, Root: rootOfCase, Now: p.now, Begin: report.begin, Done: report.done,
	})
	if err != nil {
		return err
	}
	ended := report.end(name, results)
	if o.junit != "" {
		err := writeFile(o.junit, "the report", func(f *os.File) error { return holotest.WriteJUnit(f, name, results) })
		if err != nil {
			return err // with ended, which was told, it would not be
		}
	}
	return ended
}

// rootOfCase opens the root of a test case for stand-ins, who work there as in front of a plain user, too.
func rootOfCase(dir string) (rootfs.Root, func() error, error) {
	d, err := openInPlace(dir)
	if err != nil {
		return nil, nil, err
	}
	return d.root, d.close, nil
}

// newWorkDir makes a work directory; what killed processes have left beside it is swept first.
func newWorkDir(p process) (*rootfs.WorkDir, error) {
	_, sweepErr := rootfs.Sweep(p.tempDir())
	work, err := rootfs.NewWorkDir(p.tempDir())
	if err == nil && sweepErr != nil {
		fmt.Fprintln(p.stderr, ">> "+printableLines(sweepErr.Error()))
	}
	return work, err
}

// testReport prints results, in the words of the reference's runner.
type testReport struct {
	p     process
	color bool
	err   error // of the first line that could not be written
}

func (r *testReport) print(text string) {
	if _, err := fmt.Fprintln(r.p.stdout, text); r.err == nil {
		r.err = err
	}
}

func (r *testReport) begin(dir string) { r.print(">> Running test case " + printable(dir) + "...") }

func (r *testReport) done(result holotest.Result) {
	if result.Err != nil {
		r.print(r.red("!! " + printableLines(result.Err.Error())))
	}
	for _, d := range result.Differences {
		if d.Missing {
			r.print(r.red("!! There is no expected-" + d.Name + " yet, which --update writes. Diff follows:"))
		} else {
			deviates := " deviates"
			if strings.HasSuffix(d.Name, "s") {
				deviates = " deviate"
			}
			r.print(r.red("!! The " + d.Name + deviates + " from our expectation. Diff follows:"))
		}
		r.print("")
		for line := range strings.Lines(string(d.Diff)) {
			r.print("    " + strings.TrimSuffix(paintDiff(r.color, printableLines(line)), "\n"))
		}
		r.print("")
	}
	for _, name := range result.Updated {
		r.print(">> Updated " + printable(name))
	}
}

func (r *testReport) red(text string) string {
	if !r.color {
		return text
	}
	return red + text + plainText
}

func (r *testReport) end(name string, results []holotest.Result) error {
	failed := 0
	for _, result := range results {
		if !result.Passed() {
			failed++
		}
	}
	if failed == 0 {
		r.print(">> All tests for " + printable(name) + " completed successfully.")
		return r.err
	}
	text := fmt.Sprintf("Some or all tests for %s failed: %d of %s.", printable(name), failed, count(len(results), "case", "cases"))
	r.print(r.red("!! " + text))
	return errors.Join(r.err, toldError{errors.New(text)})
}

// testImage makes dir the tree of an image that a test case begins with.
func (p process) testImage(ctx context.Context, caseDir, ref, platform, dir string) (err error) {
	if ref, err = fromCase(caseDir, ref); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), ".image-") // beside dir, as it is moved there
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rootfs.RemoveTree(work)) }()
	limits := rootfs.Limits{}.WithDefaults()
	img, err := openSource(ctx, ref, oci.OpenOptions{Platform: platform, Dir: work, Limits: limits})
	if err != nil {
		return err
	}
	var list []rootfs.Layer
	for _, l := range img.Layers {
		list = append(list, l)
	}
	base, err := rootfs.ReadBase(ctx, list, work, rootfs.BaseOptions{Limits: limits, Plain: img.Manifest == nil})
	if err != nil {
		return err
	}
	stage := rootfs.Stage(base, rootfs.StageOptions{Dir: work, Start: p.now()})
	err = stage.WriteOut(ctx)
	if err == nil {
		err = os.Rename(stage.Dir(), dir)
	}
	return errors.Join(err, stage.Close())
}

// fromCase makes a path in a reference to an image, relative to a case, one that is not.
func fromCase(caseDir, ref string) (string, error) {
	abs, err := filepath.Abs(caseDir)
	if err != nil {
		return "", err
	}
	transport, rest, ok := strings.Cut(ref, ":")
	switch {
	case ok && slices.Contains([]string{"oci", "oci-archive", "docker-archive", "rootfs", "tar"}, transport) && !filepath.IsAbs(rest):
		return transport + ":" + filepath.Join(abs, rest), nil
	case strings.HasPrefix(ref, "./") || strings.HasPrefix(ref, "../"):
		return filepath.Join(abs, ref), nil
	}
	return ref, nil
}
