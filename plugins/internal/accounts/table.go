package accounts

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/holo-build/holo-build/rootfs"
)

// table is a database that is being edited: its lines, each as it was read until it is replaced.
type table struct {
	// name is that of the database, and real that of the file that it leads to.
	name, real string
	// valid says whether a line is a record that the tools understand.
	valid func(line string) bool
	// status is what a tool exits with that can't read or write the database.
	status int
	// exists says that there was a file; meta is what it was, and old what was in it.
	exists bool
	meta   rootfs.Meta
	old    string
	lines  []string
	dirty  bool
}

// openTable reads a database. A missing one is empty.
func openTable(root rootfs.Root, t table) (*table, error) {
	t.real = t.name
	t.meta = rootfs.Meta{Type: rootfs.Regular, Mode: 0o644}
	real, m, err := follow(root, t.name)
	if errors.Is(err, fs.ErrNotExist) {
		return &t, nil
	}
	text := ""
	if err == nil {
		text, err = readText(root, t.name, m.Size)
	}
	if err != nil {
		return nil, t.broken(err)
	}
	t.real, t.meta = real, m
	t.exists, t.old = true, text
	t.lines = slices.AppendSeq(make([]string, 0, strings.Count(text, "\n")+2), lines(text))
	return &t, nil
}

func (t *table) broken(err error) error { return because(err, t.status, "cannot open /%s", t.name) }

// creatable returns an error if there is no file and none can be made: the directory is missing, or a symlink leads
// nowhere.
func (t *table) creatable(root rootfs.Root) error {
	if t.exists {
		return nil
	}
	switch m, err := root.Lstat(t.name); {
	case err == nil:
		return t.broken(fmt.Errorf("it is a symlink to %s, where nothing is", m.Target))
	case !errors.Is(err, fs.ErrNotExist):
		return t.broken(err)
	}
	_, err := root.ReadDir("etc")
	return t.broken(err)
}

// is says whether line i is a record of that name.
func (t *table) is(i int, name string) bool {
	rest, ok := strings.CutPrefix(t.lines[i], name)
	return ok && strings.HasPrefix(rest, ":") && t.valid(t.lines[i])
}

// find returns the line of the record of that name, or -1.
func (t *table) find(name string) int {
	for i := range t.lines {
		if t.is(i, name) {
			return i
		}
	}
	return -1
}

// only is find for a record that is to be changed: there must be one of the name alone.
func (t *table) only(name string) (int, error) {
	at := t.find(name)
	for i := at + 1; at >= 0 && i < len(t.lines); i++ {
		if t.is(i, name) {
			return -1, refuse(t.status, "Multiple entries named '%s' in /%s. Please fix this with pwck or grpck.", name, t.name)
		}
	}
	return at, nil
}

// add adds records, before the NIS lines if there are any: what comes after these is never looked at.
func (t *table) add(records ...string) {
	at := slices.IndexFunc(t.lines, func(l string) bool { return strings.HasPrefix(l, "+") || strings.HasPrefix(l, "-") })
	if at < 0 {
		at = len(t.lines)
	}
	t.lines = slices.Insert(t.lines, at, records...)
	t.dirty = t.dirty || len(records) > 0
}

// set replaces a line.
func (t *table) set(i int, line string) {
	t.dirty = t.dirty || t.lines[i] != line
	t.lines[i] = line
}

// put replaces the record of that name, or adds one.
func (t *table) put(name, line string) error {
	i, err := t.only(name)
	if err != nil {
		return err
	}
	if i < 0 {
		t.add(line)
	} else {
		t.set(i, line)
	}
	return nil
}

// move replaces a record by one of another name, which stands at the end, where the tools put it.
func (t *table) move(i int, line string) {
	t.lines = slices.Delete(t.lines, i, i+1)
	t.add(line)
}

// remove removes the record of that name, if there is one.
func (t *table) remove(name string) error {
	i, err := t.only(name)
	if err == nil && i >= 0 {
		t.lines = slices.Delete(t.lines, i, i+1)
		t.dirty = true
	}
	return err
}

// text is the database as it is to be written. One that has not changed is what it was; otherwise, the last line gets an
// end if it has none, as the tools write it.
func (t *table) text() string {
	if !t.dirty {
		return t.old
	}
	var b strings.Builder
	b.Grow(len(t.old) + 1024)
	for _, line := range t.lines {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}

// write writes the database in place of the file that it was read from, with that one's mode, owner and attributes.
func (t *table) write(root rootfs.Root) error {
	m := t.meta
	m.ModTime = time.Time{} // now
	if err := root.Put(t.real, m, strings.NewReader(t.text())); err != nil {
		return because(err, t.status, "failure while writing changes to /%s", t.name)
	}
	return nil
}

// restore brings back what was there before write.
func (t *table) restore(root rootfs.Root) error {
	if !t.exists {
		return root.Remove(t.real)
	}
	return root.Put(t.real, t.meta, strings.NewReader(t.old))
}
