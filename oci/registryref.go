package oci

import (
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// registryRef is a parsed //HOST/NAME[:TAG][@DIGEST].
type registryRef struct {
	repo   name.Repository
	tag    string // empty if only a digest was given
	digest v1.Hash
}

// parseRegistry reads the rest of a docker reference. Without a host it is Docker Hub, without tag and digest it is
// latest, as everywhere.
func parseRegistry(rest string) (registryRef, error) {
	s, ok := strings.CutPrefix(rest, "//")
	if !ok {
		return registryRef{}, misused("two slashes stand before the host")
	}
	named, digest, digested := strings.Cut(s, "@")
	if strings.HasPrefix(named, "/") || strings.Contains(named, "//") {
		return registryRef{}, misused("%q is no name in a registry, which has neither scheme nor empty parts", s)
	}
	if strings.ContainsFunc(named, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return registryRef{}, misused("%q is no name in a registry, which has ASCII letters only", s) // the library lets hosts pass
	}
	tag, err := name.NewTag(named)
	if err != nil {
		return registryRef{}, misused("%w", err)
	}
	r := registryRef{repo: tag.Context(), tag: tag.TagStr()}
	if digested {
		h, err := v1.NewHash(digest)
		if err == nil {
			err = checkDigest(h)
		}
		if err != nil {
			return registryRef{}, misused("digest %q: %w", digest, err)
		}
		r.digest = h
		if !hasTag(named) {
			r.tag = ""
		}
	}
	return r, nil
}

// hasTag reports whether a name says a tag: what follows the last colon is no port.
func hasTag(named string) bool {
	return strings.LastIndexByte(named, ':') > strings.LastIndexByte(named, '/')
}

// reference is what is asked of the registry: the digest, if there is one.
func (r registryRef) reference() name.Reference {
	if r.digest != (v1.Hash{}) {
		return r.repo.Digest(r.digest.String())
	}
	return r.repo.Tag(r.tag)
}

// String is the full form that messages and logs have.
func (r registryRef) String() string {
	host := r.repo.RegistryStr()
	if host == name.DefaultRegistry {
		host = "docker.io" // as people know it
	}
	s := "docker://" + host + "/" + r.repo.RepositoryStr()
	if r.tag != "" {
		s += ":" + r.tag
	}
	if r.digest != (v1.Hash{}) {
		s += "@" + r.digest.String()
	}
	return s
}

// checkTagName accepts NAME[:TAG] as docker knows it, and adds the tag latest if there is none.
func checkTagName(s string) (string, error) {
	if _, err := name.NewTag(s); err != nil {
		return "", misused("%w", err)
	}
	if !hasTag(s) {
		s += ":" + name.DefaultTag
	}
	return s, nil
}

// fullName is NAME:TAG with the parts that may be left out, so that two ways of writing a name can be compared.
func fullName(s string) string {
	t, err := name.NewTag(s)
	if err != nil {
		return s
	}
	return t.Name()
}
