package main

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"

	"github.com/holo-build/holo-build/plugins/holo"
)

// sandboxFlags say what executables may touch.
type sandboxFlags struct {
	mode, network string
	allowRead     []string
	imageCode     string
	inRoot        []string
}

// The modes of --sandbox, and the networks of --network.
const (
	sandboxAuto   = "auto"
	sandboxStrict = "strict"
	sandboxNone   = "none"
	networkNone   = "none"
	networkHost   = "host"
)

func (s *sandboxFlags) addFlags(f *pflag.FlagSet) {
	f.StringVar(&s.mode, "sandbox", sandboxAuto, "confine executables, scripts and generators: `MODE` auto (as far as\nit can be had), strict (or fail) or none")
	f.StringVar(&s.network, "network", networkNone, "what network they have in the sandbox: `NET` none or host")
	f.StringVar(&s.imageCode, "image-code", "", "what to do with code that comes with the image: `WHAT` in-root (run\nit inside the root) or refuse (default: in-root where that can be had)")
	f.StringArrayVar(&s.inRoot, "in-root", nil, "run plugin `ID` inside the root, as no test; of run-scripts, its scripts;\nmay be repeated")
	f.StringArrayVar(&s.allowRead, "allow-read", nil, "let them read `PATH` of this machine, too; may be repeated")
}

// check finds wrong use.
func (s *sandboxFlags) check() error {
	if list := []string{sandboxAuto, sandboxStrict, sandboxNone}; !slices.Contains(list, s.mode) {
		return usageError{fmt.Errorf("--sandbox: %q is not auto, strict or none", s.mode)}
	}
	if s.network != networkNone && s.network != networkHost {
		return usageError{fmt.Errorf("--network: %q is neither none nor host", s.network)}
	}
	if list := []string{"", codeInRoot, codeRefuse}; !slices.Contains(list, s.imageCode) {
		return usageError{fmt.Errorf("--image-code: %q is neither in-root nor refuse", s.imageCode)}
	}
	if s.mode == sandboxNone && (s.imageCode == codeInRoot || len(s.inRoot) > 0) {
		return usageError{fmt.Errorf("--sandbox none: only the sandbox can run something inside the root")}
	}
	for i, id := range s.inRoot {
		if id == "" || slices.Contains(s.inRoot[:i], id) {
			return usageError{fmt.Errorf("--in-root %q: it is the ID of a plugin, once for each", id)}
		}
	}
	if s.mode == sandboxNone && len(s.allowRead) > 0 {
		return usageError{fmt.Errorf("--allow-read: without --sandbox auto or strict, all can be read")}
	}
	return nil
}

// hasNetwork says that processes have the network of this machine.
func (s *sandboxFlags) hasNetwork() bool { return s.network == networkHost || s.mode == sandboxNone }

// newSandbox is what the flags ask for; nil for none.
func (b *build) newSandbox() (*holo.Sandbox, error) {
	if err := b.o.sandbox.check(); err != nil {
		return nil, err
	}
	if b.o.sandbox.mode == sandboxNone || b.live {
		return nil, nil
	}
	s := &holo.Sandbox{Network: b.o.sandbox.network == networkHost, Strict: b.o.sandbox.mode == sandboxStrict, Limits: b.limits.plugins, Missing: b.warnMissing}
	for _, path := range slices.Concat(b.o.resources, b.o.sandbox.allowRead) {
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		s.ReadOnly = append(s.ReadOnly, abs)
	}
	return s, nil
}

// warnMissing tells what of the confinement can't be had.
func (b *build) warnMissing(what []string) {
	for _, w := range what {
		b.ui.warn("sandbox: missing here: " + w)
	}
}
