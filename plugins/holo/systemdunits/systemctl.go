package systemdunits

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/internal/units"
)

// options are those of what is done without systemctl. Links belong to whoever the state belongs to: 0:0 in an image, the
// user in a directory of the user's.
func (w *work) options() units.Options {
	var o units.Options
	if w.env.ImageBuild {
		return o
	}
	if m, err := w.env.State.Lstat("."); err == nil {
		o.Owner.UID, o.Owner.GID = m.UID, m.GID
	}
	return o
}

// systemctl has something done to a unit: by the tool, or in test mode by package units, which is the same.
func (w *work) systemctl(ctx context.Context, verb, name string) error {
	if w.env.Live || w.env.ImageBuild {
		return w.tool(ctx, verb, name)
	}
	var r units.Report
	list, o := []string{name}, w.options()
	switch verb {
	case enableKey:
		r = w.tree.Enable(list, o)
	case disableKey:
		r = w.tree.Disable(list, o)
	case maskKey:
		r = w.tree.Mask(list, o)
	case "unmask":
		r = w.tree.Unmask(list, o)
	case "set-default":
		r = w.tree.SetDefaultTarget(name, o)
	default:
		return errors.New("internal error: systemctl " + verb)
	}
	w.tell(verb, r)
	return r.Err()
}

// tell says what was done. What could not be done is in the error.
func (w *work) tell(verb string, r units.Report) {
	for _, e := range r.Events {
		if e.Op != units.Broken {
			fmt.Fprintln(w.env.Stderr, e.Text(verb))
		}
	}
}

// reload has the service manager of a running system read its files again, as systemctl does where it changes them.
func (w *work) reload(ctx context.Context) error {
	if !w.env.Live {
		return nil
	}
	if _, err := w.env.Root.Lstat("run/systemd/system"); err != nil {
		return nil // no service manager runs: sd_booted(3)
	}
	return w.tool(ctx, "daemon-reload")
}

// tool runs systemctl. What it says, it says to the user; the last line of that is also in the error.
func (w *work) tool(ctx context.Context, args ...string) error {
	var said bytes.Buffer
	stderr := w.env.Stderr
	w.env.Stderr = io.MultiWriter(stderr, &said)
	err := w.env.Run(ctx, holo.Command{Argv: append([]string{"systemctl"}, args...)})
	w.env.Stderr = stderr
	if err == nil {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(said.String(), "?")), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return fmt.Errorf("systemctl %s: %.300s (%w)", strings.Join(args, " "), last, err)
	}
	return fmt.Errorf("systemctl %s: %w", strings.Join(args, " "), err)
}
