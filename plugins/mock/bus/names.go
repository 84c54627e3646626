package bus

import (
	"slices"

	"github.com/godbus/dbus/v5"
)

// owner is a client that has a name, or waits for it.
type owner struct {
	client   *client
	replace  bool // others may replace it
	patience bool // it waits when replaced
}

// Flags and answers of RequestName and ReleaseName; D-Bus specification, "Message Bus Messages".
const (
	allowReplacement = 1
	replaceExisting  = 2
	doNotQueue       = 4

	primaryOwner = 1
	inQueue      = 2
	nameExists   = 3
	alreadyOwner = 4

	released    = 1
	nonExistent = 2
	notOwner    = 3
)

// request gives a client a name, or a place in the queue for it.
func (b *bus) request(c *client, name string, flags uint32) (uint32, *dbus.Error) {
	switch {
	case name == "" || name[0] == ':' || !validBusName(name):
		return 0, failure(invalidArgs, "no process can have the name %q", name)
	case name == busName || b.services[name] != nil:
		return 0, failure(accessDenied, "%s has a stand-in while an image is provisioned", name)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.names[name]
	me := owner{c, flags&allowReplacement != 0, flags&doNotQueue == 0}
	at := slices.IndexFunc(list, func(o owner) bool { return o.client == c })
	switch {
	case at == 0:
		list[0] = me
		return alreadyOwner, nil
	case at < 0 && b.has(c) >= maxNames:
		return 0, failure(limitsExceeded, "a connection has at most %d names", maxNames)
	case len(list) == 0:
		b.names[name] = []owner{me}
		b.changed(name, "", c.unique)
		return primaryOwner, nil
	case flags&replaceExisting != 0 && list[0].replace:
		old := list[0]
		rest := slices.DeleteFunc(slices.Clone(list), func(o owner) bool { return o.client == c })
		if !old.patience {
			rest = rest[1:]
		}
		b.names[name] = append([]owner{me}, rest...)
		b.changed(name, old.client.unique, c.unique)
		return primaryOwner, nil
	case !me.patience:
		b.names[name] = slices.DeleteFunc(list, func(o owner) bool { return o.client == c })
		return nameExists, nil
	case at > 0:
		list[at] = me
	default:
		b.names[name] = append(list, me)
	}
	return inQueue, nil
}

// has is how many names a client has or waits for. The lock is held.
func (b *bus) has(c *client) (n int) {
	for _, list := range b.names {
		if slices.ContainsFunc(list, func(o owner) bool { return o.client == c }) {
			n++
		}
	}
	return n
}

// release takes a name from a client, or its place in the queue.
func (b *bus) release(c *client, name string) uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.names[name]
	switch {
	case len(list) == 0 && b.services[name] == nil && name != busName:
		return nonExistent
	case !slices.ContainsFunc(list, func(o owner) bool { return o.client == c }):
		return notOwner
	}
	b.drop(name, c)
	return released
}

// drop takes a client off the list of a name. The lock is held.
func (b *bus) drop(name string, c *client) {
	list := b.names[name]
	first := list[0].client == c
	list = slices.DeleteFunc(list, func(o owner) bool { return o.client == c })
	next := ""
	if len(list) == 0 {
		delete(b.names, name)
	} else {
		b.names[name] = list
		next = list[0].client.unique
	}
	if first {
		b.changed(name, c.unique, next)
	}
}

// changed tells of a name that has another owner. The lock is held.
func (b *bus) changed(name, from, to string) {
	const path = "/org/freedesktop/DBus"
	if from != "" {
		b.emit(busName, from, path, busName, "NameLost", name)
	}
	b.emit(busName, "", path, busName, "NameOwnerChanged", name, from, to)
	if to != "" {
		b.emit(busName, to, path, busName, "NameAcquired", name)
	}
}

// owner returns the unique name of who has a name, and who that is; nil is the bus, or a stand-in.
func (b *bus) owner(name string) (unique string, c *client, e *dbus.Error) {
	if name == busName {
		return busName, nil, nil
	}
	if s := b.services[name]; s != nil {
		return s.unique, nil, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.find(name); c != nil {
		return c.unique, c, nil
	}
	return "", nil, failure(nameHasNoOwner, "nobody has the name %s", name)
}

// all lists names: unique ones, and those that have an owner.
func (b *bus) all() []string {
	list := []string{busName}
	for name := range b.services {
		list = append(list, name)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.clients {
		list = append(list, name)
	}
	for name := range b.names {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// queued lists who has a name, and who waits for it.
func (b *bus) queued(name string) (list []string, e *dbus.Error) {
	unique, c, e := b.owner(name)
	if e != nil || c == nil || c.unique == name {
		return []string{unique}, e
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.names[name] {
		list = append(list, o.client.unique)
	}
	return list, nil
}
