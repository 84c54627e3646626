package holo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"syscall"

	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/rootfs"
)

// Result is what came of applying an entity.
type Result struct {
	Outcome Outcome
	// Stdout and Stderr are what the plugin wrote.
	Stdout, Stderr []byte
	// Messages are what it told daemons of the system, such as the log, for which there are stand-ins.
	Messages []mock.Message
	// Diff shows what force would overwrite, after the outcome NeedsForceOverwrite.
	Diff []byte
	// Err says why the outcome is Failed.
	Err error
	// Inside says that code ran inside the staging root for it.
	Inside bool
	// Complained says that a line of Stderr begins with "!! ": an error, whatever the outcome.
	Complained bool
}

// Apply brings an entity into its desired state; with force, whoever has changed it meanwhile.
func (h *Host) Apply(ctx context.Context, s *Scanned, force bool) Result {
	h.tell(Event{Kind: "applying", Plugin: s.Plugin, Entity: s.ID, N: h.applied, M: h.known})
	var stdout, stderr bytes.Buffer
	var r Result
	s.plugin.ranInside = false
	r.Outcome, r.Err = s.plugin.runner.apply(ctx, s.id, force, &stdout, &stderr)
	r.Inside = s.plugin.ranInside
	if r.Outcome == NeedsForceOverwrite {
		var err error
		if r.Diff, err = h.diff(ctx, s, &stderr); err != nil {
			h.warn(s.Plugin, s.ID, "no diff can be shown: "+err.Error())
		}
		r.Diff = h.o.Secrets.neutral().bytes(r.Diff)
	}
	r.Stdout, r.Stderr = s.plugin.neutral.bytes(stdout.Bytes()), s.plugin.neutral.bytes(stderr.Bytes())
	r.Complained, r.Messages = complained(r.Stderr), h.messages(s.plugin, s.id)
	h.applied++
	h.tell(Event{Kind: "applied", Plugin: s.Plugin, Entity: s.ID, N: h.applied, M: h.known})
	return r
}

// Diff shows how the entity differs from what was last applied, as a unified diff; empty if it does not, or if the
// plugin has no diff for it.
func (h *Host) Diff(ctx context.Context, s *Scanned) ([]byte, error) {
	var stderr bytes.Buffer
	d, err := h.diff(ctx, s, &stderr)
	d = h.o.Secrets.neutral().bytes(d)
	h.messages(s.plugin, s.id)
	if said := bytes.TrimSpace(s.plugin.neutral.bytes(stderr.Bytes())); err != nil && len(said) > 0 {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return d, err
}

func (h *Host) diff(ctx context.Context, s *Scanned, stderr io.Writer) ([]byte, error) {
	from, to, err := s.plugin.runner.diff(ctx, s.id, stderr)
	if err != nil || from == "" && to == "" {
		return nil, err
	}
	root := h.o.Stage.Root(rootfs.Actor{Kind: "plugin", Plugin: s.Plugin})
	var sides [2]DiffFile
	for i, p := range []string{from, to} {
		if sides[i], err = h.diffFile(root, s.plugin, p); err != nil {
			return nil, newCallError(s.Plugin, opDiff, s.ID, s.plugin.neutral, err)
		}
	}
	return RenderDiff(sides[0], sides[1]), nil
}

// diffFile reads one of the files that a plugin wants compared. It must lie in the root: a plugin could else have any
// file of the building machine printed.
func (h *Host) diffFile(root rootfs.Root, p *plugin, said string) (DiffFile, error) {
	if said == nullPath {
		return DiffFile{Name: nullPath, Missing: true}, nil
	}
	shown := p.neutral.text(path.Clean(said))
	if !path.IsAbs(shown) && !strings.HasPrefix(shown, "$") {
		shown = path.Join("$"+rootVar, shown) // an executable's working directory is the root
	}
	name, ok := p.nameOf(shown)
	if !ok && h.o.Stage.Dir() == "/" {
		name, ok = strings.CutPrefix(shown, "/")
	}
	if !ok && p.Inside && path.IsAbs(shown) {
		name, ok = strings.TrimPrefix(shown, "/"), true
		shown = "$" + rootVar + shown
	}
	if !ok {
		return DiffFile{}, fmt.Errorf("%s is outside of the staging root", shown)
	}
	f, err := readDiffFile(root, name)
	f.Name = h.o.Resources.Translate(p.ID, shown)
	return f, err
}

// nameOf turns a path that begins with one of the variables into a name below the root.
func (p *plugin) nameOf(shown string) (string, bool) {
	for _, l := range p.locations {
		if rest, ok := strings.CutPrefix(shown, "$"+l.variable+"/"); ok {
			return path.Join(l.name, rest), true
		}
	}
	return "", false
}

// readDiffFile reads a regular file or a symlink.
func readDiffFile(root rootfs.Root, name string) (DiffFile, error) {
	m, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return DiffFile{Missing: true}, nil
	case err != nil:
		return DiffFile{}, err
	case m.Type == rootfs.Symlink:
		return DiffFile{Link: true, Content: []byte(m.Target)}, nil
	case m.Type != rootfs.Regular:
		return DiffFile{}, fmt.Errorf("file %s has wrong file type", name)
	}
	d := DiffFile{Executable: m.Mode&0o100 != 0}
	if m.Size > maxDiffBytes {
		d.Large = true
		d.Content = m.Digest[:] // enough to tell whether two differ
		return d, nil
	}
	f, err := root.Open(name)
	if err != nil {
		return DiffFile{}, err
	}
	defer f.Close()
	if d.Content, err = io.ReadAll(io.LimitReader(f, maxDiffBytes+1)); err != nil {
		return DiffFile{}, fmt.Errorf("reading %s: %w", name, err)
	}
	return d, nil
}
