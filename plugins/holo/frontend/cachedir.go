package frontend

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// makeCache makes the run's cache directory, holo.DIGITS in $TMPDIR, and the virtual resource root in it; 2.5. Both the
// form of the name and the depth matter: test cases rewrite the one, and relative symlinks in resources count on the
// other.
func (r *run) makeCache() error {
	dir, err := os.MkdirTemp(cmp.Or(getenv(r.environ, "TMPDIR"), "/tmp"), "holo.")
	if err != nil {
		return err
	}
	r.cache = filepath.Clean(dir)
	r.virtual = filepath.Join(r.cache, "generated-resources")
	if err := os.Mkdir(r.virtual, 0o777); err != nil {
		return errors.Join(err, os.Remove(r.cache))
	}
	return nil
}

// removeCache removes it with all that plugins and generators have left in it.
func (r *run) removeCache() {
	err := os.RemoveAll(r.cache)
	if errors.Is(err, fs.ErrPermission) {
		// Who is not root can't remove what is in directories that are not writable, such as a generator may have made.
		_ = filepath.WalkDir(r.cache, func(path string, e fs.DirEntry, err error) error {
			if e != nil && e.IsDir() {
				_ = os.Chmod(path, 0o700) // if it fails, removing does
			}
			return nil
		})
		err = os.RemoveAll(r.cache)
	}
	if err != nil {
		r.complain("cannot remove the cache directory: " + err.Error())
	}
}
