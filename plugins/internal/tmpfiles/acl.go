package tmpfiles

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
	"github.com/holo-build/holo-build/rootfs"
)

// The extended attributes that access control lists are kept in; acl(5), linux/posix_acl_xattr.h.
const (
	accessACL  = "system.posix_acl_access"
	defaultACL = "system.posix_acl_default"
)

// The tags of entries; linux/posix_acl.h. In this order they are kept.
const (
	userObj  = 0x01
	user     = 0x02
	groupObj = 0x04
	group    = 0x08
	maskObj  = 0x10
	otherObj = 0x20
)

// aclEntry is one entry of a list. Entries that are of no user or group by an ID have none.
type aclEntry struct {
	tag, perm uint16
	id        uint32
}

const noID = 1<<32 - 1

// acl is an access control list.
type acl []aclEntry

// aclVersion is that of the format.
const aclVersion = 2

// parseACL reads a list as the kernel has it.
func parseACL(text string) (acl, bool) {
	b := []byte(text)
	if len(b) < 4 || len(b)%8 != 4 || binary.LittleEndian.Uint32(b) != aclVersion {
		return nil, false
	}
	var list acl
	for b = b[4:]; len(b) > 0; b = b[8:] {
		list = append(list, aclEntry{binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint32(b[4:])})
	}
	return list, true
}

// text is the list as the kernel has it.
func (l acl) text() string {
	slices.SortStableFunc(l, func(a, b aclEntry) int { return cmp.Or(cmp.Compare(a.tag, b.tag), cmp.Compare(a.id, b.id)) })
	b := binary.LittleEndian.AppendUint32(nil, aclVersion)
	for _, e := range l {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return string(b)
}

// entry finds the entry of a tag without an ID.
func (l acl) entry(tag uint16) *aclEntry {
	for i := range l {
		if l[i].tag == tag {
			return &l[i]
		}
	}
	return nil
}

// extended says whether the list has more than the mode can say.
func (l acl) extended() bool {
	return slices.ContainsFunc(l, func(e aclEntry) bool { return e.tag&(user|group|maskObj) != 0 })
}

// groupBits is the entry that the group's bits of the mode are.
func (l acl) groupBits() *aclEntry {
	if e := l.entry(maskObj); e != nil {
		return e
	}
	return l.entry(groupObj)
}

// chmod changes the list to a mode.
func (l acl) chmod(mode uint32) {
	for e, bits := range map[*aclEntry]uint32{l.entry(userObj): mode >> 6, l.groupBits(): mode >> 3, l.entry(otherObj): mode} {
		if e != nil {
			e.perm = uint16(bits & 7)
		}
	}
}

// mode is what the list says of a mode.
func (l acl) mode() (mode uint32) {
	for e, shift := range map[*aclEntry]int{l.entry(userObj): 6, l.groupBits(): 3, l.entry(otherObj): 0} {
		if e != nil {
			mode |= uint32(e.perm&7) << shift
		}
	}
	return mode
}

// inherit gives a new file what it has from the default list of its directory: no more than its mode allows.
func (l acl) inherit(m *rootfs.Meta) {
	for e, shift := range map[*aclEntry]int{l.entry(userObj): 6, l.groupBits(): 3, l.entry(otherObj): 0} {
		if e != nil {
			e.perm &= uint16(m.Mode >> shift & 7)
		}
	}
	m.Mode = m.Mode&^0o777 | l.mode()
	if l.extended() {
		m.Xattrs[accessACL] = l.text()
	}
}

// addMask adds a mask where one is needed: it allows what the named entries and the group do.
func (l acl) addMask() acl {
	if l.entry(maskObj) != nil || !l.extended() {
		return l
	}
	mask := aclEntry{tag: maskObj, id: noID}
	for _, e := range l {
		if e.tag&(user|group|groupObj) != 0 {
			mask.perm |= e.perm
		}
	}
	return append(l, mask)
}

// addBase adds what each list has, from the mode.
func (l acl) addBase(mode uint32) acl {
	for _, base := range []aclEntry{{userObj, uint16(mode >> 6 & 7), noID}, {groupObj, uint16(mode >> 3 & 7), noID}, {otherObj, uint16(mode & 7), noID}} {
		if l.entry(base.tag) == nil {
			l = append(l, base)
		}
	}
	return l
}

// aclText is what an argument says: entries for access, and for what will be made in a directory.
type aclText struct{ access, inherited acl }

// parseACL reads entries such as "user:NAME:rwx" and "default:group::r-x", separated by commas; acl(5), "ACL TEXT FORMS".
func (c *Config) parseACL(text string, mask bool) (*aclText, error) {
	var t aclText
	for part := range strings.SplitSeq(text, ",") {
		to := &t.access
		rest, ok := strings.CutPrefix(part, "default:")
		if !ok {
			rest, ok = strings.CutPrefix(part, "d:")
		}
		if ok {
			to = &t.inherited
		}
		e, err := c.parseACLEntry(strings.TrimSpace(rest))
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(*to, func(o aclEntry) bool { return o.tag == e.tag && o.id == e.id }) {
			return nil, fmt.Errorf("%q is there twice", part)
		}
		*to = append(*to, e)
	}
	if mask {
		t.access, t.inherited = t.access.addMask(), t.inherited.addMask()
	}
	return &t, nil
}

func (c *Config) parseACLEntry(text string) (e aclEntry, err error) {
	f := strings.Split(text, ":")
	if len(f) == 2 && strings.HasPrefix("mask", f[0]) || len(f) == 2 && strings.HasPrefix("other", f[0]) {
		f = []string{f[0], "", f[1]}
	}
	if len(f) != 3 {
		return e, fmt.Errorf("%q has not three parts", text)
	}
	tags := map[string][2]uint16{"u": {userObj, user}, "user": {userObj, user}, "g": {groupObj, group}, "group": {groupObj, group},
		"m": {maskObj, 0}, "mask": {maskObj, 0}, "o": {otherObj, 0}, "other": {otherObj, 0}}[f[0]]
	e = aclEntry{tag: tags[0], id: noID}
	if f[1] != "" {
		e.tag = tags[1]
		id, number := accounts.ParseID(f[1])
		if !number {
			id, number = c.owner(f[1], tags[1] == group)
		}
		if !number {
			return e, fmt.Errorf("there is no %q in the root", f[1])
		}
		e.id = id
	}
	if e.tag == 0 {
		return e, fmt.Errorf("%q is no entry", text)
	}
	for _, p := range f[2] {
		bit, ok := map[rune]uint16{'r': 4, 'w': 2, 'x': 1, '-': 0}[p]
		if !ok || len(f[2]) > 3 || bit != 0 && e.perm&bit != 0 {
			return e, fmt.Errorf("%q are no permissions", f[2])
		}
		e.perm |= bit
	}
	return e, nil
}

// setACL gives a file an access control list; "a", and with "a+", adds to what it has.
func (r *run) setACL(i *item, name string) error {
	m, err := r.root.Lstat(name)
	switch {
	case err != nil:
		return fail("Failed to stat /%s: %s", name, reason(err))
	case i.acl == nil || m.Type == rootfs.Symlink:
		return nil
	}
	m.Xattrs = maps.Clone(m.Xattrs)
	if m.Xattrs == nil {
		m.Xattrs = map[string]string{}
	}
	if len(i.acl.access) > 0 {
		list := merge(i.acl.access, m.Xattrs[accessACL], m.Mode, i.force, true)
		m.Mode = m.Mode&^0o777 | list.mode()
		delete(m.Xattrs, accessACL)
		if list.extended() {
			m.Xattrs[accessACL] = list.text()
		}
	}
	if len(i.acl.inherited) > 0 && m.Type == rootfs.Directory {
		m.Xattrs[defaultACL] = merge(i.acl.inherited, m.Xattrs[defaultACL], m.Mode, i.force, false).text()
	}
	if err := r.root.SetMeta(name, m); err != nil {
		return fail("Setting ACL on /%s failed: %s", name, reason(err))
	}
	return nil
}

// merge is a new list, or with add, one that has what the old one has, and with base, what the mode says.
func merge(list acl, old string, mode uint32, add, base bool) acl {
	if !add {
		return slices.Clone(list).addBase(mode)
	}
	all, ok := parseACL(old)
	if !ok {
		all = nil
	}
	if base {
		all = all.addBase(mode)
	}
	for _, e := range list {
		at := slices.IndexFunc(all, func(o aclEntry) bool { return o.tag == e.tag && o.id == e.id })
		if at < 0 {
			all = append(all, e)
		} else {
			all[at] = e
		}
	}
	return all.addMask().addBase(mode)
}
