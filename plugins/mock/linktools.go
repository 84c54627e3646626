package mock

// linkTools are those that choose by symlinks what is started or run: init scripts, and alternatives.
func linkTools() map[string]tool {
	return map[string]tool{
		"alternatives":        otherAlternatives,
		"chkconfig":           chkconfig,
		"insserv":             insserv,
		"rc-update":           rcUpdate,
		"update-alternatives": updateAlternatives,
		"update-rc.d":         updateRCD,
	}
}
