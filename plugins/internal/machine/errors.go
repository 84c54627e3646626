package machine

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// ValueError is a value that a setting can't have. Nothing was changed.
type ValueError struct {
	// Text is what the daemon of systemd says, and Hint the way out, where there is one.
	Text, Hint string
	// Missing says that the value is one, but that the root lacks what it names.
	Missing bool
}

func (e *ValueError) Error() string {
	if e.Hint == "" {
		return e.Text
	}
	return e.Text + " (" + e.Hint + ")"
}

func invalid(format string, args ...any) error {
	return &ValueError{Text: fmt.Sprintf(format, args...)}
}

// isMissing says whether an error says that nothing is there.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }
