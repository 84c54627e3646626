package xenstore

import (
	"slices"
	"strings"
)

// maxToken bounds what a client names a watch by, so that it goes into an event with any path.
const maxToken = maxPayload - maxPath - 2

// watcher is a watch.
type watcher struct {
	client      *client
	path, token string
	// said is the path as the client has said it: relative, it gets relative paths.
	said string
}

// watch adds a watch. A path that begins with an @ is an event's that never happens here: no domain comes or goes.
func (c *client) watch(said, token string) errno {
	s := c.store
	path, ok := said, strings.HasPrefix(said, "@") && len(said) <= maxRelative
	if !ok {
		path, ok = s.path(said)
	}
	if !ok || len(token) > maxToken {
		return errInvalid
	}
	if s.watchOf(c, path, token) >= 0 {
		return errExists
	}
	if len(s.watches) >= maxWatches {
		return errTooBig
	}
	s.watches = append(s.watches, &watcher{c, path, token, said})
	return ""
}

func (c *client) unwatch(said, token string) errno {
	path := said
	if !strings.HasPrefix(said, "@") {
		var ok bool
		if path, ok = c.store.path(said); !ok {
			return errInvalid
		}
	}
	i := c.store.watchOf(c, path, token)
	if i < 0 {
		return errNoEntry
	}
	c.store.watches = slices.Delete(c.store.watches, i, i+1)
	return ""
}

func (s *Store) watchOf(c *client, path, token string) int {
	return slices.IndexFunc(s.watches, func(w *watcher) bool { return w.client == c && w.path == path && w.token == token })
}

// first triggers the watch that was added last, as every watch is at first.
func (c *client) first() {
	w := c.store.watches[len(c.store.watches)-1]
	c.send(message{kind: watchEvent, payload: terminated(w.said, w.token)})
}

// forget removes the watches of a client.
func (s *Store) forget(c *client) {
	s.watches = slices.DeleteFunc(s.watches, func(w *watcher) bool { return w.client == c })
}

// fire tells whoever watches what has happened.
func (s *Store) fire() {
	for _, e := range s.tree.events {
		for _, w := range s.watches {
			if !e.readable || e.path != w.path && (e.removed || !isBelow(e.path, w.path)) {
				continue
			}
			path := e.path
			if !strings.HasPrefix(w.said, "/") {
				path = strings.TrimPrefix(path, s.home+"/")
			}
			w.client.send(message{kind: watchEvent, payload: terminated(path, w.token)})
		}
	}
	s.tree.events = nil
}

// isBelow says whether a path is below another.
func isBelow(path, above string) bool {
	return above == "/" || strings.HasPrefix(path, above+"/")
}
