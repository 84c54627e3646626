package holo

import (
	"slices"
	"strings"
	"sync"

	"github.com/holo-build/holo-build/rootfs"
)

// together are plugins whose processes run side by side in the staging root. What one has changed is found by looking at the
// root, and can't be told from what another one did meanwhile: it is the doing of all that have run until then.
//
// Scans do not change anything, holo-plugin-interface(7); what a plugin does in one by stand-ins has its own name.
type together struct {
	mu  sync.Mutex
	ids []string
}

// join adds a plugin whose process is about to run.
func (t *together) join(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.ids, id) {
		t.ids = append(t.ids, id)
		slices.Sort(t.ids) // who of two was faster is nobody's concern
	}
}

// togetherMark stands between the IDs of plugins that did something together.
const togetherMark = ", "

// Apart returns the actors that an actor stands for: a plugin, or several that have scanned side by side.
func Apart(a rootfs.Actor) (list []rootfs.Actor) {
	for id := range strings.SplitSeq(a.Plugin, togetherMark) {
		a.Plugin = id
		list = append(list, a)
	}
	return list
}

// by is whose doing it is what is found; see Apart.
func (t *together) by() rootfs.Actor {
	t.mu.Lock()
	defer t.mu.Unlock()
	return rootfs.Actor{Kind: "plugin", Plugin: strings.Join(t.ids, togetherMark)}
}

// any says whether a process has run.
func (t *together) any() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.ids) > 0
}
