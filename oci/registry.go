package oci

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Registry is the transport docker: a registry (OCI distribution-spec), with the credentials of `docker login` and
// `podman login`. Plain HTTP is spoken with the own machine only.
type Registry struct{}

var _ Transport = Registry{}

// remoteOptions are how every request is made.
func remoteOptions(ctx context.Context) []remote.Option {
	return []remote.Option{
		remote.WithContext(ctx),
		remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithTransport(onlyTLS{remote.DefaultTransport}),
		remote.WithUserAgent("holo-build"),
	}
}

// onlyTLS refuses plain HTTP to any other machine, where a redirect or a private address would have brought it about.
type onlyTLS struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t onlyTLS) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !isLoopback(r.URL.Hostname()) {
		return nil, fmt.Errorf("plain HTTP to %s is refused", r.URL.Host)
	}
	return t.next.RoundTrip(r)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Open asks the registry for the image of //HOST/NAME[:TAG][@DIGEST].
func (Registry) Open(ctx context.Context, rest string, o OpenOptions) (*Image, error) {
	ref, err := parseRegistry(rest)
	if err != nil {
		return nil, fmt.Errorf("opening docker:%s: %w", rest, err)
	}
	got, err := remote.Get(ref.reference(), remoteOptions(ctx)...)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", ref, foreign(err))
	}
	c := registryContent{repo: ref.repo, digest: hashOf(got.Manifest), raw: got.Manifest}
	root := v1.Descriptor{MediaType: got.MediaType, Digest: c.digest, Size: int64(len(got.Manifest))}
	if !root.MediaType.IsImage() && !root.MediaType.IsIndex() {
		return nil, fmt.Errorf("opening %s: %s is neither an index nor an image manifest of OCI or Docker: %w", ref, quoted(root.MediaType), ErrMediaType)
	}
	if ref.digest != (v1.Hash{}) && ref.digest != c.digest {
		return nil, fmt.Errorf("opening %s: %w", ref, &BlobError{Blob: "manifest", Wanted: ref.digest.String(), Got: c.digest.String()})
	}
	op := opening{content: c, platform: o.Platform, limits: o.Limits, repository: ref.repo.Name()}
	img, err := op.image(ctx, []v1.Descriptor{root})
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", ref, err)
	}
	img.Ref = ref.String()
	return img, nil
}

// registryContent is one repository. The document that the reference named was read already.
type registryContent struct {
	repo   name.Repository
	digest v1.Hash
	raw    []byte
}

func (c registryContent) manifest(d v1.Descriptor) func(context.Context) (io.ReadCloser, error) {
	if d.Digest == c.digest {
		return documentBlob(c.raw).open
	}
	return func(ctx context.Context) (io.ReadCloser, error) {
		if err := checkDigest(d.Digest); err != nil {
			return nil, err
		}
		got, err := remote.Get(c.repo.Digest(d.Digest.String()), remoteOptions(ctx)...)
		if err != nil {
			return nil, foreign(err)
		}
		return documentBlob(got.Manifest).open(ctx)
	}
}

// blob reads a blob from the repository alone: URLs in a descriptor are not followed.
func (c registryContent) blob(d v1.Descriptor) func(context.Context) (io.ReadCloser, error) {
	return func(ctx context.Context) (io.ReadCloser, error) {
		if err := checkDigest(d.Digest); err != nil {
			return nil, err
		}
		l, err := remote.Layer(c.repo.Digest(d.Digest.String()), remoteOptions(ctx)...)
		if err != nil {
			return nil, foreign(err)
		}
		rc, err := l.Compressed()
		return rc, foreign(err)
	}
}

// pushBlob is a blob as go-containerregistry uploads it.
type pushBlob struct {
	digest v1.Hash
	size   int64
	media  types.MediaType
	open   func() (io.ReadCloser, error)
}

var _ v1.Layer = pushBlob{}

func (b pushBlob) Digest() (v1.Hash, error)             { return b.digest, nil }
func (b pushBlob) DiffID() (v1.Hash, error)             { return v1.Hash{}, errNotPlain }
func (b pushBlob) Compressed() (io.ReadCloser, error)   { return b.open() }
func (b pushBlob) Uncompressed() (io.ReadCloser, error) { return nil, errNotPlain }
func (b pushBlob) Size() (int64, error)                 { return b.size, nil }
func (b pushBlob) MediaType() (types.MediaType, error)  { return b.media, nil }

// rawManifest is a manifest as go-containerregistry uploads it.
type rawManifest struct {
	raw   []byte
	media types.MediaType
}

// RawManifest implements remote.Taggable.
func (m rawManifest) RawManifest() ([]byte, error) { return m.raw, nil }

// MediaType gives the Content-Type.
func (m rawManifest) MediaType() (types.MediaType, error) { return m.media, nil }
