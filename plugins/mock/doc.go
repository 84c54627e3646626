// Package mock stands in for programs that an image's daemons and databases need while the image is provisioned: no daemon
// runs then, and the building machine's own tools would change the building machine.
//
// [Tools] is a table of such programs, each a function that works on a rootfs.Root. Each use is a [Call], which is handed
// to whoever keeps the ledger.
//
// Go plugins call them. A process calls a stand-in, a program by the name of a tool that comes first in its PATH, and that
// asks a [Server] of the build over a socket:
//
//	process --PATH--> stand-in: IsStandIn, StandIn --arguments, descriptors--> Server --Use--> Tools.Run
//	                      exit status <-------------------------------------------
package mock
