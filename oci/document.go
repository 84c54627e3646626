package oci

import (
	"encoding/json"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// document is an image index or an image manifest (image-spec, image-index.md and manifest.md; Docker's manifest list
// and image manifest, version 2, schema 2, have the same members).
type document struct {
	mediaType types.MediaType
	manifests []v1.Descriptor // of an index
	config    v1.Descriptor   // of a manifest
	layers    []v1.Descriptor // of a manifest
}

func (d document) isIndex() bool { return d.mediaType.IsIndex() }

// parseDocument reads an index or a manifest. claimed is the media type that a descriptor or a header gave it, or
// empty. What could be taken for both an index and a manifest is refused (CVE-2021-41190).
func parseDocument(raw []byte, claimed types.MediaType) (document, error) {
	if err := checkJSON(raw); err != nil {
		return document{}, err
	}
	o, err := parseObject(raw)
	if err != nil {
		return document{}, err
	}
	if err := o.onlyExact("schemaVersion", "mediaType", "config", "layers", "manifests", "annotations"); err != nil {
		return document{}, err
	}
	d := document{}
	if d.mediaType, err = documentType(o, claimed); err != nil {
		return document{}, err
	}
	var version int
	if err := json.Unmarshal(o.get("schemaVersion"), &version); err != nil || version != 2 {
		return document{}, fmt.Errorf("schemaVersion is not 2: %w", ErrDocument)
	}
	if d.isIndex() {
		d.manifests, err = parseDescriptors(o.get("manifests"), "manifests")
		return d, err
	}
	if d.config, err = parseDescriptor(o.get("config")); err != nil {
		return document{}, fmt.Errorf("reading config's descriptor: %w", err)
	}
	if d.layers, err = parseDescriptors(o.get("layers"), "layers"); err != nil {
		return document{}, err
	}
	return d, d.checkTypes()
}

// documentType decides what a document is by all that says so, and fails if they disagree.
func documentType(o object, claimed types.MediaType) (types.MediaType, error) {
	said := claimed
	if raw := o.get("mediaType"); raw != nil {
		var body types.MediaType
		if err := json.Unmarshal(raw, &body); err != nil {
			return "", documentError(err)
		}
		if claimed != "" && body != claimed {
			return "", fmt.Errorf("the document says it is %s, what refers to it says %s: %w", quoted(body), quoted(claimed), ErrDocument)
		}
		said = body
	}
	isIndex, isImage := o.get("manifests") != nil, o.get("layers") != nil || o.get("config") != nil
	if isIndex && isImage {
		return "", fmt.Errorf("it has members of an index and of a manifest: %w", ErrDocument)
	}
	switch {
	case said == "" && isIndex:
		return types.OCIImageIndex, nil
	case said == "" && isImage:
		return types.OCIManifestSchema1, nil
	case said.IsIndex() && !isImage, said.IsImage() && !isIndex:
		return said, nil
	case said.IsIndex() || said.IsImage():
		return "", fmt.Errorf("its members are not those of %s: %w", quoted(said), ErrDocument)
	case said == "":
		return "", fmt.Errorf("neither an index nor a manifest: %w", ErrDocument)
	}
	return "", fmt.Errorf("%s is neither an index nor an image manifest of OCI or Docker: %w", quoted(said), ErrMediaType)
}

// checkTypes fails if configuration or layers are of a kind that is not known.
func (d document) checkTypes() error {
	if !d.config.MediaType.IsConfig() {
		return fmt.Errorf("%s is no image configuration: %w", quoted(d.config.MediaType), ErrMediaType)
	}
	for i, l := range d.layers {
		if !isLayer(l.MediaType) {
			return fmt.Errorf("layer %d: %s: %w", i+1, quoted(l.MediaType), ErrMediaType)
		}
	}
	return nil
}

func parseDescriptors(raw json.RawMessage, what string) ([]v1.Descriptor, error) {
	list, err := parseArray(raw)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	out := make([]v1.Descriptor, len(list))
	for i, e := range list {
		if out[i], err = parseDescriptor(e); err != nil {
			return nil, fmt.Errorf("reading %s, descriptor %d: %w", what, i+1, err)
		}
	}
	return out, nil
}

// parseDescriptor reads one descriptor (image-spec, descriptor.md). Embedded data and URLs are never followed.
func parseDescriptor(raw json.RawMessage) (v1.Descriptor, error) {
	var d v1.Descriptor
	if raw == nil {
		return d, fmt.Errorf("there is none: %w", ErrDocument)
	}
	o, err := parseObject(raw)
	if err != nil {
		return d, err
	}
	if err := o.onlyExact("mediaType", "digest", "size", "annotations", "platform", "artifactType", "urls", "data"); err != nil {
		return d, err
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return d, documentError(err)
	}
	if d.Size < 0 {
		return d, fmt.Errorf("size %d is negative: %w", d.Size, ErrDocument)
	}
	return d, checkDigest(d.Digest)
}

// configuration is what is read of an image's configuration (image-spec, config.md); the rest is only passed on.
type configuration struct {
	Created      *time.Time   `json:"created"`
	Architecture string       `json:"architecture"`
	Variant      string       `json:"variant"`
	OS           string       `json:"os"`
	History      []v1.History `json:"history"`
	RootFS       struct {
		Type    string    `json:"type"`
		DiffIDs []v1.Hash `json:"diff_ids"`
	} `json:"rootfs"`
}

// parseConfig reads a configuration.
func parseConfig(raw []byte) (configuration, error) {
	var c configuration
	if err := checkJSON(raw); err != nil {
		return c, err
	}
	o, err := parseObject(raw)
	if err != nil {
		return c, err
	}
	if err := o.onlyExact("created", "architecture", "variant", "os", "history", "rootfs", "config"); err != nil {
		return c, err
	}
	if r := o.get("rootfs"); r != nil {
		inner, err := parseObject(r)
		if err != nil {
			return c, fmt.Errorf("reading rootfs: %w", err)
		}
		if err := inner.onlyExact("type", "diff_ids"); err != nil {
			return c, fmt.Errorf("reading rootfs: %w", err)
		}
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, documentError(err)
	}
	if c.RootFS.Type != "layers" {
		return c, fmt.Errorf("rootfs has type %s, not \"layers\": %w", quoted(c.RootFS.Type), ErrDocument)
	}
	for _, h := range c.RootFS.DiffIDs {
		if err := checkDigest(h); err != nil {
			return c, fmt.Errorf("reading diff_ids: %w", err)
		}
	}
	return c, nil
}
