package units

// Reenable disables units and enables them again, so that their symlinks are what their [Install] sections say.
func (t *Tree) Reenable(names []string, o Options) Report {
	var r Report
	before := make([]*unit, len(names))
	for i, name := range names {
		if u, err := t.findNamed(name, anyName); err == nil {
			before[i] = u
		}
	}
	t.unlinkAll(&r, t.disabled(&r, names, true), o)
	var queue []*unit
	for i, name := range names {
		u, err := before[i], error(nil)
		switch {
		case u == nil:
			u, err = t.findNamed(name, ownName)
		case !u.linked: // else the link by which it was found is gone
			u, err = t.find(u.name, ownName)
		}
		if err == nil {
			err = t.loadEnableable(u)
		}
		if err != nil {
			r.fail(name, err)
			return r
		}
		queue = append(queue, u)
	}
	t.enableAll(&r, queue, o)
	return r
}
