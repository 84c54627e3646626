package accounts

import (
	"errors"
	"fmt"
	"slices"

	"github.com/holo-build/holo-build/rootfs"
)

// made are files that an edit has made before it is sure of success, in their order.
type made struct {
	root  rootfs.Root
	names []string
}

func (m *made) mkdir(name string, meta rootfs.Meta) error {
	err := m.root.Mkdir(name, meta)
	if err == nil {
		m.names = append(m.names, name)
	}
	return err
}

// undo removes them again if there was an error, which it returns.
func (m *made) undo(err error) error {
	if err == nil {
		return nil
	}
	for _, name := range slices.Backward(m.names) {
		if rerr := m.root.Remove(name); rerr != nil {
			err = errors.Join(err, fmt.Errorf("removing /%s again: %w", name, rerr))
		}
	}
	return err
}
