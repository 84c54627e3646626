package mock

import (
	"context"
	"io"
)

// Socket is a stand-in for a daemon that processes reach by a Unix socket.
type Socket struct {
	// At is where the daemon listens. A process that has a root of its own sees the stand-in there.
	At string
	// Variable tells processes where it listens, by Prefix and the socket's path. Empty where clients know no such variable:
	// they find it At alone.
	Variable, Prefix string
	// Rootless says that it has nothing to do with the root, so that filters have it, too.
	Rootless bool
	// Listen answers at a path until it is closed, in the name of a use's plugin and entity, and on its root. The use has no
	// arguments and no streams.
	Listen func(ctx context.Context, path string, u Use) (io.Closer, error)
}
