package frontend

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// lock makes the lock file; 1.9. The problem is told if it can't.
func (r *run) lock() (unlock func(), ok bool) {
	name := filepath.Join(r.root, "run/holo.pid")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(name)) // it is ours
		}
	}
	if err != nil {
		r.complain("Cannot create lock file " + name + ": " + err.Error())
		if errors.Is(err, fs.ErrExist) {
			r.err("This usually means that another instance of Holo is currently running.\n")
			r.err("If not, you can try to delete the lock file manually.\n")
		}
		return nil, false
	}
	return func() {
		if err := os.Remove(name); err != nil {
			r.complain("cannot remove lock file: " + err.Error())
		}
	}, true
}
