package accounts

import (
	"context"
	"slices"
)

// AddUser is a user to be added; useradd(8). Fields that are nil or empty take the root's defaults, from login.defs(5)
// and /etc/default/useradd.
type AddUser struct {
	Name    string
	BadName bool // allows names that Debian's tools don't
	Comment string
	// Home is the home directory; nil has the name appended to Base, which is "/home" by default.
	Home, Base *string
	Shell      *string
	// UID is the ID; nil takes a free one. NonUnique allows one that is taken.
	UID       *uint32
	NonUnique bool
	// System takes the ID from those of the system, and gives the password no age.
	System bool
	// Group is the primary group, by name or number. Nil makes one of the user's name, if UserGroup says so, or if it is
	// nil and the root's USERGROUPS_ENAB does.
	Group     *string
	UserGroup *bool
	// Groups are further groups, by name or number.
	Groups []string
	// SubIDs gives subordinate IDs to a user of the system, too.
	SubIDs bool
	// CreateHome says whether the home directory is made; nil asks the root's CREATE_HOME, and says no for a system user.
	CreateHome *bool
	// Skel is the directory whose content a new home directory gets.
	Skel *string
	// Password is an encrypted one; nil locks it.
	Password *string
	// Expires is the day on which the account ends, and Inactive the number of days that it lives on after its password
	// has expired; NoDays for neither.
	Expires, Inactive *int64
	// Defs overrides items of login.defs(5).
	Defs map[string]string
}

// newUser is a user while it is being added.
type newUser struct {
	*edit
	AddUser
	defaults defaults
	user     User
	private  bool // has a group of its own
}

// AddUser adds a user.
func (e Editor) AddUser(ctx context.Context, u AddUser) error {
	if err := u.check(); err != nil {
		return err
	}
	d, err := e.begin(ctx, u.Defs, StatusPasswd, StatusGroup, passwdFile, shadowFile, groupFile, gshadowFile, subuidFile, subgidFile)
	if err != nil {
		return err
	}
	n := &newUser{edit: d, AddUser: u, user: User{Name: u.Name, GECOS: u.Comment}}
	if err := n.plan(); err != nil {
		return err
	}
	u.Groups, err = d.groupNames(u.Groups)
	if err != nil {
		return err
	}
	if err := n.enter(u.Groups); err != nil {
		return err
	}
	d.warnOfHooks("useradd")
	made := &made{root: e.Root}
	if err := n.directories(ctx, made); err != nil {
		return made.undo(err)
	}
	return made.undo(d.commit(ctx, d.adding()...))
}

// check looks at what is wrong in any root.
func (u *AddUser) check() error {
	if !safeField(u.Comment) {
		return refuse(StatusArgument, "invalid comment '%s'", u.Comment)
	}
	if u.Base != nil && !validPath(*u.Base) {
		return refuse(StatusArgument, "invalid base directory '%s'", *u.Base)
	}
	if u.Home != nil && !validPath(*u.Home) {
		return refuse(StatusArgument, "invalid home directory '%s'", *u.Home)
	}
	if u.Shell != nil && !validShell(*u.Shell) {
		return refuse(StatusArgument, "invalid shell '%s'", *u.Shell)
	}
	if err := checkPassword(u.Password); err != nil {
		return err
	}
	if !validName(u.Name) && !(u.BadName && safeName(u.Name)) {
		return refuse(StatusArgument, "invalid user name '%s': use --badname to ignore", u.Name)
	}
	return nil
}

// plan finds the IDs and all the fields.
func (n *newUser) plan() (err error) {
	if n.defaults, err = n.readDefaults(); err != nil {
		return err
	}
	if err := n.needShadow(); err != nil {
		return err
	}
	if n.passwd.taken(n.Name) {
		return refuse(StatusInUse, "user '%s' already exists", n.Name)
	}
	if err := n.planGroup(); err != nil {
		return err
	}
	n.user.Home = n.defaults.home + "/" + n.Name
	if n.Base != nil {
		n.user.Home = *n.Base + "/" + n.Name
	}
	if n.Home != nil {
		n.user.Home = *n.Home
	}
	n.user.Shell = n.defaults.shell
	if n.Shell != nil {
		n.user.Shell = *n.Shell
		n.checkShell(*n.Shell)
	}
	return n.planIDs()
}

// needShadow says whether the root has what the options need.
func (n *newUser) needShadow() error {
	for _, o := range []struct {
		flag  string
		value *int64
	}{{"-e", n.Expires}, {"-f", n.Inactive}} {
		if o.value != nil && *o.value != NoDays && !n.shadow.exists {
			return refuse(StatusUsage, "shadow passwords required for %s", o.flag)
		}
	}
	return nil
}

// planGroup decides on the primary group.
func (n *newUser) planGroup() error {
	n.private = n.defs.bool("USERGROUPS_ENAB") && n.Group == nil
	if n.UserGroup != nil {
		n.private = *n.UserGroup
	}
	switch {
	case n.private && n.group.taken(n.Name):
		return refuse(StatusInUse, "group %s exists - if you want to add this user to that group, use -g.", n.Name)
	case n.private:
		return nil
	case n.Group == nil:
		n.user.GID = n.defaults.gid
		return nil
	}
	g, ok := n.lookUpGroup(*n.Group)
	if !ok {
		return refuse(StatusNotFound, "group '%s' does not exist", *n.Group)
	}
	n.user.GID = g.GID
	return nil
}

// planIDs takes the IDs that are not given.
func (n *newUser) planIDs() error {
	switch {
	case n.UID == nil:
		id, err := n.newID(n.passwd, "UID", n.System, nil)
		if err != nil {
			n.warn("%v", err)
			return refuse(StatusIDInUse, "can't create user")
		}
		n.user.UID = id
	case !n.NonUnique && n.passwd.has(*n.UID):
		return refuse(StatusIDInUse, "UID %d is not unique", *n.UID)
	default:
		n.user.UID = *n.UID
		n.warnOfID()
	}
	if n.private {
		id, err := n.newID(n.group, "GID", n.System, &n.user.UID)
		if err != nil {
			n.warn("%v", err)
			return refuse(StatusIDInUse, "can't create group")
		}
		n.user.GID = id
	}
	return nil
}

// warnOfID says that a given ID is none that would have been taken.
func (n *newUser) warnOfID() {
	low, high := n.defs.number("UID_MIN", 1000, n.warn), n.defs.number("UID_MAX", 60000, n.warn)
	id := int64(n.user.UID)
	if n.System {
		if most := n.defs.number("SYS_UID_MAX", low-1, n.warn); id > most {
			n.warn("warning: %s's uid %d is greater than SYS_UID_MAX %d", n.Name, id, most)
		}
	} else if id < low || id > high {
		n.warn("warning: %s's uid %d outside of the UID_MIN %d and UID_MAX %d range.", n.Name, id, low, high)
	}
}

// enter writes the user into the databases.
func (n *newUser) enter(groups []string) error {
	if err := n.passwd.creatable(n.Root); err != nil {
		return err
	}
	if n.private {
		if err := n.newGroup(Group{n.Name, "!", n.user.GID, nil}, "!"); err != nil {
			return err
		}
	}
	if err := n.changeGroups(membership{old: n.Name, now: n.Name, groups: groups, add: true}); err != nil {
		return err
	}
	if err := n.enterSubIDs(); err != nil {
		return err
	}
	n.user.Password = "!"
	if n.Password != nil {
		n.user.Password = *n.Password
	}
	if n.shadow.exists {
		s := n.newShadow(n.Name, n.user.Password)
		if n.System {
			s[shMin], s[shMax], s[shWarn] = "", "", ""
		} else {
			s[shInactive], s[shExpires] = days(n.defaults.inactive), days(n.defaults.expires)
			if n.Inactive != nil {
				s[shInactive] = days(*n.Inactive)
			}
			if n.Expires != nil {
				s[shExpires] = days(*n.Expires)
			}
		}
		n.user.Password = "x"
		if err := n.shadow.put(n.Name, s.line()); err != nil {
			return err
		}
	}
	return n.passwd.put(n.Name, n.user.line())
}

// newShadow is an entry with the ages that the root gives to passwords.
func (e *edit) newShadow(name, password string) shadowEntry {
	s := shadowEntry{shName: name, shPassword: password}
	s[shChanged] = e.today()
	s[shMin] = days(e.defs.number("PASS_MIN_DAYS", NoDays, e.warn))
	s[shMax] = days(e.defs.number("PASS_MAX_DAYS", NoDays, e.warn))
	s[shWarn] = days(e.defs.number("PASS_WARN_AGE", NoDays, e.warn))
	return s
}

// today is the day of a changed password, as the database has it.
func (e *edit) today() string {
	if e.Day <= 0 {
		return ""
	}
	return days(e.Day)
}

// enterSubIDs gives subordinate IDs, where the root has their databases, to those who are no users of the system.
func (n *newUser) enterSubIDs() error {
	if n.System && !n.SubIDs {
		return nil
	}
	low, high := n.defs.number("UID_MIN", 1000, n.warn), n.defs.number("UID_MAX", 60000, n.warn)
	if id := n.UID; id != nil && *id != 0 && (int64(*id) < low || int64(*id) > high) {
		return nil
	}
	for _, s := range []struct {
		t          *table
		kind, what string
	}{{n.subuid, "UID", "user"}, {n.subgid, "GID", "group"}} {
		if !s.t.exists || n.defs.number("SUB_"+s.kind+"_COUNT", 1, n.warn) == 0 {
			continue
		}
		r, err := n.newRange(s.t, s.kind)
		if err != nil {
			n.warn("%v", err)
			return refuse(s.t.status, "can't create subordinate %s IDs", s.what)
		}
		r.owner = n.Name
		s.t.add(r.line())
	}
	return nil
}

// lookUpGroup finds a group by its number or its name.
func (e *edit) lookUpGroup(ref string) (Group, bool) {
	id, number := ParseID(ref)
	for _, line := range e.group.lines {
		if g, ok := ParseGroup(line); ok && (number && g.GID == id || !number && g.Name == ref) {
			return g, true
		}
	}
	return Group{}, false
}

// groupNames looks up groups by their numbers or names. All that do not exist are told.
func (e *edit) groupNames(refs []string) ([]string, error) {
	var names, missing []string
	for _, ref := range refs {
		if g, ok := e.lookUpGroup(ref); ok {
			names = append(names, g.Name)
		} else {
			missing = append(missing, ref)
		}
	}
	for i, ref := range missing {
		if i == len(missing)-1 {
			return nil, refuse(StatusNotFound, "group '%s' does not exist", ref)
		}
		e.warn("group '%s' does not exist", ref)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
