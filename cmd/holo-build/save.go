package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
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
			Dir: b.work.Path, Stdout: b.stdout, Limits: b.limits.Limits, Progress: b.ui.bytes,
		})
		if err != nil {
			return nil, errors.Join(err, list.abort())
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
			err = errors.Join(err, aerr)
		}
	}
	return err
}

// write writes the result everywhere, under no name yet, and returns what identifies it at each destination.
func (b *build) write(ctx context.Context, list targets, out outcome) ([]string, error) {
	var digests []string
	for _, t := range list {
		b.ui.begin("Writing " + t.ref)
		d, err := t.dest.Write(ctx, oci.Result{Image: out.image, Tree: out.tree})
		b.ui.end()
		if err != nil {
			return nil, err
		}
		digests = append(digests, d)
	}
	return digests, context.Cause(ctx)
}

// commit moves all names, and prints a line for each destination. Once the first has moved, there is no way back.
func (b *build) commit(ctx context.Context, list targets, digests []string) error {
	for i, t := range list {
		// From here on an interruption would leave some names moved and others not.
		if err := t.dest.Commit(context.WithoutCancel(ctx)); err != nil {
			return list[:i].notAll(err)
		}
	}
	if b.toStdout() {
		return nil // standard output is the archive
	}
	for i, t := range list {
		if _, err := fmt.Fprintf(b.stdout, "%s@%s\n", t.ref, digests[i]); err != nil {
			return list.notAll(fmt.Errorf("printing the digests: %w", err))
		}
	}
	return nil
}

// notAll is the error of what could not be done after the names of these destinations were moved.
func (t targets) notAll(err error) error {
	if len(t) == 0 {
		return err
	}
	return partialError{fmt.Errorf("%w; already in place: %s", err, t)}
}

func (t targets) String() string {
	refs := make([]string, len(t))
	for i, x := range t {
		refs[i] = x.ref
	}
	return strings.Join(refs, ", ")
}

// toStdout reports whether any destination is standard output, which then carries nothing else.
func (b *build) toStdout() bool { return slices.ContainsFunc(b.o.outputs, isStdout) }

// isStdout reports whether a destination is standard output.
func isStdout(ref string) bool {
	_, rest, _ := strings.Cut(ref, ":")
	return rest == "-" || strings.HasPrefix(rest, "-:")
}

// metadata is the document that --metadata-file gets.
type metadata struct {
	Digest       string           `json:"containerimage.digest,omitempty"`
	ConfigDigest string           `json:"containerimage.config.digest,omitempty"`
	Unchanged    bool             `json:"holo-build.unchanged"`
	Stage        string           `json:"holo-build.stage"`
	DiffID       string           `json:"holo-build.diffID,omitempty"`
	Outputs      []metadataOutput `json:"holo-build.outputs"`
}

type metadataOutput struct {
	Reference string `json:"reference"`
	Digest    string `json:"digest"`
}

// saveMetadata writes what was made where --metadata-file says.
func (b *build) saveMetadata(out outcome) error {
	if b.o.metadata == "" {
		return nil
	}
	m := metadata{Digest: out.image.Digest().String(), ConfigDigest: out.image.ConfigDigest().String(),
		Unchanged: out.layer == nil && !b.configured(out), Stage: out.way, Outputs: []metadataOutput{}}
	if out.layer != nil {
		m.DiffID = out.layer.DiffID.String()
	}
	for i, d := range out.digests {
		m.Outputs = append(m.Outputs, metadataOutput{b.o.outputs[i], d})
	}
	return writeFile(b.o.metadata, "the metadata", func(f *os.File) error {
		enc := json.NewEncoder(f)
		enc.SetIndent("", "  ")
		return enc.Encode(m)
	})
}
