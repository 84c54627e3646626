package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// placedPath lists the resources that builds have placed in an image: JSON Lines, a holo.Placed each, by name.
const placedPath = applyLogDir + "/resources.jsonl"

// readPlaced reads what earlier builds have placed; nothing if there were none.
func readPlaced(root rootfs.Root, limits rootfs.Limits) (list []holo.Placed, err error) {
	f, err := root.Open(placedPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading which resources were placed: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err := io.ReadAll(io.LimitReader(f, limits.OutputBytes+1))
	if err == nil && int64(len(b)) > limits.OutputBytes {
		err = rootfs.ErrLimit
	}
	if err != nil {
		return nil, fmt.Errorf("reading /%s: %w", placedPath, err)
	}
	for line := range bytes.Lines(b) {
		var p holo.Placed
		if err := json.Unmarshal(line, &p); err != nil {
			return nil, fmt.Errorf("reading /%s, line %d: %w", placedPath, len(list)+1, err)
		}
		list = append(list, p)
	}
	return list, nil
}

// replaceResources takes what earlier builds have placed out of the resources, unless it was brought again.
func (b *build) replaceResources(root rootfs.Root, res *holo.Resources) (dropped []string, err error) {
	placed, err := readPlaced(root, b.limits.Limits)
	if err != nil {
		return nil, err
	}
	dropped, changed := res.Drop(placed)
	for _, name := range changed {
		b.ui.warn(fmt.Sprintf("resource %q was placed by an earlier build, and changed since: it stays", name))
	}
	return dropped, nil
}

// notePlaced writes down what was placed, with what earlier builds have placed and is there still.
func (b *build) notePlaced(ctx context.Context, root rootfs.Root, res *holo.Resources, dropped []string) error {
	before, err := readPlaced(root, b.limits.Limits)
	if err != nil {
		return err
	}
	all := map[string]holo.Placed{}
	for _, p := range slices.Concat(before, res.Placed()) {
		all[p.Name] = p
	}
	for _, name := range dropped {
		delete(all, name)
	}
	var list []holo.Placed
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[name])
	}
	if slices.Equal(list, before) {
		return ctx.Err()
	}
	var text bytes.Buffer
	if err := printJSON(&text, list, func(p holo.Placed) any { return p }); err != nil {
		return err
	}
	if err := rootfs.MkdirAll(root, applyLogDir, rootfs.Meta{Mode: 0o755}); err != nil {
		return fmt.Errorf("noting which resources were placed: %w", err)
	}
	return root.Put(placedPath, rootfs.Meta{Mode: 0o644}, &text)
}
