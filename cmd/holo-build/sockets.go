package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/plugins/mock/bus"
	"github.com/holo-build/holo-build/plugins/mock/journal"
	"github.com/holo-build/holo-build/plugins/mock/notify"
	"github.com/holo-build/holo-build/plugins/mock/syslog"
	"github.com/holo-build/holo-build/plugins/mock/xenstore"
)

const xenStoreUsage = "have executables find a XenStore, with what is in directory `DIR`\nbelow the home of their domain"

// sockets are the stand-ins for daemons. Messages of several are in this order.
func (b *build) sockets(tools *mock.Tools) ([]mock.Socket, error) {
	if b.live {
		if b.o.xenStore != "" {
			return nil, usageError{fmt.Errorf("--xenstore: programs find the running system's own")}
		}
		return nil, nil
	}
	hosts := []string{"localhost"} // what the sandbox calls it
	if name, err := os.Hostname(); err == nil {
		hosts = append(hosts, name)
	}
	list := []mock.Socket{
		{At: syslog.Path, Rootless: true, Listen: func(ctx context.Context, path string, u mock.Use) (io.Closer, error) {
			return syslog.Listen(ctx, path, syslog.Options{Record: u.Message, Hosts: hosts})
		}},
		{At: journal.Path, Rootless: true, Listen: func(ctx context.Context, path string, u mock.Use) (io.Closer, error) {
			return journal.Listen(ctx, path, journal.Options{Record: u.Message})
		}},
		{At: journal.StreamPath, Rootless: true, Listen: func(ctx context.Context, path string, u mock.Use) (io.Closer, error) {
			return journal.ListenStreams(ctx, path, journal.Options{Record: u.Message})
		}},
		{At: notify.Path, Variable: notify.Variable, Rootless: true, Listen: func(ctx context.Context, path string, u mock.Use) (io.Closer, error) {
			return notify.Listen(ctx, path, notify.Options{Record: u.Message})
		}},
		{At: bus.Path, Variable: bus.Variable, Prefix: bus.Prefix, Listen: func(ctx context.Context, path string, u mock.Use) (io.Closer, error) {
			return bus.Listen(ctx, path, bus.Options{Tools: tools, Use: u})
		}},
	}
	if b.o.xenStore == "" {
		return list, nil
	}
	store, err := xenstore.NewStore(b.o.xenStore, 0)
	if err != nil {
		return nil, err
	}
	b.storeDigest = store.Digest()
	return append(list, mock.Socket{At: xenstore.Path, Variable: xenstore.Variable, Listen: func(ctx context.Context, path string, u mock.Use) (io.Closer, error) {
		return xenstore.Listen(ctx, path, xenstore.Options{Store: store, Record: func(argv []string) {
			tools.Record(mock.Call{Argv: argv, Plugin: u.Plugin, Entity: u.Entity, Outcome: mock.Realised})
		}})
	}}), nil
}
