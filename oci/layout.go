package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Layout is the transport oci: an image layout in a directory (image-spec, image-layout.md).
type Layout struct{}

// Archive is the transport oci-archive: an image layout in a tar file.
type Archive struct{}

var (
	_ Transport = Layout{}
	_ Transport = Archive{}
)

const (
	indexFile = "index.json"
	// refNameKey is the annotation that holds a tag (image-spec, annotations.md).
	refNameKey = "org.opencontainers.image.ref.name"
)

// Open finds the image of PATH[:TAG].
func (Layout) Open(ctx context.Context, rest string, o OpenOptions) (*Image, error) {
	path, tag, err := splitTag(rest)
	if err == nil {
		var info fs.FileInfo
		if info, err = os.Stat(path); err == nil && !info.IsDir() {
			err = fmt.Errorf("%q is no directory", path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("opening oci:%s: %w", rest, err)
	}
	img, err := openLayout(ctx, directory(path), tag, NameLayout, o)
	if err != nil {
		return nil, fmt.Errorf("opening oci:%s: %w", rest, err)
	}
	return img, nil
}

// Open finds the image of FILE[:TAG]; the file "-" is stdin.
func (Archive) Open(ctx context.Context, rest string, o OpenOptions) (*Image, error) {
	path, tag, err := splitTag(rest)
	if err != nil {
		return nil, fmt.Errorf("opening oci-archive:%s: %w", rest, err)
	}
	t, err := openArchive(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("opening oci-archive:%s: %w", rest, err)
	}
	img, err := openLayout(ctx, t, tag, NameArchive, o)
	if err != nil {
		return nil, fmt.Errorf("opening oci-archive:%s: %w", rest, err)
	}
	return img, nil
}

// openLayout finds the image with a tag, or the only one.
func openLayout(ctx context.Context, f files, tag, transport string, o OpenOptions) (*Image, error) {
	limits := o.Limits.WithDefaults()
	if err := checkLayoutFile(f, limits.Document); err != nil {
		return nil, err
	}
	raw, err := readFile(f, indexFile, limits.Document)
	if err != nil {
		return nil, err
	}
	index, err := parseIndex(raw)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", indexFile, err)
	}
	roots, err := tagged(index.manifests, tag)
	if err != nil {
		return nil, err
	}
	op := opening{content: layoutContent{f}, platform: o.Platform, limits: limits, read: int64(len(raw))}
	img, err := op.image(ctx, roots)
	if err != nil {
		return nil, err
	}
	img.Ref = transport + "@" + img.Digest().String()
	return img, nil
}

// parseIndex reads index.json, which is an index even if it does not say so.
func parseIndex(raw []byte) (document, error) {
	doc, err := parseDocument(raw, "")
	if err == nil && !doc.isIndex() {
		err = fmt.Errorf("it is no index: %w", ErrDocument)
	}
	return doc, err
}

// checkLayoutFile reads the file that makes a directory an image layout.
func checkLayoutFile(f files, max int64) error {
	raw, err := readFile(f, layoutFile, max)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("it is no image layout, there is no file %s in it: %w", layoutFile, err)
	}
	if err != nil {
		return err
	}
	var l struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := checkJSON(raw); err != nil {
		return fmt.Errorf("reading %s: %w", layoutFile, err)
	}
	if err := json.Unmarshal(raw, &l); err != nil {
		return fmt.Errorf("reading %s: %w", layoutFile, documentError(err))
	}
	if l.Version != "1.0.0" {
		return fmt.Errorf("reading %s: version %s is not 1.0.0: %w", layoutFile, quoted(l.Version), ErrDocument)
	}
	return nil
}

// tagged returns the entries of index.json that have a tag. Without one it returns all, if they are not images of
// different names.
func tagged(entries []v1.Descriptor, tag string) ([]v1.Descriptor, error) {
	var match []v1.Descriptor
	var tags []string
	names := map[string]v1.Hash{}
	for _, d := range entries {
		t := d.Annotations[refNameKey]
		if t != "" && isImageEntry(d) {
			if _, ok := names[t]; !ok {
				tags = append(tags, t)
			}
			names[t] = d.Digest
		}
		if tag != "" && t == tag {
			match = append(match, d)
		}
	}
	if tag != "" {
		if len(match) == 0 {
			return nil, fmt.Errorf("there is no tag %q, %s: %w", tag, listTags(tags), fs.ErrNotExist)
		}
		return match, nil
	}
	distinct := map[v1.Hash]bool{}
	for _, h := range names {
		distinct[h] = true
	}
	if len(names) > 1 && len(distinct) > 1 {
		return nil, misused("it holds several images, name one as PATH:TAG, %s", listTags(tags))
	}
	return entries, nil
}

func listTags(tags []string) string {
	if len(tags) == 0 {
		return "it has none"
	}
	return "it has " + listed(tags, word)
}
