package erofs

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
)

const direntSize = 12

func validName(s string) bool {
	return s != "" && s != "." && s != ".." && len(s) <= maxName && !strings.ContainsAny(s, "/\x00")
}

func validTarget(s string) bool {
	return s != "" && len(s) <= maxTarget && strings.IndexByte(s, 0) < 0
}

func byName(a, b Entry) int { return cmp.Compare(a.Name, b.Name) }

// sortEntries brings the entries into the format's order, the bytes of the names, and refuses names that can't be.
func (n *Inode) sortEntries() error {
	if !slices.IsSortedFunc(n.Entries, byName) {
		slices.SortStableFunc(n.Entries, byName)
	}
	for i, e := range n.Entries {
		if !validName(e.Name) {
			return fmt.Errorf("name %q is none", e.Name)
		}
		if i > 0 && n.Entries[i-1].Name == e.Name {
			return fmt.Errorf("name %q is there twice", e.Name)
		}
		if e.Inode == nil {
			return fmt.Errorf("name %q has no inode", e.Name)
		}
	}
	return nil
}

// names are the entries of a directory in order, with "." and ".." where they belong: the binary search of the kernel
// gives them no place of their own.
func (n *Inode) names() iter.Seq2[string, *Inode] {
	before := func(name string) int {
		i, _ := slices.BinarySearchFunc(n.Entries, Entry{Name: name}, byName)
		return i
	}
	dot, dotdot := before("."), before("..")
	return func(yield func(string, *Inode) bool) {
		for i := 0; i <= len(n.Entries); i++ {
			if i == dot && !yield(".", n) {
				return
			}
			if i == dotdot && !yield("..", n.parent) {
				return
			}
			if i < len(n.Entries) && !yield(n.Entries[i].Name, n.Entries[i].Inode) {
				return
			}
		}
	}
}

// measureDir returns how many whole blocks the directory takes, and the bytes in its last one.
func (n *Inode) measureDir() (whole int64, tail int) {
	for name := range n.names() {
		need := direntSize + len(name)
		if tail+need > BlockSize {
			whole++
			tail = 0
		}
		tail += need
	}
	return whole, tail
}

// dirBlock gathers the names of one block.
type dirBlock struct {
	names []string
	nodes []*Inode
	size  int
}

// append adds the block's bytes to b: the entries, then the names without separators. The place of the first name also
// says how many entries there are.
func (d *dirBlock) append(b []byte) []byte {
	at := direntSize * len(d.names)
	for i, name := range d.names {
		b = le.AppendUint64(b, d.nodes[i].number())
		b = le.AppendUint16(b, uint16(at))
		b = append(b, d.nodes[i].direntType(), 0)
		at += len(name)
	}
	for _, name := range d.names {
		b = append(b, name...)
	}
	return b
}

func (d *dirBlock) reset() { d.names, d.nodes, d.size = d.names[:0], d.nodes[:0], 0 }

// dirBlocks counts the blocks of a directory; d is each of them in turn.
func (n *Inode) dirBlocks(d *dirBlock) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		d.reset()
		var block int64
		for name, node := range n.names() {
			need := direntSize + len(name)
			if d.size+need > BlockSize {
				if !yield(block) {
					return
				}
				block++
				d.reset()
			}
			d.names, d.nodes, d.size = append(d.names, name), append(d.nodes, node), d.size+need
		}
		yield(block)
	}
}
