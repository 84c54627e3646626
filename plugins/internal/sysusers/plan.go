package sysusers

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
	"github.com/holo-build/holo-build/rootfs"
)

// plan decides which accounts are made, and what IDs they get.
type plan struct {
	*Config
	taken accounts.Taken
	// uids and gids are the names of the IDs that are given out.
	uids, gids map[uint32]string
	// next is where the search for the next free ID begins, or ends: it counts down.
	next *uint32
	add  accounts.Declaration
	say  func(text string)
}

// defaultRange is where the IDs of the system are, of which new ones are taken.
var defaultRange = span{1, 999}

// Apply makes what is missing in the databases, all of it or nothing, and returns the names of those that change. With dry,
// nothing is written. say is told what is made.
func (c *Config) Apply(ctx context.Context, e accounts.Editor, dry bool, say func(text string)) (changed []string, err error) {
	if len(c.ranges) == 0 {
		c.ranges = []span{defaultRange}
	}
	c.ranges = merge(c.ranges)
	c.imply()
	if len(c.users.items) == 0 && len(c.groups.items) == 0 {
		return nil, nil
	}
	return e.Declare(ctx, dry, func(t accounts.Taken) (accounts.Declaration, error) {
		p := &plan{Config: c, taken: t, uids: map[uint32]string{}, gids: map[uint32]string{}, say: say}
		p.add.Members = c.members
		for _, g := range c.groups.items {
			if err := p.group(g); err != nil {
				return p.add, err
			}
		}
		for _, u := range c.users.items {
			if err := p.user(u); err != nil {
				return p.add, err
			}
		}
		return p.add, nil
	})
}

func refuse(format string, args ...any) error {
	return &accounts.Error{Status: accounts.StatusPasswd, Text: fmt.Sprintf(format, args...)}
}

// group makes a group, or the one of a user that has its name, unless there is one.
func (p *plan) group(i *item) error {
	if id, ok := p.taken.GIDs[i.name]; ok {
		i.gid = &id
		return nil
	}
	gid := i.gid
	if gid != nil && !p.freeGID(*gid, false) {
		p.say(fmt.Sprintf("Suggested group ID %d for %s already used.", *gid, i.name))
		gid = nil
	}
	if gid == nil && i.uid != nil && p.freeGID(*i.uid, true) {
		gid = i.uid
	}
	if m, ok := p.owner(i); gid == nil && ok && p.suits(m.GID) && p.freeGID(m.GID, true) {
		gid = &m.GID
	}
	if gid == nil {
		if gid = p.search(func(id uint32) bool { return p.freeGID(id, true) }); gid == nil {
			return refuse("No free group ID available for %s.", i.name)
		}
	}
	i.gid, i.created = gid, true
	p.gids[*gid] = i.name
	p.add.Groups = append(p.add.Groups, accounts.Group{Name: i.name, GID: *gid})
	p.say(fmt.Sprintf("Creating group '%s' with GID %d.", i.name, *gid))
	return nil
}

// user makes a user, and the group that belongs to it, unless there is one.
func (p *plan) user(i *item) error {
	own, err := p.primary(i)
	if err != nil {
		return err
	}
	if _, ok := p.taken.UIDs[i.name]; ok {
		return nil
	}
	uid := i.uid
	if uid != nil && !p.freeUID(*uid, i.name, own) {
		p.say(fmt.Sprintf("Suggested user ID %d for %s already used.", *uid, i.name))
		uid = nil
	}
	if m, ok := p.owner(i); uid == nil && ok && p.suits(m.UID) && p.freeUID(m.UID, i.name, true) {
		uid = &m.UID
	}
	if uid == nil && p.freeUID(*i.gid, i.name, true) {
		uid = i.gid
	}
	if uid == nil {
		if uid = p.search(func(id uint32) bool { return p.freeUID(id, i.name, true) }); uid == nil {
			return refuse("No free user ID available for %s.", i.name)
		}
	}
	p.uids[*uid] = i.name
	u := accounts.User{Name: i.name, UID: *uid, GID: *i.gid, GECOS: i.description, Home: i.home, Shell: i.shell}
	if u.Home == "" {
		u.Home = "/"
	}
	if u.Shell == "" {
		u.Shell = "/usr/sbin/nologin"
		if *uid == 0 {
			u.Shell = "/bin/sh"
		}
	}
	p.add.Users = append(p.add.Users, u)
	description := i.description
	if description == "" {
		description = "n/a"
	}
	p.say(fmt.Sprintf("Creating user '%s' (%s) with UID %d and GID %d.", i.name, description, u.UID, u.GID))
	return nil
}

// primary decides upon the primary group of a user, which may be made for it: own says that it is the user's.
func (p *plan) primary(i *item) (own bool, err error) {
	wanted := i.group
	if wanted == "" {
		wanted = i.name
	}
	if i.gid == nil {
		if g := p.groups.byName[wanted]; g != nil && g.created {
			i.gid = g.gid
			return false, nil
		}
	}
	if i.group != "" {
		id, ok := p.taken.GIDs[i.group]
		if !ok {
			return false, refuse("Group %s not found.", i.group)
		}
		i.gid = &id
		return false, nil
	}
	given := i.gid != nil
	if _, exists := p.taken.GIDs[i.name]; given && !exists {
		if p.freeGID(*i.gid, false) {
			return false, refuse("Failed to create %s: please create GID %d", i.name, *i.gid)
		}
		return false, nil
	}
	return !given, p.group(i)
}

// freeGID says whether a GID is free. One that has a user of the same number is as good as taken, if it is not given.
func (p *plan) freeGID(id uint32, orUID bool) bool {
	_, group := p.taken.Groups[id]
	_, user := p.taken.Users[id]
	_, made := p.gids[id]
	_, madeUser := p.uids[id]
	return !group && !made && !(orUID && (user || madeUser))
}

// freeUID says whether a UID is free for a user. The group of the number must be the user's own, if neither is given.
func (p *plan) freeUID(id uint32, name string, orGID bool) bool {
	_, user := p.taken.Users[id]
	_, made := p.uids[id]
	other := func(groups map[uint32]string) bool {
		g, ok := groups[id]
		return ok && g != name
	}
	return !user && !made && !(orGID && (other(p.taken.Groups) || other(p.gids)))
}

// suits says whether an ID of a file's owner is one of the system's.
func (p *plan) suits(id uint32) bool {
	return slices.ContainsFunc(p.ranges, func(s span) bool { return s.low <= id && id <= s.high })
}

// owner describes the file that an item has its ID from.
func (p *plan) owner(i *item) (m rootfs.Meta, ok bool) {
	if i.path == "" {
		return m, false
	}
	name, err := accounts.Place(p.root, i.path)
	if err == nil {
		m, err = rootfs.Stat(p.root, name)
	}
	return m, err == nil
}

// merge sorts ranges, the highest first, and makes one of those that overlap.
func merge(ranges []span) []span {
	slices.SortFunc(ranges, func(a, b span) int { return cmp.Compare(b.high, a.high) })
	out := ranges[:1]
	for _, s := range ranges[1:] {
		if last := &out[len(out)-1]; s.high >= last.low {
			last.low = min(last.low, s.low)
		} else {
			out = append(out, s)
		}
	}
	return out
}

// search returns the highest ID below the last one given that is free; nil if there is none.
func (p *plan) search(free func(uint32) bool) *uint32 {
	below := uint64(1) << 32
	if p.next != nil {
		below = uint64(*p.next)
	}
	for _, s := range p.ranges {
		for id := min(uint64(s.high)+1, below); id > uint64(s.low); {
			id--
			n := uint32(id)
			p.next = &n
			if free(n) {
				return &n
			}
		}
	}
	return nil
}
