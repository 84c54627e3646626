package holo

import "context"

// Plugin is a plugin written in Go: all that is left to do where protocol, processes and paths are taken care of.
// Methods get everything from the Env, and use no os/exec, os.Getenv, time.Now or working directory of their own.
//
// What a method writes to Env.Stdout and Env.Stderr reaches the user; a line that begins with "!! " is an error, one
// that begins with ">> " a warning. A returned error is printed by the caller as one "!! " line and fails the entity.
type Plugin interface {
	// Scan reports the entities that the plugin finds in its resources, in any order.
	Scan(ctx context.Context, env *Env) ([]Entity, error)
	// Apply brings one entity into its desired state. Without force it refuses, by its Outcome, to overwrite what
	// somebody else has changed since the plugin last applied it.
	Apply(ctx context.Context, env *Env, id string, force bool) (Outcome, error)
	// Diff names two files that stand for the entity's state as last applied and as it is now, as paths below the
	// paths of Env; either may be missing, and both are empty if the entity has no meaningful diff.
	Diff(ctx context.Context, env *Env, id string) (expected, actual string, err error)
}

// Entity is one thing that a plugin can provision, as its scan reports it.
type Entity struct {
	// ID is unique within the plugin, and does not look like a path; the recommended form is type:identifier.
	ID string
	// Verb says what applying does, if that is not provisioning: "Scrubbing". Empty means the default, DefaultVerb.
	Verb string
	// Reason says why the verb is what it is; may be empty.
	Reason string
	// Sources are the resource files that define the entity, as paths below $HOLO_RESOURCE_DIR.
	Sources []string
	// Info are the informational lines, in order.
	Info []InfoLine
}

// InfoLine is an informational line of a scan report: "key: value".
type InfoLine struct{ Key, Value string }

// DefaultVerb is shown for an entity that reports no ACTION.
const DefaultVerb = "Working on"

// Outcome is what came of applying an entity.
type Outcome string

// The outcomes; the last three are the messages on file descriptor 3.
const (
	Applied             Outcome = "applied"
	NotChanged          Outcome = "not-changed"
	NeedsForceOverwrite Outcome = "needs-force-overwrite"
	NeedsForceRestore   Outcome = "needs-force-restore"
	Failed              Outcome = "failed"
)
