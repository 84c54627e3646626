package oci

import (
	"cmp"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Image is an image for one platform, or a tree that is not an image yet. Its documents are in memory as they were
// read, byte by byte; its layers are opened when they are needed.
type Image struct {
	// Ref names the image in messages and logs, without any path of this machine: "docker://host/name:tag",
	// "oci@sha256:...".
	Ref string
	// MediaType is the manifest's; it tells whether the family is OCI's or Docker's.
	MediaType string
	// Manifest and Config are the raw documents. Both are nil for a source that is no image (a directory, a tarball,
	// scratch): Append makes them.
	Manifest, Config []byte
	// Layers are oldest first.
	Layers []Layer
}

// Digest is the digest of the manifest, zero for what is no image.
func (i *Image) Digest() v1.Hash {
	if i.Manifest == nil {
		return v1.Hash{}
	}
	return hashOf(i.Manifest)
}

// ConfigDigest is the digest of the configuration, which Docker calls the image ID; zero for what is no image.
func (i *Image) ConfigDigest() v1.Hash {
	if i.Config == nil {
		return v1.Hash{}
	}
	return hashOf(i.Config)
}

// config reads the configuration. It was checked when the image was opened, so a bad one is read as an empty one.
func (i *Image) config() configuration {
	if i.Config == nil {
		return configuration{}
	}
	c, err := parseConfig(i.Config)
	if err != nil {
		return configuration{}
	}
	return c
}

// Platform is what the configuration says it is for, as os/arch[/variant]; empty for what is no image.
func (i *Image) Platform() string { return i.config().platform().String() }

// Created is when the configuration says that the image was made; zero if it does not say.
func (i *Image) Created() time.Time {
	if t := i.config().Created; t != nil {
		return t.UTC()
	}
	return time.Time{}
}

// History is how the image was made, oldest first.
func (i *Image) History() []v1.History { return i.config().History }

// ChainID names the tree that the layers make together, however they are stored (image-spec, config.md, "Layer
// ChainID"). It is made of DiffIDs, which are claims until the layers were read. It is zero without layers, or with
// a layer whose DiffID is not known yet.
func (i *Image) ChainID() v1.Hash {
	ids := make([]v1.Hash, len(i.Layers))
	for n, l := range i.Layers {
		ids[n] = l.diffID()
	}
	return ChainID(ids)
}

// ChainID is that of layers with these DiffIDs, oldest first.
func ChainID(diffIDs []v1.Hash) v1.Hash {
	var chain v1.Hash
	for n, id := range diffIDs {
		if id == (v1.Hash{}) {
			return v1.Hash{}
		}
		if n == 0 {
			chain = id
			continue
		}
		chain = hashOf([]byte(chain.String() + " " + id.String()))
	}
	return chain
}

// platform is an operating system, a processor architecture and perhaps its variant, by Go's names for them.
type platform struct{ os, arch, variant string }

// parsePlatform reads os/arch[/variant].
func parsePlatform(s string) (platform, bool) {
	parts := strings.Split(s, "/")
	for _, p := range parts {
		if p == "" {
			return platform{}, false
		}
	}
	switch len(parts) {
	case 2:
		return platform{os: parts[0], arch: parts[1]}, true
	case 3:
		return platform{os: parts[0], arch: parts[1], variant: parts[2]}, true
	}
	return platform{}, false
}

func (c configuration) platform() platform {
	return platform{os: c.OS, arch: c.Architecture, variant: c.Variant}
}

func (p platform) String() string {
	if p.os == "" && p.arch == "" {
		return ""
	}
	s := cmp.Or(p.os, "unknown") + "/" + cmp.Or(p.arch, "unknown")
	if p.variant != "" {
		s += "/" + p.variant
	}
	return s
}

// normal leaves out the variant that is the only one in use, so that linux/arm64 and linux/arm64/v8 are the same.
func (p platform) normal() platform {
	if p.arch == "arm64" && p.variant == "v8" || p.arch == "amd64" && p.variant == "v1" {
		p.variant = ""
	}
	return p
}

// serves reports whether an image for p is one for wanted. Who does not name a variant takes any.
func (p platform) serves(wanted platform) bool {
	p, wanted = p.normal(), wanted.normal()
	return p.os == wanted.os && p.arch == wanted.arch && (wanted.variant == "" || p.variant == wanted.variant)
}
