package accounts

import (
	"context"
	"strings"
)

// defaults are what /etc/default/useradd says, or what useradd(8) does without it.
type defaults struct {
	gid               uint32
	home, shell, skel string
	inactive, expires int64
	mailSpool         bool
}

// usersGID is the group of users that have none of their own; useradd(8), "-g".
const usersGID = 100

// LoginGroup returns the primary group of a new user for whom none is given; private says that it is one of the user's own.
// The group need not exist: useradd(8) does not look.
func (e Editor) LoginGroup(ctx context.Context) (gid uint32, private bool, err error) {
	d, err := e.begin(ctx, nil, StatusPasswd, StatusGroup)
	if err != nil || d.defs.bool("USERGROUPS_ENAB") {
		return 0, err == nil, err
	}
	if d, err = e.begin(ctx, nil, StatusPasswd, StatusGroup, groupFile); err != nil {
		return 0, false, err
	}
	defaults, err := d.readDefaults()
	return defaults.gid, false, err
}

// readDefaults reads them. What is wrong with one is warned of, and it is as if it were not there.
func (e *edit) readDefaults() (defaults, error) {
	d := defaults{gid: usersGID, home: "/home", shell: e.ownShell(), skel: "/etc/skel", inactive: NoDays, expires: NoDays}
	file, err := readDefs(e.Root, defaultsFile, parseDefaults)
	if err != nil {
		return d, because(err, StatusPasswd, "cannot open /%s", defaultsFile)
	}
	ignored := func(item, format string, args ...any) {
		e.warn(format, args...)
		e.warn("the %s= configuration in /%s will be ignored", item, defaultsFile)
	}
	d.home, d.shell = file.text("HOME", d.home), file.text("SHELL", d.shell)
	if s := file["SKEL"]; s != "" {
		d.skel = s
	}
	d.mailSpool = strings.EqualFold(file["CREATE_MAIL_SPOOL"], "yes")
	if ref, ok := file["GROUP"]; ok {
		if g, found := e.lookUpGroup(ref); found {
			d.gid = g.GID
		} else {
			ignored("GROUP", "group '%s' does not exist", ref)
		}
	}
	if s, ok := file["INACTIVE"]; ok {
		if n, ok := ParseDays(s); ok {
			d.inactive = n
		} else {
			ignored("INACTIVE", "invalid numeric argument '%s'", s)
		}
	}
	if s, ok := file["EXPIRE"]; ok {
		if n, ok := ParseDate(s); ok {
			d.expires = n
		} else {
			ignored("EXPIRE", "invalid date '%s'", s)
		}
	}
	for _, field := range []struct {
		item  string
		value *string
		back  string
	}{{"HOME", &d.home, "/home"}, {"SHELL", &d.shell, e.ownShell()}} {
		if !safeField(*field.value) {
			ignored(field.item, "invalid value '%s'", *field.value)
			*field.value = field.back
		}
	}
	return d, nil
}

// ownShell is the login shell where nobody says which: Debian's, unless the root has only the one that every system has.
func (e *edit) ownShell() string {
	if !e.canRun("/bin/bash") && e.canRun("/bin/sh") {
		return "/bin/sh"
	}
	return "/bin/bash"
}
