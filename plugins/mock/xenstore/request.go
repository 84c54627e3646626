package xenstore

import (
	"bytes"
	"maps"
	"strconv"
)

// ok is the reply to what has none of its own.
var ok = terminated("OK")

// do does what is asked for.
func (c *client) do(m message) (payload []byte, err errno) {
	t := &c.store.tree
	if m.transaction != 0 {
		if t = c.transactions[m.transaction]; t == nil {
			return nil, errNoEntry
		}
	}
	switch m.kind {
	case directory, directoryPart, read, getPerms:
		return c.ask(t, m)
	case write, mkdir, rm, setPerms:
		if t.seen != nil && len(t.events) >= maxEvents {
			return nil, errNoSpace
		}
		return ok, c.alter(t, m)
	case watch, unwatch:
		args, valid := list(m.payload, 2)
		if !valid {
			return nil, errInvalid
		}
		if m.kind == watch {
			return ok, c.watch(args[0], args[1])
		}
		return ok, c.unwatch(args[0], args[1])
	case resetWatches:
		c.reset()
		return ok, ""
	case transactionStart:
		return c.start(m)
	case transactionEnd:
		return ok, c.end(t, m)
	case getDomainPath, isIntroduced:
		return c.askOfDomain(m)
	case control, introduce, release, resume, setTarget:
		return nil, errAccess // that of domain 0 alone
	}
	return nil, errNoSystem
}

// list are strings, each with a NUL behind it, of which there are at least so many.
func list(b []byte, least int) ([]string, bool) {
	b, valid := bytes.CutSuffix(b, []byte{0})
	var out []string
	for s := range bytes.SplitSeq(b, []byte{0}) {
		out = append(out, string(s))
	}
	return out, valid && len(out) >= least
}

// ask answers what a node is.
func (c *client) ask(t *tree, m message) ([]byte, errno) {
	args, valid := list(m.payload, 1)
	if !valid || (m.kind == directoryPart) != (len(args) == 2) {
		return nil, errInvalid
	}
	path, valid := c.store.path(args[0])
	if !valid {
		return nil, errInvalid
	}
	n, err := t.get(path, mayRead)
	if err != "" {
		return nil, err
	}
	switch m.kind {
	case read:
		return n.value, ""
	case getPerms:
		var said []string
		for _, p := range n.perms {
			said = append(said, p.String())
		}
		return terminated(said...), ""
	case directoryPart:
		return part(n, args[1])
	}
	all := terminated(n.children...)
	if len(all) > maxPayload {
		return nil, errTooBig
	}
	return all, ""
}

// part is what goes into a reply of the list of children, from an offset on. Behind the last one is an empty name.
func part(n *node, offset string) ([]byte, errno) {
	all := append(terminated(n.children...), 0)
	at, err := strconv.ParseUint(offset, 10, 31)
	if err != nil {
		return nil, errInvalid
	}
	generation := terminated(strconv.FormatUint(n.generation, 10))
	rest := all[min(int(at), len(all)-1):]
	if room := maxPayload - len(generation); len(rest) > room {
		rest = rest[:1+bytes.LastIndexByte(rest[:room], 0)]
	}
	return append(generation, rest...), ""
}

// alter changes a node.
func (c *client) alter(t *tree, m message) errno {
	said, rest, valid := bytes.Cut(m.payload, []byte{0})
	if !valid || m.kind != write && m.kind != setPerms && len(rest) > 0 {
		return errInvalid
	}
	path, valid := c.store.path(string(said))
	if !valid {
		return errInvalid
	}
	if m.kind == rm {
		return remove(t, path)
	}
	if len(rest) > maxValue && m.kind == write {
		return errNoSpace
	}
	n, err := t.get(path, mayWrite)
	switch {
	case m.kind == setPerms && err == "":
		return setPermsOf(t, path, n, rest)
	case m.kind == setPerms:
	case err == errNoEntry:
		return t.make(path, bytes.Clone(rest))
	case err == "" && m.kind == write:
		now := *n
		now.value = bytes.Clone(rest)
		t.change(path, now)
	}
	return err
}

func remove(t *tree, path string) errno {
	if path == "/" {
		return errInvalid
	}
	_, err := t.get(path, mayWrite)
	switch {
	case err == "":
		t.remove(path)
	case err == errNoEntry && t.look(parentOf(path)) != nil:
		return "" // it is not there any more, then
	}
	return err
}

// setPermsOf gives a node of the domain's own other permissions, but no other owner.
func setPermsOf(t *tree, path string, n *node, said []byte) errno {
	if n.perms[0].domain != t.domain {
		return errAccess
	}
	words, valid := list(said, 1)
	if !valid {
		return errInvalid
	}
	if len(words) > maxPerms {
		return errNoSpace
	}
	now := *n
	now.perms = nil
	for _, w := range words {
		p, valid := parsePerm(w)
		if !valid {
			return errInvalid
		}
		now.perms = append(now.perms, p)
	}
	if now.perms[0].domain != t.domain {
		return errPerm
	}
	t.change(path, now)
	return ""
}

// askOfDomain answers where a domain has its nodes, and whether there is one: the host, and the client's own.
func (c *client) askOfDomain(m message) ([]byte, errno) {
	args, valid := list(m.payload, 1)
	if !valid || len(args) != 1 {
		return nil, errInvalid
	}
	n, valid := parseDomain(args[0])
	switch {
	case !valid:
		return nil, errInvalid
	case m.kind == getDomainPath:
		return terminated("/local/domain/" + strconv.Itoa(int(n))), ""
	case n == 0 || n == c.store.tree.domain:
		return terminated("T"), ""
	}
	return terminated("F"), ""
}

// start makes a copy of all nodes, on which the transaction works.
func (c *client) start(m message) ([]byte, errno) {
	s := c.store
	if m.transaction != 0 {
		return nil, errBusy
	}
	if s.transactions >= maxTransactions {
		return nil, errNoSpace
	}
	s.transactions++
	for c.last++; c.last == 0 || c.transactions[c.last] != nil; c.last++ {
	}
	t := s.tree
	t.nodes, t.events, t.seen = maps.Clone(t.nodes), nil, map[string]*node{}
	c.transactions[c.last] = &t
	return terminated(strconv.FormatUint(uint64(c.last), 10)), ""
}

// end makes what a transaction has changed the store's, unless somebody else has changed what it has seen.
func (c *client) end(t *tree, m message) errno {
	s := c.store
	commit := string(m.payload) == "T\x00"
	if t.seen == nil || !commit && string(m.payload) != "F\x00" {
		return errInvalid
	}
	delete(c.transactions, m.transaction)
	s.transactions--
	if !commit {
		return ""
	}
	owned := s.tree.owned
	for path, n := range t.seen {
		if s.tree.nodes[path] != n {
			return errAgain
		}
		owned += t.owns(t.nodes[path]) - t.owns(n)
	}
	if owned > s.tree.most {
		return errNoSpace
	}
	s.tree.owned = owned
	for path, n := range t.seen {
		if now := t.nodes[path]; now == nil {
			delete(s.tree.nodes, path)
		} else if now != n {
			s.tree.generation++ // transactions side by side count the same
			now.generation = s.tree.generation
			s.tree.nodes[path] = now
		}
	}
	s.tree.events = t.events
	return ""
}
