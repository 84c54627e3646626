package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/holo-build/holo-build/oci"
)

// buildOptions are the flags of build.
type buildOptions struct {
	source    string
	resources []string
	replace   bool
	outputs   []string
	plugins   []string
	xenStore  string

	platform    string
	compression string
	force       bool
	strict      bool
	recheck     bool
	shuffle     shuffleFlag
	deferral    deferFlag
	dryRun      bool
	keepStaging bool
	ephemeral   bool
	squash      bool
	timeout     time.Duration
	limits      []string
	stage       string
	cacheDir    string
	cacheLimit  sizeFlag
	noCache     bool

	settings  settingFlags
	sandbox   sandboxFlags
	pluginEnv []string
	secrets   []string
	mocks     []string

	log      string
	metadata string
	progress string
	quiet    bool
}

func (o *buildOptions) addFlags(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringArrayVarP(&o.outputs, "output", "o", nil, "where to write `DEST`; may be repeated")
	o.addSourceFlags(f)
	f.BoolVar(&o.force, "force", false, forceUsage)
	f.BoolVar(&o.strict, "strict", false, strictUsage)
	f.BoolVar(&o.recheck, "recheck", false, recheckUsage)
	f.Var(&o.shuffle, "shuffle", shuffleUsage)
	f.Var(&o.deferral, "defer", deferUsage)
	f.StringVar(&o.compression, "compress", "", "compression `C` of the new layer: gzip, zstd or none (default: as the base, else gzip)")
	f.BoolVar(&o.ephemeral, "ephemeral", false, "leave no resources, plugin state or apply log in the image")
	f.BoolVar(&o.squash, "squash", false, "of a directory or tarball, make one layer instead of two")
	o.settings.addFlags(f)
	f.BoolVar(&o.dryRun, "dry-run", false, "do everything but saving")
	f.BoolVar(&o.keepStaging, "keep-staging", false, "leave the staging root for a look, and say where it is")
	f.StringVar(&o.log, "log", "", logUsage)
	f.StringVar(&o.metadata, "metadata-file", "", "write what was made, as JSON, to `FILE`")
}

const (
	forceUsage = "let plugins overwrite what somebody else has changed"
	logUsage   = "write the whole apply log to `FILE`"
)

// addSourceFlags adds the flags of all verbs that let plugins at a source.
func (o *buildOptions) addSourceFlags(f *pflag.FlagSet) {
	o.addPluginFlags(f)
	f.StringVar(&o.platform, "platform", "", "image of an index to take: `OS/ARCH[/VARIANT]`")
	f.StringVar(&o.stage, "stage", stageAuto, "how much of the tree is written out, `WAY` view (nothing),\nmount (root: the kernel shows it), copy (all) or auto")
	f.StringVar(&o.cacheDir, "cache-dir", "", cacheDirUsage)
	f.Var(&o.cacheLimit, "cache-limit", "what the cache may hold after the build: `SIZE` with K, M, G or T\n(default 20G, or half of what the disk has for it)")
	f.BoolVar(&o.noCache, "no-cache", false, "keep nothing of what is read for the next build")
}

// addPluginFlags adds the flags of all verbs that run plugins.
func (o *buildOptions) addPluginFlags(f *pflag.FlagSet) {
	f.StringArrayVarP(&o.resources, "resources", "r", nil, "resource tree `DIR`, shaped like /usr/share/holo; may be repeated")
	f.BoolVar(&o.replace, "replace-resources", false, "take away the resources that earlier builds placed and no -r has, and undo what came of them")
	f.StringArrayVar(&o.plugins, "plugin", nil, "run plugin `ID[=BINARY]`, in this order and before all others; may be repeated")
	f.StringArrayVar(&o.mocks, "mock", nil, mockUsage)
	o.sandbox.addFlags(f)
	f.StringArrayVar(&o.pluginEnv, "plugin-env", nil, pluginEnvUsage)
	f.StringArrayVar(&o.secrets, "secret", nil, secretUsage)
	f.StringVar(&o.xenStore, "xenstore", "", xenStoreUsage)
	f.DurationVar(&o.timeout, "timeout", 10*time.Minute, "time limit `T` for each call of a plugin, as 90s or 5m")
	f.StringArrayVar(&o.limits, "limit", nil, limitUsage)
	f.StringVar(&o.progress, "progress", "auto", "what standard error gets: `MODE` auto, tty, plain, json or none")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no progress and no report, only warnings and errors")
}

// check finds wrong use before any work is done.
func (o *buildOptions) check() error {
	if len(o.outputs) == 0 && !o.dryRun {
		return usageError{fmt.Errorf("no destination given: use -o TRANSPORT:REST, or --dry-run to save nothing")}
	}
	for i, ref := range o.outputs {
		switch {
		case slices.Contains(o.outputs[:i], ref):
			return usageError{fmt.Errorf("destination %q is given twice", ref)}
		case isStdout(ref) && slices.ContainsFunc(o.outputs[:i], isStdout):
			return usageError{fmt.Errorf("standard output can be only one of the destinations")}
		}
	}
	if err := errors.Join(o.checkStage(), o.sandbox.check(), o.checkSecrets()); err != nil {
		return err
	}
	switch {
	case o.noCache && o.cacheDir != "":
		return usageError{fmt.Errorf("--no-cache has no use for --cache-dir")}
	case o.noCache && o.cacheLimit.bytes != nil:
		return usageError{fmt.Errorf("--no-cache has no use for --cache-limit")}
	}
	if o.compression != "" {
		if _, err := oci.ParseCompression(o.compression); err != nil {
			return usageError{fmt.Errorf("--compress: %w", err)}
		}
	}
	if o.timeout <= 0 {
		return usageError{fmt.Errorf("--timeout %v: it must be more than nothing", o.timeout)}
	}
	binaries := map[string]string{}
	for _, p := range o.plugins {
		id, binary, explicit := strings.Cut(p, "=")
		if id == "" || id[0] == '-' || explicit && binary == "" {
			return usageError{fmt.Errorf("--plugin %q: it is ID or ID=BINARY", p)}
		}
		if old, ok := binaries[id]; ok && old != binary {
			return usageError{fmt.Errorf("--plugin %s is given twice, with different binaries", id)}
		}
		binaries[id] = binary
	}
	return nil
}

// sourceDateEpoch is the variable by which the builder sets the time of everything that a build makes.
// https://reproducible-builds.org/specs/source-date-epoch/
func sourceDateEpoch(p process) (t time.Time, ok bool, err error) {
	value := p.getenv("SOURCE_DATE_EPOCH")
	if value == "" {
		return t, false, nil
	}
	sec, err := strconv.ParseInt(value, 10, 64)
	if err != nil || sec < 0 || sec > 253402300799 { // the end of the year 9999, where RFC 3339 ends
		return t, false, usageError{fmt.Errorf("SOURCE_DATE_EPOCH=%q is no number of seconds since 1970", value)}
	}
	return time.Unix(sec, 0).UTC(), true, nil
}
