package oci_test

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs"
)

func link(flag byte, name, target string) ocitest.Entry {
	return ocitest.Entry{Header: tar.Header{Typeflag: flag, Name: name, Linkname: target, Mode: 0o777}}
}

// saved is an archive as docker save makes it, with plain layers, some of them links.
func saved(t *testing.T, img *oci.Image, layers []string, extra ...ocitest.Entry) []ocitest.Entry {
	t.Helper()
	config := img.ConfigDigest().Hex + ".json"
	manifest, err := json.Marshal([]map[string]any{{"Config": config, "RepoTags": []string{"app:1"}, "Layers": layers}})
	if err != nil {
		t.Fatal(err)
	}
	_, one := ocitest.LayerBytes(t, img.Layers[0])
	_, two := ocitest.LayerBytes(t, img.Layers[1])
	return append([]ocitest.Entry{
		ocitest.File(config, string(img.Config)), ocitest.Dir("one"), ocitest.File("one/layer.tar", string(one)),
		ocitest.File("two/layer.tar", string(two)), ocitest.File("manifest.json", string(manifest)),
	}, extra...)
}

func openTar(t *testing.T, entries []ocitest.Entry, name string) (*oci.Image, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "saved.tar")
	if err := os.WriteFile(file, ocitest.Tar(t, entries...), 0o644); err != nil {
		t.Fatal(err)
	}
	return oci.DockerArchive{}.Open(t.Context(), file+name, oci.OpenOptions{Dir: t.TempDir()})
}

func TestDockerSave(t *testing.T) {
	img := ocitest.Small(t, ocitest.Options{})
	long := []ocitest.Entry{link(tar.TypeSymlink, "l0", "one/layer.tar")}
	for i := range 20 {
		long = append(long, link(tar.TypeSymlink, "l"+string(rune('a'+i)), "l"+string(rune('a'+i-1))))
	}
	tests := map[string]struct {
		layers []string
		extra  []ocitest.Entry
		want   error
	}{
		"plain":         {[]string{"one/layer.tar", "two/layer.tar"}, nil, nil},
		"dot":           {[]string{"./one/layer.tar", "two/../two/layer.tar"}, nil, nil},
		"symlink":       {[]string{"x/layer.tar", "two/layer.tar"}, []ocitest.Entry{link(tar.TypeSymlink, "x/layer.tar", "../one/layer.tar")}, nil},
		"hard link":     {[]string{"x/layer.tar", "two/layer.tar"}, []ocitest.Entry{link(tar.TypeLink, "x/layer.tar", "one/layer.tar")}, nil},
		"link to link":  {[]string{"y", "two/layer.tar"}, []ocitest.Entry{link(tar.TypeLink, "x/l", "one/layer.tar"), link(tar.TypeSymlink, "y", "x/l")}, nil},
		"link loop":     {[]string{"y", "two/layer.tar"}, []ocitest.Entry{link(tar.TypeSymlink, "y", "y")}, oci.ErrDocument},
		"long chain":    {[]string{"lt", "two/layer.tar"}, long, oci.ErrDocument},
		"link out":      {[]string{"x", "two/layer.tar"}, []ocitest.Entry{link(tar.TypeSymlink, "x", "../../etc/passwd")}, oci.ErrDocument},
		"absolute link": {[]string{"x", "two/layer.tar"}, []ocitest.Entry{link(tar.TypeSymlink, "x", "/etc/passwd")}, oci.ErrDocument},
		"dangling":      {[]string{"x", "two/layer.tar"}, []ocitest.Entry{link(tar.TypeSymlink, "x", "y")}, os.ErrNotExist},
		"name out":      {[]string{"../one/layer.tar", "two/layer.tar"}, nil, oci.ErrDocument},
		"absolute name": {[]string{"/etc/passwd", "two/layer.tar"}, nil, oci.ErrDocument},
		"missing":       {[]string{"one/layer.tar", "three/layer.tar"}, nil, os.ErrNotExist},
		"too few":       {[]string{"one/layer.tar"}, nil, oci.ErrDocument},
		"swapped":       {[]string{"two/layer.tar", "one/layer.tar"}, nil, oci.ErrDigest},
		"twice":         {[]string{"one/layer.tar", "two/layer.tar"}, []ocitest.Entry{ocitest.File("two/layer.tar", "x")}, oci.ErrDocument},
		"device":        {[]string{"dev", "two/layer.tar"}, []ocitest.Entry{{Header: tar.Header{Typeflag: tar.TypeChar, Name: "dev", Devmajor: 1, Devminor: 5}}}, oci.ErrDocument},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := openTar(t, saved(t, img, test.layers, test.extra...), "")
			if err == nil {
				for _, l := range got.Layers {
					err = errors.Join(err, ocitest.ReadLayer(t.Context(), l))
				}
			}
			if !errors.Is(err, test.want) {
				t.Fatalf("error %v, want %v", err, test.want)
			}
			if test.want == nil {
				ocitest.SameTree(t, img, got)
			}
		})
	}
}

func TestDockerArchiveNames(t *testing.T) {
	img := ocitest.Small(t, ocitest.Options{})
	entries := saved(t, img, []string{"one/layer.tar", "two/layer.tar"})
	for name, want := range map[string]error{
		"": nil, ":app:1": nil, ":app": os.ErrNotExist, ":docker.io/library/app:1": nil, ":app:2": os.ErrNotExist, ":x y": oci.ErrReference,
	} {
		if _, err := openTar(t, entries, name); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", name, err, want)
		}
	}
	config := img.ConfigDigest().Hex + ".json"
	one := `{"Config":"` + config + `","RepoTags":["a:1"],"Layers":["one/layer.tar","two/layer.tar"]}`
	for name, test := range map[string]struct {
		manifest string
		want     error
	}{
		"none":           {`[]`, oci.ErrDocument},
		"two":            {`[` + one + `,` + one + `]`, oci.ErrReference},
		"no JSON":        {`[`, oci.ErrDocument},
		"config out":     {`[{"Config":"../x","Layers":[]}]`, oci.ErrDocument},
		"huge":           {`["` + strings.Repeat("x", 9<<20) + `"]`, rootfs.ErrLimit},
		"config missing": {`[{"Config":"x","Layers":[]}]`, os.ErrNotExist},
	} {
		entries[len(entries)-1] = ocitest.File("manifest.json", test.manifest)
		if _, err := openTar(t, entries, ""); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	entries = saved(t, img, []string{"one/layer.tar", "two/layer.tar"})
	entries[0].Content += " "
	if _, err := openTar(t, entries, ""); !errors.Is(err, oci.ErrDigest) {
		t.Errorf("a configuration that is not what its name says: %v", err)
	}
}

// An archive that is replaced while its image is in use is not read as if it were the same.
func TestArchiveChanges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "image.tar")
	ocitest.Write(t, oci.Archive{}, file, oci.Result{Image: ocitest.Small(t, ocitest.Options{})})
	img := ocitest.Open(t, oci.Archive{}, file)
	ocitest.Write(t, oci.Archive{}, file, oci.Result{Image: ocitest.Image(t, ocitest.Options{}, []ocitest.Entry{ocitest.File("x", "x")})})
	if err := ocitest.ReadLayer(t.Context(), img.Layers[0]); !errors.Is(err, oci.ErrChanged) {
		t.Errorf("error %v, want ErrChanged", err)
	}
}
