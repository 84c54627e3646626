package accounts

// warnOfHooks tells of programs of the root that the tools would run for a user, and nobody runs here: userdel(8),
// "USERDEL_CMD", and useradd(8), "FILES".
func (e *edit) warnOfHooks(tool string) {
	if cmd := e.defs["USERDEL_CMD"]; cmd != "" && tool == "userdel" {
		e.warn("%s, the USERDEL_CMD of /%s, is not run", cmd, defsFile)
	}
	for _, when := range []string{"pre", "post"} {
		dir := "etc/shadow-maint/" + tool + "-" + when + ".d"
		if list, err := e.Root.ReadDir(dir); err == nil && len(list) > 0 {
			e.warn("what is in /%s is not run", dir)
		}
	}
}
