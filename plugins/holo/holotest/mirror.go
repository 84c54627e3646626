package holotest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The surroundings of a case that its copy has: so many directories up, and no more than so many names in one.
const (
	mirrorLevels = 4
	mirrorNames  = 5000
)

// mirrors are directories that look like those above cases: all names in them are links to what is there. Copies of
// cases go there, so that "../../build/holo-foosql" means the same in a copy.
type mirrors struct {
	scratch string
	made    map[string]string
}

// of returns the mirror of the directory that a case is in.
func (m *mirrors) of(caseDir string) (string, error) {
	abs, err := filepath.Abs(caseDir)
	if err != nil {
		return "", err
	}
	parent := filepath.Dir(abs)
	if at, ok := m.made[parent]; ok {
		return at, nil
	}
	at, err := mirror(parent, filepath.Join(m.scratch, fmt.Sprintf("m%d", len(m.made))))
	if err == nil {
		m.made[parent] = at
	}
	return at, err
}

// mirror makes the mirror of a directory and of those above it, the uppermost at top.
func mirror(dir, top string) (string, error) {
	var below []string // from the uppermost down
	up := dir
	for range mirrorLevels - 1 {
		if up == "/" {
			break
		}
		below = append([]string{filepath.Base(up)}, below...)
		up = filepath.Dir(up)
	}
	at := top
	if err := os.Mkdir(at, 0o755); err != nil {
		return "", err
	}
	for i := 0; ; i++ {
		next := ""
		if i < len(below) {
			next = below[i]
		}
		if err := linkAll(up, at, next); err != nil {
			return "", err
		}
		if next == "" {
			return at, nil
		}
		up, at = filepath.Join(up, next), filepath.Join(at, next)
		if err := os.Mkdir(at, 0o755); err != nil {
			return "", err
		}
	}
}

// linkAll makes links to all that is in a directory, but for one name. A directory that can't be read, or is large, has no
// links: few cases look that far.
func linkAll(from, to, but string) error {
	list, err := os.ReadDir(from)
	if err != nil || len(list) > mirrorNames {
		return nil
	}
	for _, e := range list {
		if e.Name() == but || strings.HasPrefix(e.Name(), workPrefix) {
			continue
		}
		if err := os.Symlink(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// workPrefix begins the names of the copies.
const workPrefix = "holo-test."
