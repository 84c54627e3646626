package rootfs

// Stat describes a file as Root's Lstat does, but with all symlinks followed, the last included.
func Stat(r Root, name string) (Meta, error) {
	if s, ok := r.(sub); ok {
		return Stat(s.r, s.at(name)) // where the links lead may lie outside of the directory
	}
	real, err := r.Resolve(name)
	if err != nil {
		return Meta{}, err
	}
	return r.Lstat(real)
}
