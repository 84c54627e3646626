// Package frontend is holo(8): it loads the plugins that holorc(5) names, shows what they find, applies their entities
// and shows what has drifted, on the running system or on any directory that $HOLO_ROOT_DIR names.
//
//	holorc --> info --> generators, static resources --> virtual resource directory
//	    --> scan --> entities --selectors--> apply | diff | scan | selectors
//
// What it prints, and how it exits, is what the reference implementation does, byte for byte: numbers in comments are
// those of docs/reference.md. It is not the host of package holo, which provisions
// images: here, nothing of an environment is kept from a plugin, entity IDs are whatever a plugin says, and the exit
// status is 0 if an entity fails. What the two share are the parsers and the diff.
//
// Paths are the host's and are used as they are given: a relative root is printed as a relative one, and no symlink is
// kept inside of it. Plugins are started directly (sandbox.Process): a daemon that one restarts must outlive the call.
// What they print is passed on while they print it. A plugin whose streams somebody keeps open is waited for, as in the
// reference; an interrupt ends that.
//
// Where the reference is known to be wrong, this is not: a last line without a line break is shown; the heading of an
// entity is printed once; absolute paths that are no resources are shown as they are; a directory of generators that is
// missing is one without any; what looks like a header inside of a diff is left alone.
//
// # Whose error line
//
// A plugin that exits non-zero has failed, says holo-plugin-interface(7), and the reference then prints a line of its
// own, "!! exit status 1". But the reference's own plugins exit 0 after they have printed an error, and ours, which keep
// to the interface, would have every error told twice. So the front end's line for a call that was for one entity
// (apply, force-apply, diff) is left out when the plugin has, in this call, printed a line that begins with "!! " on its
// standard error: what is shown is what the reference shows with its plugins. That is so of any plugin, as none can be
// told from another by the protocol: one that prints "!! " itself and exits non-zero has had its say, too. A plugin that
// exits non-zero without such a line, that a signal has ended or that can't be started gets the line. In info and scan it
// is always printed: there it says why the whole run ends, and the reference's plugins exit non-zero themselves.
package frontend
