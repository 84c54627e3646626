package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/holo-build/holo-build/oci"
)

// target is one destination of a build.
type target struct {
	ref  string
	dest oci.Destination
}

type targets []target

// create prepares all destinations, so that one that can't be written is found before the work is done.
func (b *build) create(ctx context.Context) (list targets, err error) {
	if b.o.dryRun {
		for _, ref := range b.o.outputs {
			if _, _, err := oci.ParseDestination(ref); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	for _, ref := range b.o.outputs {
		name, rest, err := oci.ParseDestination(ref)
		if err != nil {
			return nil, errors.Join(err, list.abort())
		}
		dest, err := transports()[name].Create(ctx, rest, oci.CreateOptions{
			Dir: b.work.Path, Stdout: b.stdout, Limits: b.limits, Progress: b.ui.bytes,
		})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("preparing %s: %w", ref, err), list.abort())
		}
		list = append(list, target{ref, dest})
	}
	return list, nil
}

// abort removes what was written under no name yet.
func (t targets) abort() error {
	var err error
	for _, x := range t {
		if aerr := x.dest.Abort(); aerr != nil {
			err = errors.Join(err, fmt.Errorf("cleaning up %s: %w", x.ref, aerr))
		}
	}
	return err
}

// save writes the result everywhere, then moves all names, and prints a line for each destination.
func (b *build) save(ctx context.Context, list targets, out outcome) ([]string, error) {
	var digests []string
	for _, t := range list {
		b.ui.begin("Writing " + t.ref)
		d, err := t.dest.Write(ctx, oci.Result{Image: out.image, Tree: out.tree})
		b.ui.end()
		if err != nil {
			return nil, fmt.Errorf("writing %s: %w", t.ref, err)
		}
		digests = append(digests, d)
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	for i, t := range list {
		// From here on an interruption would leave some names moved and others not.
		if err := t.dest.Commit(context.WithoutCancel(ctx)); err != nil {
			err = fmt.Errorf("moving the name %s: %w", t.ref, err)
			if i > 0 {
				err = partialError{fmt.Errorf("%w; moved before that: %s", err, list[:i])}
			}
			return nil, err
		}
	}
	for i, t := range list {
		if b.toStdout() {
			continue // standard output is the archive
		}
		if _, err := fmt.Fprintf(b.stdout, "%s@%s\n", t.ref, digests[i]); err != nil {
			return digests, err
		}
	}
	return digests, nil
}

func (t targets) String() string {
	refs := make([]string, len(t))
	for i, x := range t {
		refs[i] = x.ref
	}
	return strings.Join(refs, ", ")
}

// toStdout reports whether any destination is standard output, which then carries nothing else.
func (b *build) toStdout() bool {
	for _, ref := range b.o.outputs {
		if _, rest, _ := strings.Cut(ref, ":"); rest == "-" || strings.HasPrefix(rest, "-:") {
			return true
		}
	}
	return false
}

// metadata is the document that --metadata-file gets.
type metadata struct {
	Digest       string           `json:"containerimage.digest,omitempty"`
	ConfigDigest string           `json:"containerimage.config.digest,omitempty"`
	Unchanged    bool             `json:"holo-build.unchanged"`
	DiffID       string           `json:"holo-build.diffID,omitempty"`
	Outputs      []metadataOutput `json:"holo-build.outputs"`
}

type metadataOutput struct {
	Reference string `json:"reference"`
	Digest    string `json:"digest"`
}

// saveMetadata writes what was made where --metadata-file says.
func (b *build) saveMetadata(out outcome, digests []string) error {
	if b.o.metadata == "" {
		return nil
	}
	m := metadata{Digest: out.image.Digest().String(), ConfigDigest: out.image.ConfigDigest().String(),
		Unchanged: out.layer == nil, Outputs: []metadataOutput{}}
	if out.layer != nil {
		m.DiffID = out.layer.DiffID.String()
	}
	for i, d := range digests {
		m.Outputs = append(m.Outputs, metadataOutput{b.o.outputs[i], d})
	}
	return writeFile(b.o.metadata, func(f *os.File) error {
		enc := json.NewEncoder(f)
		enc.SetIndent("", "  ")
		return enc.Encode(m)
	})
}
