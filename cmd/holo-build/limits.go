package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// limitNames are what --limit can set.
const limitNames = "document, layers, layer, ratio, file, entries, name, xattrs, output,\nplugin-memory, plugin-file, plugin-processes"

// limitUsage is the help of --limit.
const limitUsage = "change a limit: `NAME=NUMBER`, with K, M, G or T; NAME is one of\n" + limitNames + "; may be repeated"

// limits are what --limit sets.
type limits struct {
	rootfs.Limits
	plugins sandbox.Limits
}

// pluginLimits are what a process may use if nothing else is said: more than honest ones need, and less than the machine has.
var pluginLimits = sandbox.Limits{Memory: 4 << 30, FileSize: 1 << 40, Processes: 2000}

// parseLimits reads the values of --limit over the defaults.
func parseLimits(values []string) (limits, error) {
	l := limits{rootfs.Limits{}.WithDefaults(), pluginLimits}
	for _, v := range values {
		name, text, _ := strings.Cut(v, "=")
		n, err := parseSize(text)
		if err == nil && n == 0 {
			err = errors.New("nothing would be allowed")
		}
		if err == nil {
			err = setLimit(&l, name, n)
		}
		if err != nil {
			return l, usageError{fmt.Errorf("--limit %s: %w", v, err)}
		}
	}
	return l, nil
}

func setLimit(l *limits, name string, n int64) error {
	switch name {
	case "document":
		l.Document = n
	case "layers":
		l.Layers = int(n)
	case "layer":
		l.LayerBytes = n
	case "ratio":
		l.Ratio = n
	case "file":
		l.FileBytes = n
	case "entries":
		l.Entries = int(n)
	case "name":
		l.NameBytes = int(n)
	case "xattrs":
		l.XattrBytes = int(n)
	case "output":
		l.OutputBytes = n
	case "plugin-memory":
		l.plugins.Memory = n
	case "plugin-file":
		l.plugins.FileSize = n
	case "plugin-processes":
		l.plugins.Processes = int(n)
	default:
		return fmt.Errorf("there are %s", strings.ReplaceAll(limitNames, "\n", " "))
	}
	return nil
}

// parseSize reads a number, perhaps with a suffix for a power of 1024.
func parseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "KMGT")
	n, err := strconv.ParseInt(digits, 10, 64)
	shift := 0
	if suffix := s[len(digits):]; suffix != "" {
		shift = 10 * (1 + strings.Index("KMGT", suffix))
	}
	if err != nil || s[0] == '-' || len(s)-len(digits) > 1 || n > 1<<62>>shift {
		return 0, errors.New("it takes a number, perhaps with K, M, G or T")
	}
	return n << shift, nil
}

// sizeFlag is the value of a flag that takes what parseSize reads; nil if it is not given.
type sizeFlag struct{ bytes *int64 }

// Set implements pflag.Value.
func (f *sizeFlag) Set(s string) error {
	n, err := parseSize(s)
	f.bytes = &n
	return err
}

func (f *sizeFlag) String() string {
	if f.bytes == nil {
		return ""
	}
	return strconv.FormatInt(*f.bytes, 10)
}

// Type implements pflag.Value.
func (*sizeFlag) Type() string { return "SIZE" }

// withWayOut adds to an error about a limit how it is raised.
func withWayOut(err error) error {
	if hint := wayOut(err); hint != "" {
		return fmt.Errorf("%w%s", err, hint)
	}
	return err
}

// wayOut is what withWayOut adds; empty if no limit was met.
func wayOut(err error) string {
	_, output := errors.AsType[*sandbox.OutputError](err)
	exit, ended := errors.AsType[*sandbox.ExitError](err)
	if output || ended && exit.Exit.Signal == syscall.SIGXFSZ || errors.Is(err, rootfs.ErrLimit) {
		return " (--limit raises limits)"
	}
	return ""
}
