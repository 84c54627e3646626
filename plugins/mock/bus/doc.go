// Package bus stands in for the system's D-Bus while an image is provisioned. Processes connect to a socket of the build,
// as they would to /run/dbus/system_bus_socket, and find there
//
//   - a message bus, org.freedesktop.DBus, on which they can call each other;
//   - services that work on the root that is provisioned: org.freedesktop.systemd1, hostname1, timedate1, locale1 and
//     login1. Each call of one is recorded with what became of it, as the use of a tool is. All other services are unknown,
//     and that they were called is recorded, too.
//
// A message goes this way, in a goroutine for each connection:
//
//	source.message -> bus.handle -> driver        the bus's own methods
//	                             -> service.call  mock.Tools.Answer, on the root
//	                             -> client.send   another connection's queue, which a goroutine writes
//
// The protocol is that of the D-Bus specification, version 0.43 (dbus.freedesktop.org/doc/dbus-specification.html).
// Values are encoded and decoded by godbus. What is not for the build itself to understand, the bodies of messages from one
// process to another, is handed on as it came.
package bus
