package oci_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/ocitest"
)

func newLayer(t *testing.T, o oci.LayerOptions, entries ...ocitest.Entry) *oci.Layer {
	t.Helper()
	o.Dir = t.TempDir()
	l, err := oci.NewLayer(t.Context(), o, func(w io.Writer) error {
		_, err := w.Write(ocitest.Tar(t, entries...))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return &l
}

func appendTo(t *testing.T, base *oci.Image, o oci.AppendOptions) *oci.Image {
	t.Helper()
	o.Created, o.Dir = ocitest.Epoch, t.TempDir()
	img, err := oci.Append(t.Context(), base, o)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// Everything but what Append is for stays byte by byte: order, unknown members, numbers that no float holds, spaces.
func TestAppendTouchesNothingElse(t *testing.T) {
	l := newLayer(t, oci.LayerOptions{}, ocitest.File("x", "x"))
	base := ocitest.Small(t, ocitest.Options{})
	id := base.Layers[0].DiffID.String()
	base.Layers = base.Layers[:1]
	base.Config = []byte(`{"zzz":12345678901234567890.10,"rootfs":{"x": [ 1 ],"diff_ids":["` + id + `"],"type":"layers"},` +
		`"os":"linux","config":{"Labels":{"<a>":"&"},"Env":["A=1"]},"history":[{"created_by":"a","y":1e400}],"architecture":"amd64"}`)
	base.Manifest = []byte(`{"layers":[{"size":1,"digest":"` + id + `","x":1.0,"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip"}],` +
		`"annotations":{"b":"1","a":"2"},"config":{"size":1,"annotations":{},"data":"e30=","digest":"` + id + `","mediaType":"application/vnd.oci.image.config.v1+json"},` +
		`"unknown": 1e3,"schemaVersion":2}`)
	got := appendTo(t, base, oci.AppendOptions{Layer: l, CreatedBy: "holo-build <x>"})
	wantConfig := `{"zzz":12345678901234567890.10,"rootfs":{"x":[ 1 ],"diff_ids":["` + id + `","` + l.DiffID.String() + `"],"type":"layers"},` +
		`"os":"linux","config":{"Labels":{"<a>":"&"},"Env":["A=1"]},"history":[{"created_by":"a","y":1e400},` +
		`{"created":"2023-11-14T22:13:20Z","created_by":"holo-build <x>"}],"architecture":"amd64"}`
	if diff := cmp.Diff(wantConfig, string(got.Config)); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	d, err := json.Marshal(l.Descriptor)
	if err != nil {
		t.Fatal(err)
	}
	size, err := json.Marshal(len(wantConfig))
	if err != nil {
		t.Fatal(err)
	}
	wantManifest := `{"layers":[{"size":1,"digest":"` + id + `","x":1.0,"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip"},` + string(d) + `],` +
		`"annotations":{"b":"1","a":"2"},"config":{"size":` + string(size) + `,"annotations":{},"digest":"` + got.ConfigDigest().String() +
		`","mediaType":"application/vnd.oci.image.config.v1+json"},"unknown":1e3,"schemaVersion":2}`
	if diff := cmp.Diff(wantManifest, string(got.Manifest)); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
}

func TestAppendHistory(t *testing.T) {
	tests := map[string]struct {
		history string // of a base with two layers
		want    []bool // empty_layer of all entries but ours
	}{
		"none":     {`null`, []bool{false, false}},
		"too few":  {`[{"empty_layer":true},{"comment":"a"}]`, []bool{true, false, false}},
		"complete": {`[{},{"empty_layer":true},{}]`, []bool{false, true, false}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			base := ocitest.Small(t, ocitest.Options{})
			var config map[string]json.RawMessage
			if err := json.Unmarshal(base.Config, &config); err != nil {
				t.Fatal(err)
			}
			config["history"] = json.RawMessage(test.history)
			raw, err := json.Marshal(config)
			if err != nil {
				t.Fatal(err)
			}
			base.Config = raw
			for _, l := range []*oci.Layer{nil, newLayer(t, oci.LayerOptions{}, ocitest.File("x", "x"))} {
				got := appendTo(t, base, oci.AppendOptions{Layer: l, Comment: "ours"}).History()
				var empty []bool
				for _, h := range got[:len(got)-1] {
					empty = append(empty, h.EmptyLayer)
				}
				if diff := cmp.Diff(test.want, empty); diff != "" {
					t.Errorf("empty_layer (-want +got):\n%s", diff)
				}
				last := got[len(got)-1]
				if last.Comment != "ours" || last.EmptyLayer != (l == nil) || !last.Created.Equal(ocitest.Epoch) {
					t.Errorf("our entry: %+v", last)
				}
			}
		})
	}
}

func TestAppendKeepsFamily(t *testing.T) {
	const (
		dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
		ociManifest    = "application/vnd.oci.image.manifest.v1+json"
	)
	for _, test := range []struct {
		docker      bool
		compression oci.Compression
		manifest    string
		prefix      string // of all layers' media types
	}{
		{false, oci.Gzip, ociManifest, "application/vnd.oci.image.layer.v1.tar"},
		{false, oci.Zstd, ociManifest, "application/vnd.oci.image.layer.v1.tar"},
		{true, oci.Gzip, dockerManifest, "application/vnd.docker.image.rootfs.diff.tar"},
		{true, oci.None, dockerManifest, "application/vnd.docker.image.rootfs.diff.tar"},
		{true, oci.Zstd, ociManifest, "application/vnd.oci.image.layer.v1.tar"},
	} {
		base := ocitest.Small(t, ocitest.Options{Docker: test.docker})
		l := newLayer(t, oci.LayerOptions{Compression: test.compression, Docker: test.docker}, ocitest.File("x", "x"))
		img := appendTo(t, base, oci.AppendOptions{Layer: l})
		// What was read again is what counts: every media type has to fit.
		got := ocitest.Open(t, oci.Layout{}, ocitest.Layout(t, img))
		if got.MediaType != test.manifest {
			t.Errorf("%+v: manifest %s", test, got.MediaType)
		}
		var m v1.Manifest
		if err := json.Unmarshal(got.Manifest, &m); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(test.manifest, "docker") != strings.Contains(string(m.Config.MediaType), "docker") {
			t.Errorf("%+v: configuration %s", test, m.Config.MediaType)
		}
		for i, d := range m.Layers {
			if !strings.HasPrefix(string(d.MediaType), test.prefix) || d.MediaType != img.Layers[i].Descriptor.MediaType {
				t.Errorf("%+v: layer %s, in memory %s", test, d.MediaType, img.Layers[i].Descriptor.MediaType)
			}
		}
		for i := range base.Layers {
			if m.Layers[i].Digest != base.Layers[i].Descriptor.Digest {
				t.Errorf("%+v: the base's layer %d changed", test, i)
			}
		}
	}
}

func TestAppendToTarball(t *testing.T) {
	for suffix, media := range map[string]string{"": "tar", ".gz": "tar+gzip", ".zst": "tar+zstd"} {
		file := filepath.Join(t.TempDir(), "root.tar"+suffix)
		ocitest.Write(t, oci.Tarball{}, file, oci.Result{Tree: ocitest.Tree{"etc/hostname": "x", "a": "b"}})
		stored, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		src := ocitest.Open(t, oci.Tarball{}, file)
		img := appendTo(t, src, oci.AppendOptions{Platform: "linux/arm/v7", Layer: newLayer(t, oci.LayerOptions{}, ocitest.File("x", "x"))})
		if got := string(img.Layers[0].Descriptor.MediaType); got != "application/vnd.oci.image.layer.v1."+media {
			t.Errorf("%q: media type %s", suffix, got)
		}
		if img.Platform() != "linux/arm/v7" || !img.Created().Equal(ocitest.Epoch) || len(img.History()) != 2 {
			t.Errorf("configuration %s", img.Config)
		}
		back := ocitest.Open(t, oci.Layout{}, ocitest.Layout(t, img))
		ocitest.Same(t, img, back)
		if got, _ := ocitest.LayerBytes(t, back.Layers[0]); string(got) != string(stored) {
			t.Errorf("%q: the tarball is not verbatim", suffix)
		}
		if src.Manifest != nil || src.Layers[0].Descriptor.Size != -1 {
			t.Error("the source was modified")
		}
	}
}

func TestAppendToDirectory(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	write := func(s string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	src := ocitest.Open(t, oci.RootFS{}, dir)
	if err := ocitest.ReadLayer(t.Context(), src.Layers[0]); err != nil {
		t.Fatal(err)
	}
	chain := src.ChainID()
	img := appendTo(t, src, oci.AppendOptions{})
	if img.ChainID() != chain || img.Layers[0].DiffID != chain || len(img.History()) != 1 {
		t.Errorf("ChainID %s, staged %s, configuration %s", img.ChainID(), chain, img.Config)
	}
	ocitest.Same(t, img, ocitest.Open(t, oci.Layout{}, ocitest.Layout(t, img)))
	write("two")
	if _, err := oci.Append(t.Context(), src, oci.AppendOptions{Dir: t.TempDir()}); !errors.Is(err, oci.ErrChanged) {
		t.Errorf("a source that changed: %v, want ErrChanged", err)
	}
	if _, err := oci.Append(t.Context(), src, oci.AppendOptions{Dir: t.TempDir(), Platform: "x"}); !errors.Is(err, oci.ErrReference) {
		t.Errorf("a wrong platform: %v", err)
	}
}

func TestChainID(t *testing.T) {
	img := ocitest.Small(t, ocitest.Options{})
	one := &oci.Image{Layers: img.Layers[:1]}
	if one.ChainID() != img.Layers[0].DiffID {
		t.Errorf("ChainID of one layer is %s", one.ChainID())
	}
	// image-spec, config.md: Digest(ChainID(L0|..|Ln-1) + " " + DiffID(Ln))
	want, _, err := v1.SHA256(strings.NewReader(img.Layers[0].DiffID.String() + " " + img.Layers[1].DiffID.String()))
	if err != nil || img.ChainID() != want {
		t.Errorf("ChainID %s, want %s (%v)", img.ChainID(), want, err)
	}
	if none := (&oci.Image{}); none.ChainID() != (v1.Hash{}) || none.Digest() != (v1.Hash{}) || none.Platform() != "" {
		t.Error("what is no image has digests")
	}
}

// TestAppendSettings: the configuration is changed where it is asked for, without a layer too, and annotations make the
// manifest OCI's, which has them.
func TestAppendSettings(t *testing.T) {
	title := "x"
	for _, docker := range []bool{false, true} {
		base := ocitest.Small(t, ocitest.Options{Docker: docker})
		img := appendTo(t, base, oci.AppendOptions{Settings: oci.Settings{"user": {"app"}, "env/A": {"1"}},
			Annotations: map[string]*string{"title": &title}, Comment: "ours"})
		got := ocitest.Open(t, oci.Layout{}, ocitest.Layout(t, img))
		if s := got.Settings(); s["user"][0] != "app" || s["env/A"][0] != "1" || len(got.Layers) != len(base.Layers) {
			t.Errorf("docker %v: %v, %d layers", docker, s, len(got.Layers))
		}
		var m v1.Manifest
		if err := json.Unmarshal(got.Manifest, &m); err != nil || m.Annotations["title"] != "x" || strings.Contains(string(got.Manifest), "docker") {
			t.Errorf("docker %v: %v, %s", docker, err, got.Manifest)
		}
		if h := got.History(); !h[len(h)-1].EmptyLayer || h[len(h)-1].Comment != "ours" {
			t.Errorf("docker %v: history %+v", docker, h)
		}
	}
}
