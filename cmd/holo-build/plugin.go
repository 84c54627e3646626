package main

import (
	"context"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/plugins/holo"
)

// servePlugin is the bundled plugin as an executable of its own.
func servePlugin(ctx context.Context, b holo.Bundled, args []string, p process) int {
	return holo.Serve(ctx, b.ID, b.Plugin, holo.Served{
		Args: args, Environ: p.environ, Stdout: p.stdout, Stderr: p.stderr, FD3: descriptor3(), Now: p.now,
	})
}

// descriptor3 is where a plugin answers its front end; nil if there is none, and what has that number is the Go
// runtime's own.
func descriptor3() io.Writer {
	var st unix.Stat_t
	if unix.Fstat(3, &st) != nil {
		return nil
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFIFO, unix.S_IFREG, unix.S_IFCHR, unix.S_IFSOCK:
		return os.NewFile(3, "descriptor 3")
	}
	return nil
}
