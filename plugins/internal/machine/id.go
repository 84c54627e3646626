package machine

import (
	"encoding/hex"
	"errors"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// Where machine-id(5) is, and the D-Bus machine ID, which was there before.
const (
	idFile     = "etc/machine-id"
	dbusIDFile = "var/lib/dbus/machine-id"
)

// Uninitialized stands in /etc/machine-id of a root that makes an ID of its own when it starts first.
const Uninitialized = "uninitialized"

var errNoID = errors.New("reading /" + idFile + ": what is in it is no machine ID")

// ID returns the machine ID; empty if the root has none: a root of which there will be more than one machine.
func ID(root rootfs.Root) (string, error) {
	f, err := read(root, idFile)
	if err != nil {
		return "", err
	}
	switch text := strings.TrimSuffix(f.text, "\n"); text {
	case "", Uninitialized:
		return "", nil
	default:
		id, ok := ParseID(text)
		if !ok {
			return "", errNoID
		}
		return id, nil
	}
}

// ParseID reads a machine ID, which may be written as a UUID. All zeros are none.
func ParseID(s string) (string, bool) {
	if len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' {
		s = s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	}
	_, err := hex.DecodeString(s)
	return strings.ToLower(s), err == nil && len(s) == 32 && strings.Trim(s, "0") != ""
}

// SetID sets the machine ID; [Uninitialized] leaves it to the first start.
func SetID(root rootfs.Root, id string) error {
	if id != Uninitialized {
		parsed, ok := ParseID(id)
		if !ok {
			return invalid("Invalid machine ID '%s'", id)
		}
		id = parsed
	}
	e := &edit{root: root}
	if err := e.setID(id); err != nil {
		return err
	}
	return e.commit()
}

// setID writes the file of the machine ID, which nobody can write to if it is new, as systemd-machine-id-setup(1) has it.
func (e *edit) setID(id string) error {
	real, f, err := lookup(e.root, idFile)
	if err != nil {
		return err
	}
	e.write(real, f, id+"\n")
	if !f.exists {
		e.steps[len(e.steps)-1].after.meta.Mode = 0o444
	}
	return nil
}

// FutureID returns the machine ID that SetupID would leave; empty if there is none yet.
func FutureID(root rootfs.Root) (string, error) {
	id, err := ID(root)
	if id != "" || err != nil && !errors.Is(err, errNoID) {
		return id, err
	}
	if m, err := root.Lstat(dbusIDFile); err != nil || m.Type != rootfs.Regular {
		return "", nil // most often a symlink to the other
	}
	f, err := read(root, dbusIDFile)
	if id, ok := ParseID(strings.TrimSuffix(f.text, "\n")); ok && err == nil {
		return id, nil
	}
	return "", err
}

// SetupID makes sure that there is a machine ID, or will be: one that D-Bus has had before, or else [Uninitialized], as two
// machines must not have the same. It returns the ID, empty if there is none yet.
func SetupID(root rootfs.Root) (string, error) {
	if id, err := ID(root); err == nil && id != "" {
		return id, nil
	}
	id, err := FutureID(root)
	switch {
	case err != nil:
		return "", err
	case id == "":
		return "", SetID(root, Uninitialized)
	}
	return id, SetID(root, id)
}
