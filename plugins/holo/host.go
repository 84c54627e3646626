package holo

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

// Stage is the staging root as the host needs it: rootfs.Staging has it.
type Stage interface {
	// Root returns the tree; what is changed through it is recorded as by's doing.
	Root(by rootfs.Actor) rootfs.Root
	// Rescan finds what a foreign process has changed on the disk, and records it as by's doing.
	Rescan(ctx context.Context, by rootfs.Actor) error
	// Dir is the absolute path of the staging root for foreign executables; empty if the stage has no directory.
	Dir() string
	// Clone returns a mount of the staging root, which a process attaches at Dir for itself; nil where Dir is a directory
	// that has the files. The caller closes it.
	Clone() (*os.File, error)
}

// Spec is a plugin to load: an ID, and either an executable or a Go value.
type Spec struct {
	ID     string
	Binary string
	Plugin Plugin
	// Inside says that it runs inside the staging root; InImage that Binary is a path there.
	Inside, InImage bool
}

// HostOptions configure a Host.
type HostOptions struct {
	Stage Stage
	// CacheDir is the name of the run's cache directory below the staging root: "tmp/holo.0". It exists, and
	// generated-resources below it is the virtual resource directory.
	CacheDir string
	// Environ is the environment of executables, to which the HOLO_ variables are added.
	Environ []string
	// Scratch is an existing directory of the host's for executables that have to be written out.
	Scratch string
	// Live says that the staging root is the running system: tools are its own, and processes are left alone.
	Live bool
	// StandIns take the places of the system's tools, where Live is false: of what a plugin runs by a name without a slash.
	// Without them, that is an error, and a process finds the building machine's.
	StandIns *StandIns
	// Sandbox confines processes; nil does not.
	Sandbox *Sandbox
	// InRoot says what runs inside the staging root; nil for nothing.
	InRoot *InRoot
	// Secrets are what processes can read, and nobody else is told; nil for none.
	Secrets *Secrets
	// Resources tells where a resource came from, and translates paths of the virtual resource directory.
	Resources *Resources
	// Timeout bounds each call of an executable.
	Timeout time.Duration
	Limits  rootfs.Limits
	// Probe says how processes are kept together; zero means as well as the kernel lets us.
	Probe sandbox.Probe
	Now   func() time.Time
	// Events is told what happens while it happens; may be nil.
	Events func(Event)
}

// Event is something that happened in the host.
type Event struct {
	// Kind is "plugin-loaded", "scanned", "applying", "applied" or "warning".
	Kind string
	// Plugin and Entity say what it is about; Entity may be empty.
	Plugin, Entity string
	// N of M entities are through.
	N, M int
	// Text is a warning's text.
	Text string
}

// Host loads plugins, scans them and applies their entities, one call after the other. It is not safe for use by
// several goroutines.
type Host struct {
	// telling is held while an event is told.
	telling sync.Mutex

	o        HostOptions
	launcher launcher
	told     messages
	plugins  []*plugin
	// applied and known count entities for events.
	applied, known int
}

// plugin is a loaded plugin.
type plugin struct {
	Loaded
	runner  runner
	neutral neutral
	// ranInside says that something ran inside the staging root since it was last reset, and knowsInside that neutral
	// replaces what is said there.
	ranInside, knowsInside bool
	locations              []location
}

// NewHost returns a host without plugins.
func NewHost(o HostOptions) *Host {
	o.Limits = o.Limits.WithDefaults()
	h := &Host{o: o, launcher: launcher{stage: o.Stage, cacheDir: o.CacheDir, inRoot: o.InRoot, sandbox: o.Sandbox, standIns: o.StandIns,
		secrets: o.Secrets, probe: o.Probe, live: o.Live}}
	h.launcher.told = h.told.add
	return h
}

func (h *Host) tell(e Event) {
	h.telling.Lock()
	defer h.telling.Unlock()
	if h.o.Events != nil {
		h.o.Events(e)
	}
}

func (h *Host) warn(plugin, entity, text string) {
	h.tell(Event{Kind: "warning", Plugin: plugin, Entity: entity, Text: text})
}
