package firstboot

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the unit and what it runs
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"

	"github.com/holo-build/holo-build/rootfs"
)

// Where all of it is; names in the root.
const (
	// Dir has a file for each command.
	Dir    = "var/spool/holo-build/deferred"
	runner = "usr/lib/holo-build/run-deferred"
	units  = "usr/lib/systemd/system"
	wants  = units + "/default.target.wants"
	// Unit is what runs the commands.
	Unit = "holo-build-deferred.service"
)

var (
	//go:embed run-deferred.sh
	runnerText []byte
	//go:embed holo-build-deferred.service
	unitText []byte
)

// most is the highest number of a command.
const most = 999999

// Asked is a command, and who has asked for it.
type Asked struct {
	Command
	By rootfs.Actor
}

// Supported says what a root lacks for commands to be run at its first boot.
func Supported(root rootfs.Root) error {
	if !hasFile(root, "usr/lib/systemd/systemd") && !hasFile(root, "lib/systemd/systemd") {
		return errors.New("the image has no systemd (/usr/lib/systemd/systemd) that would run it")
	}
	if !hasFile(root, "bin/sh") {
		return errors.New("the image has no /bin/sh that would run it")
	}
	return nil
}

// hasFile reports whether a name is that of a regular file, or leads to one.
func hasFile(root rootfs.Root, name string) bool {
	real, err := root.Resolve(name)
	if err != nil {
		return false
	}
	m, err := root.Lstat(real)
	return err == nil && m.Type == rootfs.Regular
}

// queued is a command of the queue.
type queued struct {
	digest [sha256.Size]byte
	number int // 0 if it has none yet
	script []byte
	by     []rootfs.Actor
}

// Add puts commands at the end of the queue, and sees to it that it is run. A command that is there already, or comes a
// second time, is run once: at its last place, since what comes before that may be to undo what it did at the first.
//
// The file of a command is the change of all who have asked for it, what is common to all that of builder.
func Add(rootOf func(rootfs.Actor) rootfs.Root, builder rootfs.Actor, list []Asked) error {
	if len(list) == 0 {
		return nil
	}
	root := rootOf(builder)
	old, err := pending(root)
	if err != nil {
		return fmt.Errorf("reading /%s: %w", Dir, err)
	}
	added, err := scripts(list)
	if err != nil {
		return err
	}
	if err := install(root); err != nil {
		return fmt.Errorf("installing %s: %w", Unit, err)
	}
	again := func(q queued) bool {
		return slices.ContainsFunc(added, func(a queued) bool { return a.digest == q.digest })
	}
	if unchanged(old, added, again) {
		return nil
	}
	last := 0
	for _, q := range old {
		last = q.number
		if again(q) {
			err = errors.Join(err, root.Remove(q.name()))
		}
	}
	if last+len(added) > most {
		return fmt.Errorf("there is a command number %d in /%s, and no room for more", last, Dir)
	}
	for i, q := range added {
		q.number = last + 1 + i
		for _, by := range q.by {
			err = errors.Join(err, rootOf(by).Put(q.name(), rootfs.Meta{Mode: 0o600}, bytes.NewReader(q.script)))
		}
	}
	if err != nil {
		return fmt.Errorf("writing /%s: %w", Dir, err)
	}
	return nil
}

func (q queued) name() string { return path.Join(Dir, fmt.Sprintf("%06d", q.number)) }

// unchanged reports whether the queue ends with these commands already.
func unchanged(old, added []queued, again func(queued) bool) bool {
	if len(old) < len(added) {
		return false
	}
	at := len(old) - len(added)
	same := func(a, b queued) bool { return a.digest == b.digest }
	return slices.EqualFunc(old[at:], added, same) && !slices.ContainsFunc(old[:at], again)
}

// scripts makes the commands' files, each once.
func scripts(list []Asked) (out []queued, err error) {
	for _, a := range list {
		q := queued{by: []rootfs.Actor{a.By}}
		if q.script, err = a.Script(); err != nil {
			return nil, fmt.Errorf("leaving %q to the first boot: %w", a.Argv[:min(1, len(a.Argv))], err)
		}
		q.digest = sha256.Sum256(q.script)
		if i := slices.IndexFunc(out, func(o queued) bool { return o.digest == q.digest }); i >= 0 {
			q.by = out[i].by
			if !slices.Contains(q.by, a.By) {
				q.by = append(q.by, a.By)
			}
			out = slices.Delete(out, i, i+1)
		}
		out = append(out, q)
	}
	return out, nil
}

var number = regexp.MustCompile(`^[0-9]{6}$`)

// pending are the commands that are in the queue, in order.
func pending(root rootfs.Root) (list []queued, err error) {
	entries, err := root.ReadDir(Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !number.MatchString(e.Name) {
			continue
		}
		q := queued{}
		q.number, _ = strconv.Atoi(e.Name)
		m, err := root.Lstat(q.name())
		if err != nil {
			return nil, err
		}
		if m.Type == rootfs.Regular {
			q.digest = m.Digest
		}
		list = append(list, q)
	}
	return list, nil
}

// install puts what runs the queue into the root.
func install(root rootfs.Root) error {
	err := rootfs.MkdirAll(root, path.Dir(Dir), rootfs.Meta{Mode: 0o755})
	if err == nil {
		err = rootfs.MkdirAll(root, Dir, rootfs.Meta{Mode: 0o700})
	}
	for _, dir := range []string{path.Dir(runner), wants} {
		if err == nil {
			err = rootfs.MkdirAll(root, dir, rootfs.Meta{Mode: 0o755})
		}
	}
	if err == nil {
		err = put(root, runner, rootfs.Meta{Mode: 0o755}, runnerText)
	}
	if err == nil {
		err = put(root, path.Join(units, Unit), rootfs.Meta{Mode: 0o644}, unitText)
	}
	if err == nil {
		err = put(root, path.Join(wants, Unit), rootfs.Meta{Type: rootfs.Symlink, Mode: 0o777, Target: "../" + Unit}, nil)
	}
	return err
}

// put makes a file, unless it is there.
func put(root rootfs.Root, name string, m rootfs.Meta, content []byte) error {
	old, err := root.Lstat(name)
	if err == nil && old.Type == m.Type && old.Mode == m.Mode && old.Target == m.Target &&
		(m.Type != rootfs.Regular || old.Digest == sha256.Sum256(content)) {
		return nil
	}
	if m.Type == rootfs.Symlink {
		return root.Put(name, m, nil)
	}
	return root.Put(name, m, bytes.NewReader(content))
}
