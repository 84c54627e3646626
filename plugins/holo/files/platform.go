package files

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// platform says what a distribution's package manager leaves beside a configuration file that somebody has changed;
// 4.1.8 and 4.1.9. Zero is a package manager that leaves nothing, or none.
type platform struct {
	// added is the suffix of a new stock file that stands beside the target.
	added string
	// saved is the suffix of the old target where the new stock file has taken its place.
	saved string
	// removed is the suffix of the target that was left over when its package was removed, perhaps with a number.
	removed string
}

// knownPlatform picks the platform for the IDs of a distribution.
func knownPlatform(ids []string) (p platform, ok bool) {
	rpm := platform{added: ".rpmnew", saved: ".rpmsave"}
	for _, known := range []struct {
		id string
		p  platform
	}{
		{"alpine", platform{added: ".apk-new"}},
		{"arch", platform{added: ".pacnew", removed: ".pacsave"}},
		{"debian", platform{added: ".dpkg-dist", saved: ".dpkg-old"}},
		{"fedora", rpm},
		{"suse", rpm},
		{"unittest", platform{}}, // test cases of Holo say this for none
	} {
		if slices.Contains(ids, known.id) {
			return known.p, true
		}
	}
	return platform{}, false
}

// platformOf returns the platform of the root. An unknown one is told to the user at every use and then treated as
// none; in an image build, where most small images would trip over it, Scan tells it once.
func platformOf(env *holo.Env) platform {
	ids, err := distributionIDs(env.Root)
	p, ok := knownPlatform(ids)
	if ok || env.ImageBuild {
		return p
	}
	if err != nil {
		fmt.Fprintf(env.Stderr, "!! Cannot read os-release(5): %v\n", err)
	}
	fmt.Fprintf(env.Stderr, "!! Running on an unrecognized distribution. Distribution IDs: %s\n", strings.Join(ids, ","))
	fmt.Fprintln(env.Stderr, ">> Updates of configuration files by its package manager will not be noticed.")
	fmt.Fprintln(env.Stderr, ">> Please report this error, with the contents of your /etc/os-release, to the developers.")
	return p
}

// warnUnknownPlatform prints the one line that an image build has for a root of an unknown distribution.
func warnUnknownPlatform(env *holo.Env) {
	ids, err := distributionIDs(env.Root)
	if _, ok := knownPlatform(ids); ok {
		return
	}
	why := "distribution IDs: " + strings.Join(ids, ",")
	if err != nil {
		why = "no readable os-release"
	}
	fmt.Fprintf(env.Stderr, ">> unknown distribution (%s): updated stock files are not looked for\n", why)
}

// stock is a new version of a file as its package has it.
type stock struct {
	name     string
	reported string // for the user
}

// updatedStock looks for a new stock file for a target, nil if there is none. Where the package manager has put it in
// the place of the target, the two change places first.
func (p platform) updatedStock(root holo.Dir, target string) (*stock, error) {
	if p.added == "" {
		return nil, nil
	}
	added := target + p.added
	saved := target + p.saved
	if p.saved != "" && manageable(root, saved) {
		m, err := root.Lstat(target)
		if err == nil && m.Type != rootfs.Regular && m.Type != rootfs.Symlink {
			err = fmt.Errorf("skipping target: %w", errNotManageable)
		}
		if err != nil {
			return nil, err
		}
		if err := root.Rename(target, added); err != nil {
			return nil, err
		}
		if err := root.Rename(saved, target); err != nil {
			return nil, err
		}
		return &stock{name: added, reported: fmt.Sprintf("%s (with %s)", root.Join(target), p.saved)}, nil
	}
	if !manageable(root, added) {
		return nil, nil
	}
	return &stock{name: added, reported: root.Join(added)}, nil
}

// leftovers lists what the package manager has left of a target when it removed the package.
func (p platform) leftovers(root holo.Dir, target string) ([]string, error) {
	if p.removed == "" {
		return nil, nil
	}
	dir, base := path.Split(target + p.removed)
	entries, err := root.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries { // in byte order: the name without a number comes first
		number, numbered := strings.CutPrefix(e.Name, base+".")
		if e.Name != base && !(numbered && number != "" && strings.Trim(number, "0123456789") == "") {
			continue
		}
		if e.Type == rootfs.Regular || e.Type == rootfs.Symlink {
			out = append(out, path.Join(dir, e.Name))
		}
	}
	return out, nil
}
