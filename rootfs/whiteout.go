package rootfs

import (
	"fmt"
	"strings"
)

// Marks of deletion in a layer: image-spec, layer.md, "Whiteouts".
const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
	// whiteoutAUFS begins names by which AUFS kept its own books; layers made on it still carry them.
	whiteoutAUFS = ".wh..wh."
)

// whiteout carries out an entry that is a mark of deletion; done says that it was one.
func (u *merger) whiteout(dir, base string) (done bool, err error) {
	for part := range strings.SplitSeq(dir, "/") {
		if strings.HasPrefix(part, whiteoutAUFS) && part != whiteoutOpaque && !u.plain {
			return true, nil
		}
		if strings.HasPrefix(part, whiteoutPrefix) {
			return true, fmt.Errorf("%w: a whiteout with something below it", ErrFormat)
		}
	}
	if !strings.HasPrefix(base, whiteoutPrefix) {
		return false, nil
	}
	if u.plain {
		return true, fmt.Errorf("%w: a whiteout in what is no layer", ErrFormat)
	}
	target := base[len(whiteoutPrefix):]
	switch {
	case target == "" || target == "." || target == "..":
		return true, fmt.Errorf("%w: a whiteout of nothing", ErrFormat)
	case base == whiteoutOpaque:
	case strings.HasPrefix(base, whiteoutAUFS):
		return true, nil
	}
	// A directory that does not exist has nothing to hide. A symlink on the way is followed, as for any entry; but not to
	// all that a directory holds: what is behind it was not meant.
	parent := u.tree.lookup(dir)
	if base != whiteoutOpaque && (parent == nil || parent.cur.Type == Symlink) {
		if _, parent, err = u.tree.resolve(dir); err != nil {
			return true, nil
		}
	}
	if parent == nil || parent.cur.Type != Directory {
		return true, nil
	}
	if base != whiteoutOpaque {
		if n := parent.live(target); n != nil {
			u.hideLower(n)
		}
		return true, nil
	}
	u.hideBelow(parent)
	return true, nil
}

// hideBelow removes what lower layers have brought below n.
func (u *merger) hideBelow(n *node) {
	if n.swept > u.layer {
		return // a layer full of the same mark must not cost more than it holds
	}
	n.swept = u.layer + 1
	for _, c := range n.kids { // those that go are dropped while ranging, which Go allows
		u.hideLower(c)
	}
}

// hideLower removes what lower layers have brought at and below n. Whatever this layer brought stays, whether it came
// before or after the mark, and so do the directories it needs.
func (u *merger) hideLower(n *node) {
	u.hideBelow(n)
	// Until the base is sealed there is no child but those that exist now.
	if n.broughtBy() != u.layer && len(n.kids) == 0 {
		u.tree.drop(n)
	}
}

// broughtBy is the layer that brought a name.
func (n *node) broughtBy() int { return max(n.cur.layer, n.linkLayer) }
