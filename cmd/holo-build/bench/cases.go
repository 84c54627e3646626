package main

import (
	"fmt"
	"path"
	"strings"
)

// entityCount is how many entities are measured together.
const entityCount = 1000

// row is a case: our side against others, and what must hold. A memory case has several of ours.
type row struct {
	name        string
	ours, peers []string // names of sides
	target      target
}

// sideTable has all sides by name.
func sideTable() map[string]side {
	table := map[string]side{
		"umoci-large":       umoci{of: "large"},
		"buildah-large":     buildah{of: "large", store: cold},
		"floor-large":       floor{of: "large"},
		"copy-large-stream": ours{of: "large", stage: "copy", cache: none},
		"view-1-entity":     ours{of: "small", stage: "view", cache: warm, entities: 1},
		"view-entities":     ours{of: "small", stage: "view", cache: warm, entities: entityCount},
	}
	for _, image := range []string{"small", "large"} {
		table["buildah-"+image+"-warm"] = buildah{of: image, store: warm}
		table["buildah-"+image+"-again"] = buildah{of: image, store: warm, again: true}
		table["view-"+image+"-again"] = ours{of: image, stage: "view", cache: warm, again: true}
		for _, stage := range []string{"view", "mount", "copy", "auto"} {
			table[stage+"-"+image] = ours{of: image, stage: stage, cache: cold}
			table[stage+"-"+image+"-warm"] = ours{of: image, stage: stage, cache: warm}
		}
	}
	return table
}

// allRows are the cases, in the order in which they are printed.
func allRows() []row {
	coldPeers := []string{"umoci-large", "buildah-large"}
	small, large := []string{"buildah-small-warm"}, []string{"buildah-large-warm"}
	return []row{
		{"cold-view", []string{"view-large"}, coldPeers, target{faster, 4}},
		{"cold-mount", []string{"mount-large"}, coldPeers, target{faster, 4}},
		{"cold-copy", []string{"copy-large"}, coldPeers, target{faster, 2.5}},
		{"cold-copy-stream", []string{"copy-large-stream"}, coldPeers, target{told, 0}},
		{"cold-floor", []string{"view-large"}, []string{"floor-large"}, target{within, 1.8}},
		{"warm-small-view", []string{"view-small-warm"}, small, target{faster, 10}},
		{"warm-small-auto", []string{"auto-small-warm"}, small, target{faster, 10}},
		{"warm-large-view", []string{"view-large-warm"}, large, target{faster, 30}},
		{"warm-large-auto", []string{"auto-large-warm"}, large, target{faster, 30}},
		{"warm-large-mount", []string{"mount-large-warm"}, large, target{told, 0}},
		{"warm-large-copy", []string{"copy-large-warm"}, large, target{told, 0}},
		{"warm-again-small", []string{"view-small-again"}, []string{"buildah-small-again"}, target{told, 0}},
		{"warm-again-large", []string{"view-large-again"}, []string{"buildah-large-again"}, target{told, 0}},
		{"warm-flat-view", []string{"view-large-warm"}, []string{"view-small-warm"}, target{within, 1.2}},
		{"warm-flat-auto", []string{"auto-large-warm"}, []string{"auto-small-warm"}, target{within, 1.2}},
		{"memory-view", []string{"view-large", "view-large-warm"}, nil, target{memory, 80}},
		{"memory-mount", []string{"mount-large", "mount-large-warm"}, nil, target{memory, 80}},
		{"memory-copy", []string{"copy-large", "copy-large-warm", "copy-large-stream"}, nil, target{memory, 80}},
		{"entities", []string{"view-entities"}, []string{"view-1-entity"}, target{each, 1}},
		{"entities-whole", []string{"view-entities"}, nil, target{eachWhole, 0}},
	}
}

// chooseRows are the cases that a list of globs names.
func chooseRows(globs string) (chosen []row, err error) {
	all := allRows()
	wanted := make([]bool, len(all))
	for glob := range strings.SplitSeq(globs, ",") {
		any := false
		for i, r := range all {
			ok, err := path.Match(glob, r.name)
			if err != nil {
				return nil, fmt.Errorf("reading -case %s: %w", glob, err)
			}
			wanted[i] = wanted[i] || ok
			any = any || ok
		}
		if !any {
			var names []string
			for _, r := range all {
				names = append(names, r.name)
			}
			return nil, fmt.Errorf("no case is named %q; there are %s", glob, strings.Join(names, ", "))
		}
	}
	for i, r := range all {
		if wanted[i] {
			chosen = append(chosen, r)
		}
	}
	return chosen, nil
}

// sidesOf are the names of the sides that take part in cases, each once, in the order of the cases.
func sidesOf(rows []row) (names []string) {
	seen := map[string]bool{}
	for _, r := range rows {
		for _, list := range [][]string{r.ours, r.peers} {
			for _, name := range list {
				if !seen[name] {
					seen[name] = true
					names = append(names, name)
				}
			}
		}
	}
	return names
}
