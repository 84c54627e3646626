package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/holo/holotest"
	"github.com/holo-build/holo-build/plugins/mock/scripted"
)

const mockUsage = "have stand-ins do as `FILE` says, TOML; may be repeated"

// readMocks reads the files that --mock names, which must be right: that is found out before there is any work to lose. What
// is parsed counts how often it has answered, and so is parsed anew for each run of the plugins.
func readMocks(names []string) (list []holotest.Mock, err error) {
	var errs []error
	for _, name := range names {
		text, err := readMock(name)
		if err == nil {
			_, err = parseMock(holotest.Mock{Name: name, Text: text})
		}
		errs = append(errs, err)
		list = append(list, holotest.Mock{Name: name, Text: text})
	}
	return list, errors.Join(errs...)
}

func readMock(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("--mock: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, scripted.MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("--mock: %w", err)
	}
	return text, nil
}

// parseMock reads a file. The ledger has its name without a path of this machine.
func parseMock(m holotest.Mock) (*scripted.File, error) {
	return scripted.Parse(m.Name, filepath.Base(m.Name), m.Text)
}

// script gives the stand-ins what files say: those of --mock and of resource trees.
func (b *build) script(ctx context.Context, ready prepared) error {
	if b.live {
		if len(b.mocks) > 0 {
			return usageError{fmt.Errorf("--mock: the running system has its own tools; with --test-mode, there are stand-ins")}
		}
		return nil
	}
	own, image, err := b.mockFiles(ctx, ready.resources)
	if err != nil || len(own)+len(image) == 0 {
		return err
	}
	environ, s := b.pluginEnviron(), ready.standIns
	set, notices, err := scripted.Merge(own, image, scripted.Given{
		Sockets: s.Sockets,
		HasProgram: func(name string) bool {
			_, err := holo.FindProgram(environ, name)
			return err == nil
		},
		HasVariable: func(name string) bool { return hasVariable(environ, name) },
	})
	for _, n := range notices {
		b.ui.warn(n)
	}
	if err != nil {
		return err
	}
	s.Tools.Extra, s.Sockets = set.Programs(), set.Sockets(s.Sockets, ready.calls.record)
	return nil
}

func hasVariable(environ []string, name string) bool {
	for _, v := range environ {
		if strings.HasPrefix(v, name+"=") {
			return true
		}
	}
	return false
}

// mockFiles reads all files: those of the builder's trees before those of --mock, which can thus replace what they say.
func (b *build) mockFiles(ctx context.Context, res *holo.Resources) (own, image []*scripted.File, err error) {
	list, notices := res.Mocks()
	for _, n := range notices {
		b.ui.warn(n)
	}
	var errs []error
	for _, m := range list {
		text, err := m.Read(ctx, scripted.MaxFile)
		if err != nil {
			return nil, nil, err
		}
		name := filepath.Join(m.From, m.Name)
		if m.Image {
			name = "/usr/share/holo/" + m.Name + " of the image"
		}
		f, err := scripted.Parse(name, m.Name, text)
		switch {
		case err != nil && m.Image:
			errs = append(errs, fmt.Errorf("%w (a file %s below a directory of -r takes its place)", err, m.Name))
		case err != nil:
			errs = append(errs, err)
		case m.Image:
			image = append(image, f)
		default:
			own = append(own, f)
		}
	}
	for _, m := range b.mocks {
		f, err := parseMock(m)
		errs = append(errs, err)
		own = append(own, f)
	}
	return own, image, errors.Join(errs...)
}
