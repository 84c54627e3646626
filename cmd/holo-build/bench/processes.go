package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// What a process may cost.
const (
	maxCall    = 5 * time.Millisecond  // the use of a stand-in, more than that of /bin/true
	maxSandbox = 15 * time.Millisecond // the sandbox, of each process
	maxBlame   = 1.2                   // times as long on the large image as on the small one, in a mount
)

// How often each of them happens in a build.
const (
	costEntities = 40
	costUses     = 10 // of each entity
)

// costPlugin has entities of which each writes a file, after it has used a program some times.
const costPlugin = `#!/bin/sh
case $1 in
info) printf 'MIN_API_VERSION=3\nMAX_API_VERSION=3\n' ;;
scan) read -r count <"$HOLO_RESOURCE_DIR/count"; i=0; while [ $i -lt "$count" ]; do i=$((i+1)); echo "ENTITY: cost:$i"; done ;;
apply)
    i=0; while [ $i -lt "$USES" ]; do i=$((i+1)); $PROGRAM >/dev/null 2>&1; done
    echo "$2" >"$HOLO_ROOT_DIR/etc/$2" ;;
esac
`

// cost is one build whose time is measured.
type cost struct {
	image, stage, sandbox, program string
	entities                       int
}

// processes measures what it costs to run a plugin that is an executable, in each stage: the use of a stand-in, the sandbox,
// and to find out what the process has changed.
func processes(ctx context.Context, w io.Writer, o options) (err error) {
	dir, release, err := newTmpfs()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	p := costPlace{dir: dir, images: map[string]string{"small": o.small, "large": o.large}}
	if p.binary, err = filepath.Abs(o.binary); err == nil {
		err = p.prepare()
	}
	if err != nil {
		return err
	}
	var errs []error
	miss := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("%w: "+format, append([]any{errBound}, args...)...))
		}
	}
	for _, stage := range []string{"mount", "copy"} {
		with := func(c cost) cost { c.stage = stage; return c }
		call, err := p.difference(ctx, o.rounds, with(cost{image: "small", sandbox: "auto", program: "systemctl is-enabled none", entities: costEntities}),
			with(cost{image: "small", sandbox: "auto", program: "/bin/true", entities: costEntities}), costEntities*costUses)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%-6s a stand-in's use, over /bin/true  %8.2f ms (less than %d)\n", stage, ms(call), maxCall.Milliseconds())
		miss(call < maxCall, "in a %s, a stand-in's use takes %v", stage, call)
		confined, err := p.difference(ctx, o.rounds, with(cost{image: "small", sandbox: "auto", program: ":", entities: costEntities}),
			with(cost{image: "small", sandbox: "none", program: ":", entities: costEntities}), costEntities+2)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%-6s the sandbox, of a process         %8.2f ms (less than %d)\n", stage, ms(confined), maxSandbox.Milliseconds())
		miss(confined < maxSandbox, "in a %s, the sandbox takes %v of each process", stage, confined)
		var each [2]time.Duration
		for i, image := range []string{"small", "large"} {
			each[i], err = p.difference(ctx, o.rounds, with(cost{image: image, sandbox: "auto", program: ":", entities: costEntities}),
				with(cost{image: image, sandbox: "auto", program: ":"}), costEntities)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "%-6s an entity with blame, %s image   %8.2f ms\n", stage, image, ms(each[i]))
		}
		ratio := each[1].Seconds() / each[0].Seconds()
		fmt.Fprintf(w, "%-6s large against small               %8.2f times\n", stage, ratio)
		miss(stage != "mount" || ratio <= maxBlame, "in a mount, an entity takes %.2f times as long in the large image", ratio)
	}
	return errors.Join(errs...)
}

func ms(d time.Duration) float64 { return 1000 * d.Seconds() }

// costPlace is where that is measured.
type costPlace struct {
	dir, binary string
	images      map[string]string
}

func (p costPlace) prepare() error {
	for _, dir := range []string{"tmp", "resources/cost", "none/cost"} {
		if err := os.MkdirAll(filepath.Join(p.dir, dir), 0o755); err != nil {
			return err
		}
	}
	return errors.Join(os.WriteFile(filepath.Join(p.dir, "holo-cost"), []byte(costPlugin), 0o755),
		os.WriteFile(filepath.Join(p.dir, "resources/cost/count"), []byte(strconv.Itoa(costEntities)+"\n"), 0o644),
		os.WriteFile(filepath.Join(p.dir, "none/cost/count"), []byte("0\n"), 0o644))
}

// difference is by how much one build takes longer than another, in turns, for each of so many times that something happens.
func (p costPlace) difference(ctx context.Context, rounds int, a, b cost, times int) (time.Duration, error) {
	var list []time.Duration
	for round := range rounds + 1 {
		first, err := p.build(ctx, a)
		if err != nil {
			return 0, err
		}
		second, err := p.build(ctx, b)
		if err != nil {
			return 0, err
		}
		if round > 0 { // the first fills the cache
			list = append(list, (first-second)/time.Duration(times))
		}
	}
	return median(list), nil
}

func (p costPlace) build(ctx context.Context, c cost) (time.Duration, error) {
	resources, uses := "resources", costUses
	if c.entities == 0 {
		resources = "none"
	}
	if c.program == ":" {
		uses = 0
	}
	s := session{env: []string{"TMPDIR=" + filepath.Join(p.dir, "tmp")}}
	start := time.Now()
	_, err := s.command(ctx, p.binary, "build", "-q", "oci:"+p.images[c.image]+":latest", "-r", filepath.Join(p.dir, resources),
		"--plugin", "cost="+filepath.Join(p.dir, "holo-cost"), "--plugin-env", "PROGRAM="+c.program, "--plugin-env", "USES="+strconv.Itoa(uses),
		"--stage", c.stage, "--sandbox", c.sandbox, "--cache-dir", filepath.Join(p.dir, "cache"), "--dry-run")
	return time.Since(start), err
}
