package oci_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/ocitest"
)

// uploads counts the requests that begin the upload of a blob, and those that asked for a mount.
func uploads(requests []string) (begun, mounts int) {
	for _, r := range requests {
		if strings.HasPrefix(r, "POST ") {
			begun++
			if strings.Contains(r, "mount=") && strings.Contains(r, "from=") {
				mounts++
			}
		}
	}
	return begun, mounts
}

func TestRegistryPushesOnlyWhatIsMissing(t *testing.T) {
	reg := ocitest.Registry(t, nil)
	base := ocitest.Small(t, ocitest.Options{})
	rest := "//" + reg.Host + "/base:1"
	ocitest.Write(t, oci.Registry{}, rest, oci.Result{Image: base})
	if begun, _ := uploads(reg.Requests()); begun != 3 {
		t.Errorf("%d uploads of two layers and a configuration", begun)
	}
	pulled := ocitest.Open(t, oci.Registry{}, rest)
	next := appendTo(t, pulled, oci.AppendOptions{Layer: newLayer(t, oci.LayerOptions{}, ocitest.File("x", "x"))})
	reg.Requests()
	ocitest.Write(t, oci.Registry{}, "//"+reg.Host+"/base:2", oci.Result{Image: next})
	if begun, _ := uploads(reg.Requests()); begun != 2 {
		t.Errorf("%d uploads of one layer and a configuration", begun)
	}
	ocitest.Same(t, next, ocitest.Open(t, oci.Registry{}, "//"+reg.Host+"/base:2"))
	ocitest.Same(t, base, ocitest.Open(t, oci.Registry{}, rest))
	reg.Requests()
	ocitest.Write(t, oci.Registry{}, "//"+reg.Host+"/other:1", oci.Result{Image: pulled})
	for _, r := range reg.Requests() {
		if strings.HasPrefix(r, "POST ") && !strings.Contains(r, "mount=") {
			t.Errorf("a blob of another repository was not asked to be mounted: %s", r)
		}
	}
}

func TestRegistryDigest(t *testing.T) {
	reg := ocitest.Registry(t, nil)
	img := ocitest.Small(t, ocitest.Options{})
	other := ocitest.Image(t, ocitest.Options{}, []ocitest.Entry{ocitest.File("o", "o")})
	digest := img.Digest().String()
	rest := "//" + reg.Host + "/app@" + digest
	ocitest.Write(t, oci.Registry{}, rest, oci.Result{Image: img})
	got := ocitest.Open(t, oci.Registry{}, rest)
	if got.Ref != "docker:"+rest {
		t.Errorf("Ref %s", got.Ref)
	}
	if _, err := (oci.Registry{}).Open(t.Context(), "//"+reg.Host+"/app:latest", oci.OpenOptions{}); err == nil {
		t.Error("a push by digest made a tag")
	}
	d, err := oci.Registry{}.Create(t.Context(), rest, oci.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write(t.Context(), oci.Result{Image: other}); !errors.Is(err, oci.ErrDigest) {
		t.Errorf("pushing another image under the digest: %v", err)
	}
	ocitest.Write(t, oci.Registry{}, "//"+reg.Host+"/app:v1@"+digest, oci.Result{Image: img})
	ocitest.Same(t, img, ocitest.Open(t, oci.Registry{}, "//"+reg.Host+"/app:v1"))
}

// A registry that answers with other content than was asked for, of the same length.
func TestRegistryLies(t *testing.T) {
	img := ocitest.Small(t, ocitest.Options{})
	last := img.Layers[1].Descriptor.Digest.String()
	for name, test := range map[string]struct {
		path string
		lie  func() []byte
	}{
		"configuration": {"/blobs/" + img.ConfigDigest().String(), func() []byte { return bytes.ToUpper(img.Config) }},
		"layer":         {"/blobs/" + last, func() []byte { return make([]byte, img.Layers[1].Descriptor.Size) }},
		"longer layer":  {"/blobs/" + last, func() []byte { return make([]byte, img.Layers[1].Descriptor.Size+1) }},
	} {
		t.Run(name, func(t *testing.T) {
			var lying atomic.Bool
			reg := ocitest.Registry(t, func(w http.ResponseWriter, r *http.Request) bool {
				if !lying.Load() || r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, test.path) {
					return false
				}
				_, err := w.Write(test.lie())
				return err == nil
			})
			rest := "//" + reg.Host + "/app:1"
			ocitest.Write(t, oci.Registry{}, rest, oci.Result{Image: img})
			lying.Store(true)
			got, err := oci.Registry{}.Open(t.Context(), rest, oci.OpenOptions{})
			if err == nil {
				err = ocitest.ReadLayer(t.Context(), got.Layers[1])
			}
			if !errors.Is(err, oci.ErrDigest) {
				t.Errorf("error %v, want ErrDigest", err)
			}
		})
	}
}

func TestRegistryHeaderContradictsBody(t *testing.T) {
	img := ocitest.Small(t, ocitest.Options{})
	for media, want := range map[string]error{
		"application/vnd.oci.image.index.v1+json": oci.ErrDocument,
		"text/plain": oci.ErrMediaType,
	} {
		reg := ocitest.Registry(t, func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}
			w.Header().Set("Content-Type", media)
			_, err := w.Write(img.Manifest)
			return err == nil
		})
		if _, err := (oci.Registry{}).Open(t.Context(), "//"+reg.Host+"/app:1", oci.OpenOptions{}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", media, err, want)
		}
	}
}

// Neither URLs in a descriptor nor a redirect to plain HTTP elsewhere are followed.
func TestRegistryGoesNowhereElse(t *testing.T) {
	reg := ocitest.Registry(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		http.Redirect(w, r, "http://192.0.2.1/evil", http.StatusTemporaryRedirect)
		return true
	})
	_, err := oci.Registry{}.Open(t.Context(), "//"+reg.Host+"/app:1", oci.OpenOptions{})
	if err == nil || !strings.Contains(err.Error(), "plain HTTP to 192.0.2.1 is refused") {
		t.Errorf("redirect: %v", err)
	}
	elsewhere := ocitest.Registry(t, nil)
	img := ocitest.Small(t, ocitest.Options{})
	dir := ocitest.Layout(t, img)
	foreign := strings.Replace(string(img.Manifest), `"application/vnd.oci.image.layer.v1.tar+gzip"`,
		`"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip","urls":["http://`+elsewhere.Host+`/layer"]`, 1)
	d := putBlob(t, dir, []byte(foreign))
	d.MediaType = "application/vnd.oci.image.manifest.v1+json"
	setIndex(t, dir, d)
	source := ocitest.Open(t, oci.Layout{}, dir)
	here := ocitest.Registry(t, nil)
	rest := "//" + here.Host + "/app:1"
	ocitest.Write(t, oci.Registry{}, rest, oci.Result{Image: source})
	pulled := ocitest.Open(t, oci.Registry{}, rest)
	if err := ocitest.ReadLayer(t.Context(), pulled.Layers[0]); err == nil {
		t.Error("a layer that may not be distributed was pushed")
	}
	if err := ocitest.ReadLayer(t.Context(), pulled.Layers[1]); err != nil {
		t.Error(err)
	}
	if r := elsewhere.Requests(); len(r) > 0 {
		t.Errorf("URLs were followed: %q", r)
	}
}
