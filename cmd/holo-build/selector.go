package main

import (
	"path/filepath"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
)

// entityNames are the names by which a selector may mean an entity: its ID, its plugin's, and its sources as the image
// has them; of a source that was generated the generator, too. holo(8).
func entityNames(e *holo.Scanned) []string {
	names := []string{e.ID, e.Plugin}
	for _, s := range e.Sources {
		s = people(s, e.Plugin)
		names = append(names, s)
		if generator, _, ok := strings.Cut(s, "::"); ok {
			names = append(names, generator)
		}
	}
	return names
}

// selectorNames are the names that a selector stands for: what it says, and if it is the path of a file below one of the
// builder's resource directories, that which the resource has in the image.
func selectorNames(selector string, dirs []string) ([]string, error) {
	names := []string{selector}
	if !strings.Contains(selector, "/") {
		return names, nil
	}
	file, err := filepath.Abs(selector)
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		if rest, ok := strings.CutPrefix(file, strings.TrimSuffix(abs, "/")+"/"); ok {
			names = append(names, "/usr/share/holo/"+rest)
		}
	}
	return names, nil
}
