package holotest

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holo-build/holo-build/plugins/holo"
)

// compare holds what came of the case against what is expected, in the order of their making.
func (c *testCase) compare() ([]Difference, error) {
	var list []Difference
	for _, name := range append([]string{treeName}, append(outputNames(), callsName)...) {
		got, ok := c.got[name]
		if !ok {
			continue // an expectation of more is of no interest, as in the reference
		}
		want, err := readRegular(filepath.Join(c.dir, expectedPrefix+name))
		missing := errors.Is(err, fs.ErrNotExist)
		if err != nil && !missing {
			return nil, err
		}
		if !missing && bytes.Equal(got, want) {
			continue
		}
		list = append(list, Difference{Name: name, Missing: missing, Diff: difference(name, want, got)})
	}
	return list, nil
}

// difference is a unified diff.
func difference(name string, want, got []byte) []byte {
	d := holo.RenderDiff(holo.DiffFile{Name: expectedPrefix + name, Content: want}, holo.DiffFile{Name: name, Content: got})
	_, d, _ = bytes.Cut(d, []byte("\n")) // which is of git
	return d
}

// update writes what came of the case where it differs from what is expected, and removes the expectation of a forced
// apply that was not asked for.
func (c *testCase) update(differences []Difference) (written []string, err error) {
	for _, d := range differences {
		name := expectedPrefix + d.Name
		if err := replaceFile(filepath.Join(c.dir, name), c.got[d.Name]); err != nil {
			return written, err
		}
		written = append(written, name)
	}
	const forced = "apply-force" + outputSuffix
	if _, ok := c.got[forced]; ok {
		return written, nil
	}
	switch err := os.Remove(filepath.Join(c.dir, expectedPrefix+forced)); {
	case err == nil:
		written = append(written, expectedPrefix+forced)
	case !errors.Is(err, fs.ErrNotExist):
		return written, err
	}
	return written, nil
}
