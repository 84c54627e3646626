package oci_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/ocitest"
)

// judged are images of every shape that is written: a base of each family with a layer of each compression on top.
func judged(t *testing.T) map[string]*oci.Image {
	t.Helper()
	out := map[string]*oci.Image{}
	for _, docker := range []bool{false, true} {
		for _, c := range []oci.Compression{oci.Gzip, oci.Zstd, oci.None} {
			base := ocitest.Small(t, ocitest.Options{Docker: docker})
			name := "oci-" + string(c)
			if docker {
				name = "docker-" + string(c)
			}
			l := newLayer(t, oci.LayerOptions{Compression: c, Docker: docker}, ocitest.File("new", name))
			out[name] = appendTo(t, base, oci.AppendOptions{Layer: l, CreatedBy: "holo-build"})
		}
	}
	return out
}

func TestValidate(t *testing.T) {
	for name, img := range judged(t) {
		if !strings.HasSuffix(name, "gzip") {
			continue // validate inflates gzip only
		}
		p, err := layout.FromPath(ocitest.Layout(t, img))
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Image(img.Digest())
		if err == nil {
			err = validate.Image(got)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		file := filepath.Join(t.TempDir(), "d.tar")
		ocitest.Write(t, oci.DockerArchive{}, file+":x:1", oci.Result{Image: img})
		loaded, err := tarball.ImageFromPath(file, nil)
		if err == nil {
			err = validate.Image(loaded)
		}
		if err != nil {
			t.Errorf("%s as docker-archive: %v", name, err)
		}
	}
}

func skopeo(t *testing.T, args ...string) []byte {
	t.Helper()
	bin, err := exec.LookPath("skopeo")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: run `make test-deps`", err)
		}
		t.Skipf("SKIP: %v; run `make test-deps`", err)
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), bin, append([]string{"--insecure-policy", "--tmpdir", dir}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_RUNTIME_DIR="+dir)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("skopeo %q: %v\n%s", args, err, errs.Bytes())
	}
	return out
}

// skopeo reads what is written here, hashing everything again; and what skopeo writes is read here.
func TestSkopeo(t *testing.T) {
	for name, img := range judged(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := oci.Result{Image: img}
			path := filepath.Join(dir, "layout")
			ocitest.Write(t, oci.Layout{}, path+":v1", r)
			tag := ":v1"
			if strings.Contains(img.MediaType, "docker") {
				// skopeo finds a manifest of Docker's family in a layout only as the layout's one image.
				tag = ""
			}
			if raw := skopeo(t, "inspect", "--raw", "oci:"+path+tag); !bytes.Equal(raw, img.Manifest) {
				t.Errorf("skopeo sees another manifest: %s", raw)
			}
			ocitest.Write(t, oci.Archive{}, path+".tar:v1", r)
			ocitest.Write(t, oci.DockerArchive{}, path+".docker:example.org/x:1", r)
			type place struct {
				dest string
				oci.Transport
			}
			ways := map[string]place{
				"oci:" + path + tag:                  {"docker-archive:" + path + ".a:x:1", oci.DockerArchive{}},
				"oci-archive:" + path + ".tar" + tag: {"oci:" + path + ".b:v1", oci.Layout{}},
				"docker-archive:" + path + ".docker": {"oci-archive:" + path + ".c:v1", oci.Archive{}},
			}
			if strings.HasSuffix(name, "zstd") {
				// skopeo makes no docker-archive of zstd layers.
				ways["oci:"+path+tag] = place{"oci-archive:" + path + ".a:v1", oci.Archive{}}
			}
			for source, tr := range ways {
				skopeo(t, "copy", "--quiet", source, tr.dest)
				_, rest, err := oci.ParseSource(tr.dest)
				if err != nil {
					t.Fatal(err)
				}
				got := ocitest.Open(t, tr, rest)
				if got.ChainID() != img.ChainID() {
					t.Errorf("%s: ChainID %s, want %s", source, got.ChainID(), img.ChainID())
				}
				for _, l := range got.Layers {
					if err := ocitest.ReadLayer(t.Context(), l); err != nil {
						t.Errorf("%s: %v", source, err)
					}
				}
			}
		})
	}
}
