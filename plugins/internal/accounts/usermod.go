package accounts

import (
	"context"
	"errors"
)

// ModifyUser is what becomes of a user; usermod(8). Fields that are nil or empty change nothing.
type ModifyUser struct {
	Name    string
	NewName *string
	BadName bool // allows names that Debian's tools don't
	Comment *string
	Home    *string
	Shell   *string
	// MoveHome moves the home directory to where Home says.
	MoveHome bool
	// UID is the new ID, NonUnique allows one that is taken. The files in the home directory get it.
	UID       *uint32
	NonUnique bool
	// Group is the primary group, by name or number. The files in the home directory get it.
	Group *string
	// Groups are the further groups, by name or number; with Append, more of them, with Remove, some fewer.
	Groups         *[]string
	Append, Remove bool
	// Password is an encrypted one. Lock and Unlock put an exclamation mark before the one that there is, or take it away.
	Password     *string
	Lock, Unlock bool
	// Expires and Inactive are as those of AddUser. They take a root with shadowed passwords.
	Expires, Inactive *int64
	// Subordinate IDs to be taken away, and then to be given.
	DelSubUIDs, AddSubUIDs, DelSubGIDs, AddSubGIDs []Span
}

// changedUser is a user while it is being changed.
type changedUser struct {
	*edit
	ModifyUser
	at       int // in passwd
	old, now User
	// spent is the entry in shadow, at shadowAt; -1 if there is none.
	spent    shadowEntry
	shadowAt int
}

// ErrNoChange says that a user is already what it was to become.
var ErrNoChange = errors.New("no changes")

// ModifyUser changes a user. ErrNoChange, of which usermod(8) only tells, is no failure.
func (e Editor) ModifyUser(ctx context.Context, m ModifyUser) error {
	if err := m.check(); err != nil {
		return err
	}
	d, err := e.begin(ctx, nil, StatusPasswd, StatusGroup, passwdFile, shadowFile, groupFile, gshadowFile, subuidFile, subgidFile)
	if err != nil {
		return err
	}
	c := &changedUser{edit: d, ModifyUser: m}
	if err := c.find(); err != nil {
		return err
	}
	if err := c.lookUp(); err != nil {
		return err
	}
	if c.idle() {
		return ErrNoChange
	}
	if err := c.allowed(); err != nil {
		return err
	}
	if err := c.enter(); err != nil {
		return err
	}
	return c.carryOut(ctx)
}

// check looks at what is wrong in any root.
func (m *ModifyUser) check() error {
	if m.Comment != nil && !safeField(*m.Comment) {
		return refuse(StatusArgument, "invalid field '%s'", *m.Comment)
	}
	if m.Home != nil {
		if !safeField(*m.Home) {
			return refuse(StatusArgument, "invalid field '%s'", *m.Home)
		}
		if !validPath(*m.Home) {
			return refuse(StatusArgument, "homedir must be an absolute path")
		}
	}
	if m.Shell != nil && !validShell(*m.Shell) {
		return refuse(StatusArgument, "invalid shell '%s'", *m.Shell)
	}
	if m.NewName != nil && !validName(*m.NewName) && !(m.BadName && safeName(*m.NewName)) {
		return refuse(StatusArgument, "invalid user name '%s': use --badname to ignore", *m.NewName)
	}
	return checkPassword(m.Password)
}

// find finds the user.
func (c *changedUser) find() (err error) {
	c.at, err = c.passwd.only(c.Name)
	switch {
	case err != nil:
		return err
	case c.at < 0 && c.passwd.taken(c.Name):
		return refuse(StatusNotFound, "user '%s' does not exist in /%s", c.Name, passwdFile)
	case c.at < 0:
		return refuse(StatusNotFound, "user '%s' does not exist", c.Name)
	}
	c.old, _ = ParseUser(c.passwd.lines[c.at])
	c.now = c.old
	if c.shadowAt, err = c.shadow.only(c.Name); err != nil {
		return err
	}
	if c.shadowAt >= 0 {
		c.spent, _ = parseShadow(c.shadow.lines[c.shadowAt])
	}
	return nil
}

// lookUp finds groups, and takes what is already so for no change.
func (c *changedUser) lookUp() (err error) {
	if c.Group != nil {
		g, ok := c.lookUpGroup(*c.Group)
		if !ok {
			return refuse(StatusNotFound, "group '%s' does not exist", *c.Group)
		}
		c.now.GID = g.GID
	}
	if c.Groups != nil {
		names, err := c.groupNames(*c.Groups)
		if err != nil {
			return err
		}
		c.Groups = &names
	}
	for _, f := range []struct {
		to   *string
		from *string
	}{{&c.now.Name, c.NewName}, {&c.now.GECOS, c.Comment}, {&c.now.Home, c.Home}, {&c.now.Shell, c.Shell}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if c.UID != nil {
		c.now.UID = *c.UID
	}
	if c.Shell != nil {
		c.checkShell(*c.Shell)
	}
	if c.Expires != nil && days(*c.Expires) == c.spent[shExpires] && c.shadowAt >= 0 {
		c.Expires = nil
	}
	if c.Inactive != nil && days(*c.Inactive) == c.spent[shInactive] && c.shadowAt >= 0 {
		c.Inactive = nil
	}
	return nil
}

// idle says whether nothing is to be changed.
func (c *changedUser) idle() bool {
	return c.now == c.old && c.Groups == nil && c.Password == nil && !c.Lock && !c.Unlock && c.Expires == nil && c.Inactive == nil &&
		len(c.DelSubUIDs)+len(c.AddSubUIDs)+len(c.DelSubGIDs)+len(c.AddSubGIDs) == 0
}

// allowed says whether the root allows the changes.
func (c *changedUser) allowed() error {
	if !c.shadow.exists && (c.Expires != nil || c.Inactive != nil) {
		return refuse(StatusUsage, "shadow passwords required for -e and -f")
	}
	if c.now.Name != c.old.Name && c.passwd.taken(c.now.Name) {
		return refuse(StatusInUse, "user '%s' already exists", c.now.Name)
	}
	if c.now.UID != c.old.UID && !c.NonUnique && c.passwd.has(c.now.UID) {
		return refuse(StatusIDInUse, "UID '%d' already exists", c.now.UID)
	}
	for _, s := range []struct {
		t     *table
		n     int
		flags string
	}{
		{c.subuid, len(c.DelSubUIDs) + len(c.AddSubUIDs), "-v or -V"},
		{c.subgid, len(c.DelSubGIDs) + len(c.AddSubGIDs), "-w or -W"},
	} {
		if s.n > 0 && !s.t.exists {
			return refuse(StatusUsage, "/%s does not exist, you cannot use the flags %s", s.t.name, s.flags)
		}
	}
	return nil
}

// enter writes the changes into the databases.
func (c *changedUser) enter() error {
	if err := c.enterPassword(); err != nil {
		return err
	}
	switch {
	case c.now == c.old:
	case c.now.Name != c.old.Name:
		c.passwd.move(c.at, c.now.line())
	default:
		c.passwd.set(c.at, c.now.line())
	}
	m := membership{old: c.old.Name, now: c.now.Name}
	if c.Groups != nil {
		m.groups, m.add, m.drop = *c.Groups, c.Append, c.Remove
		m.only = !m.add && !m.drop
	}
	if err := c.changeGroups(m); err != nil {
		return err
	}
	c.subuid.takeAway(c.old.Name, c.DelSubUIDs)
	c.subuid.give(c.old.Name, c.old.UID, c.AddSubUIDs)
	c.subgid.takeAway(c.old.Name, c.DelSubGIDs)
	c.subgid.give(c.old.Name, c.old.UID, c.AddSubGIDs)
	return nil
}

// enterPassword changes the password and its ages, and the name in shadow. Where the databases disagree about where the
// password is, both have it.
func (c *changedUser) enterPassword() error {
	if !c.shadow.exists || c.old.Password != "x" {
		c.now.Password = c.newPassword(c.old.Password)
	}
	needed := c.Password != nil || c.Expires != nil || c.Inactive != nil
	if !c.shadow.exists || c.shadowAt < 0 && !needed {
		return nil
	}
	was := c.spent
	if c.shadowAt < 0 {
		c.spent = c.newShadow(c.old.Name, c.old.Password)
	}
	c.spent[shName] = c.now.Name
	c.spent[shPassword] = c.newPassword(c.spent[shPassword])
	if c.Password != nil {
		c.spent[shChanged] = c.today()
	}
	if c.Inactive != nil {
		c.spent[shInactive] = days(*c.Inactive)
	}
	if c.Expires != nil {
		c.spent[shExpires] = days(*c.Expires)
	}
	switch {
	case c.shadowAt < 0:
		return c.shadow.put(c.now.Name, c.spent.line())
	case c.spent == was:
	case c.now.Name != c.old.Name:
		c.shadow.move(c.shadowAt, c.spent.line())
	default:
		c.shadow.set(c.shadowAt, c.spent.line())
	}
	return nil
}

// newPassword is what becomes of an encrypted password.
func (c *changedUser) newPassword(p string) string {
	switch locked := len(p) > 0 && p[0] == '!'; {
	case c.Password != nil:
		return *c.Password
	case c.Lock && !locked:
		return "!" + p
	case c.Unlock && p == "!":
		c.warn("unlocking the user's password would result in a passwordless account.\n" +
			"You should set a password with usermod -p to unlock this user's password.")
	case c.Unlock && locked:
		return p[1:]
	}
	return p
}
