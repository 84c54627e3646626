package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/holo-build/holo-build/rootfs"
)

// DockerArchive is the transport docker-archive: the tar of `docker save` (Docker Image Specification v1.2, "Combined
// Image JSON + Filesystem Changeset Format").
type DockerArchive struct{}

var _ Transport = DockerArchive{}

// dockerImage is one entry of manifest.json.
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// Open finds the image of FILE[:NAME:TAG]; the file "-" is stdin. There is no manifest in such an archive: the image
// gets one of OCI's family, in which the layers are described as they are stored.
func (DockerArchive) Open(ctx context.Context, rest string, o OpenOptions) (*Image, error) {
	img, err := openDockerArchive(ctx, rest, o)
	if err != nil {
		return nil, fmt.Errorf("opening docker-archive:%s: %w", rest, err)
	}
	return img, nil
}

func openDockerArchive(ctx context.Context, rest string, o OpenOptions) (*Image, error) {
	file, name, err := splitName(rest)
	if err != nil {
		return nil, err
	}
	limits := o.Limits.WithDefaults()
	t, err := openArchive(ctx, file, o)
	if err != nil {
		return nil, err
	}
	raw, err := readFile(t, dockerManifest, limits.Document)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("it is no docker-archive, there is no file %s in it: %w", dockerManifest, err)
	}
	if err != nil {
		return nil, err
	}
	entry, err := chooseDockerImage(raw, name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", dockerManifest, err)
	}
	if err := checkLayers(len(entry.Layers), limits); err != nil {
		return nil, fmt.Errorf("reading %s: %w", dockerManifest, err)
	}
	config, err := readDockerConfig(t, entry.Config, limits.Document)
	if err != nil {
		return nil, err
	}
	img, err := dockerLayers(ctx, t, entry, config, limits)
	if err != nil {
		return nil, err
	}
	if o.Platform != "" {
		wanted, ok := parsePlatform(o.Platform)
		if !ok {
			return nil, misused("platform %q is not os/arch or os/arch/variant", o.Platform)
		}
		if !img.config().platform().serves(wanted) {
			return nil, &PlatformError{Wanted: o.Platform, Have: []string{img.Platform()}}
		}
	}
	img.Ref = NameDockerArchive + "@" + img.ConfigDigest().String()
	return img, nil
}

// chooseDockerImage picks the image with a name, or the only one.
func chooseDockerImage(raw []byte, name string) (dockerImage, error) {
	if err := checkJSON(raw); err != nil {
		return dockerImage{}, err
	}
	entries, err := parseArray(raw)
	if err != nil {
		return dockerImage{}, err
	}
	for _, e := range entries {
		o, err := parseObject(e)
		if err == nil {
			err = o.onlyExact("Config", "RepoTags", "Layers")
		}
		if err != nil {
			return dockerImage{}, err
		}
	}
	var list []dockerImage
	if err := json.Unmarshal(raw, &list); err != nil {
		return dockerImage{}, documentError(err)
	}
	var tags []string
	for _, i := range list {
		tags = append(tags, i.RepoTags...)
		if name != "" && slices.ContainsFunc(i.RepoTags, func(t string) bool { return fullName(t) == fullName(name) }) {
			return i, nil
		}
	}
	switch {
	case name != "":
		return dockerImage{}, fmt.Errorf("there is no image %q, %s: %w", name, listTags(tags), fs.ErrNotExist)
	case len(list) == 0:
		return dockerImage{}, fmt.Errorf("there is no image in it: %w", ErrDocument)
	case len(list) > 1:
		return dockerImage{}, misused("it holds several images, name one as FILE:NAME:TAG, %s", listTags(tags))
	}
	return list[0], nil
}

// readDockerConfig reads a configuration. Programs name the file by its digest, which is checked.
func readDockerConfig(t *tarFiles, name string, max int64) ([]byte, error) {
	name = path.Clean(name)
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("configuration %s: the name leads out of the archive: %w", quoted(name), ErrDocument)
	}
	raw, err := readFile(t, name, max)
	if err != nil {
		return nil, err
	}
	hex := strings.TrimSuffix(strings.TrimPrefix(path.Base(name), "sha256:"), ".json")
	if got := hashOf(raw); isHex64(hex) && got.Hex != hex {
		return nil, &BlobError{Blob: "configuration " + word(name), Wanted: "sha256:" + hex, Got: got.String()}
	}
	return raw, nil
}

// dockerLayers describes the layers as they are stored and makes the manifest.
func dockerLayers(ctx context.Context, t *tarFiles, entry dockerImage, config []byte, limits rootfs.Limits) (*Image, error) {
	c, err := parseConfig(config)
	if err != nil {
		return nil, fmt.Errorf("reading configuration %s: %w", word(entry.Config), err)
	}
	ids := c.RootFS.DiffIDs
	if len(ids) != len(entry.Layers) {
		return nil, fmt.Errorf("%s has %d layers and the configuration %d: %w", dockerManifest, len(entry.Layers), len(ids), ErrDocument)
	}
	img := &Image{MediaType: string(types.OCIManifestSchema1), Config: config}
	descriptors := []json.RawMessage{}
	for i, name := range entry.Layers {
		l, err := dockerLayer(ctx, t, path.Clean(name), ids[i], limits)
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", quoted(name), err)
		}
		img.Layers = append(img.Layers, l)
		descriptors = append(descriptors, encode(l.Descriptor))
	}
	img.Manifest = newManifest(config, descriptors)
	return img, nil
}

// dockerLayer describes one layer. A plain one has its DiffID for a digest; a compressed one is read once for its own.
func dockerLayer(ctx context.Context, t *tarFiles, name string, id v1.Hash, limits rootfs.Limits) (Layer, error) {
	if !fs.ValidPath(name) {
		return Layer{}, fmt.Errorf("the name leads out of the archive: %w", ErrDocument)
	}
	open := func(context.Context) (io.ReadCloser, error) {
		rc, _, err := t.open(name)
		return rc, err
	}
	rc, size, err := t.open(name)
	if err != nil {
		return Layer{}, err
	}
	if size > limits.LayerBytes {
		return Layer{}, errors.Join(fmt.Errorf("%d bytes, more than %d: %w", size, limits.LayerBytes, rootfs.ErrLimit), rc.Close())
	}
	compression, head, err := sniffed(rc)
	digest := id
	if err == nil && compression != None {
		v := newVerifier(head, word(name), v1.Hash{}, size)
		_, err = copyAll(ctx, io.Discard, v)
		digest = sumOf(v.hash)
	}
	if err := errors.Join(err, rc.Close()); err != nil {
		return Layer{}, err
	}
	d := v1.Descriptor{MediaType: layerType(compression, false), Digest: digest, Size: size}
	return Layer{Descriptor: d, DiffID: id, open: open, max: limits.Layer(size)}, nil
}
