// Package holo speaks version 3 of the Holo plugin interface, holo-plugin-interface(7), both sides of it.
//
// On the plugin's side, [Serve] makes an executable of a [Plugin], a Go value with three methods. On the host's side,
// [Host] loads plugins, scans them and applies their entities:
//
//	holorc, --plugin --> []Spec --Load--> info --> Scan --> []Entity --Apply--> Result, entity by entity
//
// A plugin is either such a Go value, called in this process, or any executable, started through plugins/sandbox; the
// host does not treat the two differently beyond that one joint, the runner interface.
//
// The package prints nothing: what happens is told in return values and [Event]s. What fails a build, and what a
// person sees of it, is decided by the callers.
package holo
