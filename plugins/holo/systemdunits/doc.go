// Package systemdunits is the plugin that provisions which systemd units are enabled, disabled and masked, and the target
// that is booted into, from files that stack:
//
//	10-app.toml                                50-policy.preset
//	enable = ["nginx", "app@blue.service"]     enable nginx.service
//	disable = ["apt-daily.timer"]              disable apt-daily*.timer
//	mask = ["getty@tty1.service"]
//	default-target = "multi-user.target"
//	presets = ["enable ssh.*", "disable *"]    # lines as in a preset file
//	preset-all = true                          # what else there is: as the root's own preset files say
//
// Each unit is an entity, unit:NAME, and so is default-target:system. What two files say of one of them must agree. Preset
// rules, those of all files in the order of the files' names, say what becomes of units that no list names; the first
// that is for a unit counts. A rule with a pattern is for units that are there when the resources are scanned.
//
// An enabled unit is one whose [Install] section is followed, a disabled one has no links in /etc/systemd/system, a masked
// one is a symlink to /dev/null there. Units that are enabled or disabled are unmasked. What else a unit brings along by
// Also= follows it, unless it is an entity of its own.
//
// The work is done by systemctl, or where plugins are in test mode by package units, which is the same. The links of a unit
// before its first definition are kept as the base, to which it returns when the last definition goes; the provisioned
// links tell a change by somebody else from one of our own. Both are texts in the state directory, below base/ and
// provisioned/.
package systemdunits
