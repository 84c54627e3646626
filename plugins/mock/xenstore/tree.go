package xenstore

import (
	"slices"
	"strings"
)

// node is a value with children. It is never changed: another takes its place. So whoever has one knows whether there is still
// the same.
type node struct {
	value    []byte
	children []string // sorted
	perms    []perm
	// generation is another each time that children change.
	generation uint64
}

// tree is all nodes by their paths: those of the store, or a copy that is a transaction's.
type tree struct {
	nodes map[string]*node
	// domain is who uses it, owned how many nodes are its, and most how many may be.
	domain      uint16
	owned, most int
	// generation counts changes.
	generation uint64
	// seen are the nodes that a transaction has looked at or changed, as they were at first; nil where there was none.
	seen map[string]*node
	// events are what watches are to be told.
	events []event
}

// event is the change of a node.
type event struct {
	path string
	// removed says that it was removed with one above: only those who watch for that very path are told.
	removed bool
	// readable says that the domain may know of it.
	readable bool
}

// parentOf is the path above; that of the root is "".
func parentOf(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i == 0 && path != "/" {
		return "/"
	}
	return path[:i]
}

// below is the path of a child.
func below(parent, name string) string {
	if parent == "/" {
		return "/" + name
	}
	return parent + "/" + name
}

func (t *tree) look(path string) *node {
	n := t.nodes[path]
	if t.seen != nil {
		if _, ok := t.seen[path]; !ok {
			t.seen[path] = n
		}
	}
	return n
}

// get returns a node with which the domain may do what it needs. Of one that is not there, the nearest one above says whether
// that is to be known.
func (t *tree) get(path string, need access) (*node, errno) {
	n := t.look(path)
	if n == nil {
		if t.nearest(path).allow(t.domain, need) {
			return nil, errNoEntry
		}
		return nil, errAccess
	}
	if !n.allow(t.domain, need) {
		return nil, errAccess
	}
	return n, ""
}

// nearest is the nearest node above. The root is always there.
func (t *tree) nearest(path string) *node {
	for {
		path = parentOf(path)
		if n := t.nodes[path]; n != nil {
			return n
		}
	}
}

// put replaces a node or makes one, in a node that is there.
func (t *tree) put(path string, n node) {
	t.generation++
	n.generation = t.generation
	old := t.look(path)
	t.owned += t.owns(&n) - t.owns(old)
	t.nodes[path] = &n
	if old == nil && path != "/" {
		above, name := parentOf(path), path[strings.LastIndexByte(path, '/')+1:]
		parent := *t.look(above)
		i, _ := slices.BinarySearch(parent.children, name)
		parent.children = slices.Insert(slices.Clone(parent.children), i, name)
		t.replace(above, parent)
	}
}

// replace replaces a node whose children have changed, of which nobody is told.
func (t *tree) replace(path string, n node) {
	t.generation++
	n.generation = t.generation
	t.nodes[path] = &n
}

// change puts a node, and has watches told of it.
func (t *tree) change(path string, n node) {
	old := t.look(path)
	t.put(path, n)
	t.events = append(t.events, event{path, false, n.allow(t.domain, mayRead) || old != nil && old.allow(t.domain, mayRead)})
}

// make makes a node, and those above that are missing. Who makes a node owns it; else it has the permissions of the one above.
func (t *tree) make(path string, value []byte) errno {
	above := t.nearest(path)
	if !above.allow(t.domain, mayWrite) {
		return errAccess
	}
	var missing []string
	for p := path; t.look(p) == nil; p = parentOf(p) {
		missing = append(missing, p)
	}
	if t.owned+len(missing) > t.most {
		return errNoSpace
	}
	perms := slices.Clone(above.perms)
	perms[0].domain = t.domain
	for _, p := range slices.Backward(missing[1:]) {
		t.change(p, node{perms: perms})
	}
	t.change(path, node{value: value, perms: perms})
	return ""
}

// remove removes a node and all below it.
func (t *tree) remove(path string) {
	t.drop(path, false)
	above, name := parentOf(path), path[strings.LastIndexByte(path, '/')+1:]
	parent := *t.look(above)
	parent.children = slices.DeleteFunc(slices.Clone(parent.children), func(c string) bool { return c == name })
	t.replace(above, parent)
}

func (t *tree) drop(path string, within bool) {
	n := t.look(path)
	for _, c := range n.children {
		t.drop(below(path, c), true)
	}
	delete(t.nodes, path)
	t.owned -= t.owns(n)
	t.events = append(t.events, event{path, within, n.allow(t.domain, mayRead)})
}

// owns is 1 for a node of the domain's, which has made it.
func (t *tree) owns(n *node) int {
	if n != nil && n.perms[0].domain == t.domain {
		return 1
	}
	return 0
}
