package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// desired applies the resources to a base; 4.1.5. What scripts print is kept in files of the cache directory, which
// cleanUp removes; it may be called in any case.
func (w *work) desired(ctx context.Context, base *state) (s *state, cleanUp func(), err error) {
	var spooled []string
	cleanUp = func() {
		for _, name := range spooled {
			_ = removeIfExists(w.env.Cache, name) // the cache goes as a whole in the end
		}
	}
	s = base
	for i, src := range effective(w.e.sources) {
		if !src.script {
			if s, err = w.overlay(s, src); err != nil {
				return nil, cleanUp, err
			}
			continue
		}
		if s, err = w.followed(s); err != nil {
			return nil, cleanUp, err
		}
		spool := fmt.Sprintf("holoscript-output.%d", i)
		spooled = append(spooled, spool)
		if s, err = w.filter(ctx, s, src, spool); err != nil {
			return nil, cleanUp, err
		}
	}
	return s, cleanUp, nil
}

// effective drops what comes before the last plain resource: that replaces all of it.
func effective(sources []source) []source {
	for i := len(sources) - 1; i >= 0; i-- {
		if !sources[i].script {
			return sources[i:]
		}
	}
	return sources
}

// overlay takes content or link target from a resource; permissions and owner stay those of the base.
func (w *work) overlay(s *state, src source) (*state, error) {
	r, err := readExisting(w.env.Resources, src.name)
	if err != nil {
		return nil, err
	}
	mode := s.meta.Mode
	switch {
	case r.meta.Type == rootfs.Symlink:
		mode = 0o777
	case s.meta.Type == rootfs.Symlink:
		mode = 0o755 // a link's 0777 means nothing, and is not what any file should have
	}
	r.meta.Mode, r.meta.UID, r.meta.GID = mode, s.meta.UID, s.meta.GID
	return r, nil
}

// followed returns the file that a symlink leads to, as seen from the directory of the target and inside the root.
func (w *work) followed(s *state) (*state, error) {
	if s.meta.Type != rootfs.Symlink {
		return s, nil
	}
	name, err := resolveFrom(w.env.Root, path.Dir(w.e.path), s.meta.Target)
	if err != nil {
		return nil, fmt.Errorf("following symlink to %s: %w", s.meta.Target, err)
	}
	return readExisting(w.env.Root, name)
}

// resolveFrom resolves a link text that would stand in dir, which need not exist. A Root takes no name with ".." in
// it, so the text is followed by component.
func resolveFrom(r rootfs.Root, dir, text string) (string, error) {
	at := "."
	if !strings.HasPrefix(text, "/") {
		text = dir + "/" + text
	}
	for comp := range strings.SplitSeq(text, "/") {
		switch comp {
		case "", ".":
		case "..":
			at = path.Dir(at)
		default:
			var err error
			if at, err = r.Resolve(path.Join(at, comp)); err != nil {
				return "", err
			}
		}
	}
	return at, nil
}

// filter runs a holoscript over a state.
func (w *work) filter(ctx context.Context, s *state, src source, spool string) (*state, error) {
	shown := w.env.Resources.Join(src.name)
	var in io.Reader = strings.NewReader("")
	if s.open != nil {
		f, err := s.open()
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	out, pipe := io.Pipe()
	ran := make(chan error, 1)
	go func() {
		err := w.env.Run(ctx, holo.Command{Argv: []string{shown}, Stdin: in, Stdout: pipe})
		ran <- err
		if err == nil {
			err = io.EOF
		}
		pipe.CloseWithError(err) // a failed script must not leave half its output behind as a whole file
	}()
	m := rootfs.Meta{Type: rootfs.Regular, Mode: 0o600, UID: w.owner.UID, GID: w.owner.GID}
	putErr := w.env.Cache.Put(spool, m, out)
	out.CloseWithError(putErr) // nobody reads on: the script must not wait for it
	if err := <-ran; err != nil && (putErr == nil || errors.Is(putErr, err)) {
		return nil, fmt.Errorf("execution of %s failed: %w", shown, err)
	}
	if putErr != nil {
		return nil, fmt.Errorf("keeping the output of %s: %w", shown, putErr)
	}
	got, err := readExisting(w.env.Cache, spool)
	if err != nil {
		return nil, err
	}
	got.meta.Mode, got.meta.UID, got.meta.GID = s.meta.Mode, s.meta.UID, s.meta.GID
	return got, nil
}
