package frontend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Options are the process that holo(8) runs as.
type Options struct {
	// Args are os.Args, and Environ is os.Environ().
	Args, Environ  []string
	Stdout, Stderr io.Writer
	// Version is what the version operation prints.
	Version string
}

// The exit statuses; 1.2. An entity that fails is no failure of the run.
const (
	statusDone      = 0
	statusGenerator = 1
	statusUsage     = 2
	statusFailed    = 255
	// statusPipe is what a shell tells of a process that SIGPIPE has ended.
	statusPipe = 128 + int(syscall.SIGPIPE)
)

// run is one run of an operation that needs plugins.
type run struct {
	*printer
	environ []string
	// root is $HOLO_ROOT_DIR, and cache the run's cache directory, both lexically cleaned; virtual is the virtual resource
	// directory of all plugins.
	root, cache, virtual string
	plugins              []*plugin
	names                names
}

// operation is an operation and its options.
type operation struct {
	name                    string
	force, short, porcelain bool
	selectors               []string
}

// Run does what the arguments say, and returns the exit status. It starts programs, so whoever calls it asks
// sandbox.IsHelper first. When the context ends, Run ends what it has started, removes what it has made, and returns.
func Run(ctx context.Context, o Options) int {
	name := ""
	if len(o.Args) > 1 {
		name = o.Args[1]
	}
	p := &printer{stdout: o.Stdout, stderr: o.Stderr}
	status := statusDone
	switch {
	case name == "help" || name == "--help":
		p.bare(p.stdout, usage(o.Args[0]))
	case name == "version" || name == "--version":
		p.bare(p.stdout, cmp.Or(o.Version, "unknown")+"\n")
	case !slices.Contains([]string{"apply", "diff", "scan", "selectors"}, name), name == "selectors" && len(o.Args) > 2:
		program := "holo"
		if len(o.Args) > 0 {
			program = o.Args[0]
		}
		p.bare(p.stderr, usage(program))
		status = statusUsage
	default:
		r := &run{printer: p, environ: o.Environ, root: filepath.Clean(cmp.Or(getenv(o.Environ, rootVar), "/"))}
		status = r.run(ctx, parse(o.Args[1:]))
	}
	return p.final(status)
}

func usage(program string) string {
	return fmt.Sprintf(`Usage: %[1]s apply [-f|--force] [selector ...]
   or: %[1]s diff [selector ...]
   or: %[1]s scan [-s|--short|-p|--porcelain] [selector ...]
   or: %[1]s selectors
   or: %[1]s version
   or: %[1]s help

The manual page holo(8) tells more.
`, program)
}

// parse sorts arguments. What is no option of the operation is a selector; 1.2.
func parse(args []string) operation {
	o := operation{name: args[0]}
	for _, a := range args[1:] {
		switch {
		case o.name == "apply" && (a == "-f" || a == "--force"):
			o.force = true
		case o.name == "scan" && (a == "-s" || a == "--short"):
			o.short = true
		case o.name == "scan" && (a == "-p" || a == "--porcelain"):
			o.porcelain = true
		default:
			o.selectors = append(o.selectors, a)
		}
	}
	return o
}

// run is the order of work; 1.3.
func (r *run) run(ctx context.Context, o operation) int {
	if err := r.makeCache(); err != nil {
		r.complain("cannot create the cache directory: " + err.Error())
		return statusFailed
	}
	defer r.removeCache()
	if !r.load(ctx) {
		return statusFailed
	}
	if !r.generate(ctx) {
		r.endParagraph()
		return statusGenerator
	}
	entities, ok := r.scan(ctx)
	if !ok {
		return statusFailed
	}
	entities, unknown := choose(entities, o.selectors)
	if len(unknown) > 0 {
		for _, s := range unknown {
			r.bare(r.stderr, "Unrecognized argument: "+s+"\n")
		}
		return statusFailed
	}
	switch o.name {
	case "apply":
		return r.apply(ctx, entities, o.force)
	case "diff":
		r.diff(ctx, entities)
	case "selectors":
		r.bare(r.stdout, selectorList(entities))
	default:
		r.report(entities, o)
	}
	return statusDone
}

// over says whether the run should end between two entities.
func (r *run) over(ctx context.Context) bool { return ctx.Err() != nil || r.broken() != nil }

// final is the exit status, which is another one if not all that was to be printed could be.
func (p *printer) final(status int) int {
	err := cmp.Or(p.outFailed, p.errFailed)
	switch {
	case err == nil:
		return status
	case errors.Is(err, syscall.EPIPE):
		return statusPipe
	}
	p.complain("cannot write output: " + err.Error())
	return statusFailed
}

// getenv returns the last value of a variable.
func getenv(environ []string, name string) string {
	value := ""
	for _, v := range environ {
		if rest, ok := strings.CutPrefix(v, name+"="); ok {
			value = rest
		}
	}
	return value
}

// setenv returns an environment with variables set, NAME=VALUE each, and no other values for them.
func setenv(environ []string, set ...string) []string {
	var list []string
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		if !slices.ContainsFunc(set, func(s string) bool { return strings.HasPrefix(s, name+"=") }) {
			list = append(list, v)
		}
	}
	return append(list, set...)
}
