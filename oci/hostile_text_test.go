package oci_test

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs"
)

// evil is what a document says to be taken for a line of the program's own, or for a command to a CI service.
const evil = "x\n::error file=x::pwned\x1b[31m\u202e\u0085"

// wantOneLine fails if an error cannot be printed as it is, or is not there.
func wantOneLine(t *testing.T, name string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: it was taken", name)
		return
	}
	s := err.Error()
	if i := strings.IndexFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }); i >= 0 {
		t.Errorf("%s: the error holds %q: %q", name, s[i:i+1], s)
	}
	if len(s) > 6000 {
		t.Errorf("%s: the error is %d bytes long", name, len(s))
	}
}

// evilDocuments are the documents of one image, each case with another that is hostile.
type evilDocuments struct {
	roots    []v1.Descriptor // index.json; nil is one entry for the manifest
	index    string          // index.json as it is
	head     string          // oci-layout
	manifest string
	config   string
}

const goodConfig = `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`

func evilCases(evil string) map[string]evilDocuments {
	js := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	e := js(evil)
	manifest := func(config, layers string) string {
		return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":%s}`, types.OCIManifestSchema1, config, layers)
	}
	layer := func(media, digest string) string {
		return fmt.Sprintf(`[{"mediaType":%s,"digest":%s,"size":1}]`, media, digest)
	}
	good := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}
	root := func(d v1.Descriptor) v1.Descriptor {
		d.Digest, d.Size = good, 2
		if d.MediaType == "" {
			d.MediaType = types.OCIManifestSchema1
		}
		return d
	}
	named := func(hex string) v1.Descriptor {
		d := root(v1.Descriptor{Annotations: map[string]string{"org.opencontainers.image.ref.name": evil + hex}})
		d.Digest.Hex = strings.Repeat(hex, 64)
		return d
	}
	on := func(hex string) v1.Descriptor {
		d := root(v1.Descriptor{Platform: &v1.Platform{OS: evil, Architecture: evil, Variant: evil}})
		d.Digest.Hex = strings.Repeat(hex, 64)
		return d
	}
	configured := func(c string) evilDocuments { return evilDocuments{config: c} }
	imageConfig := `{"mediaType":"` + string(types.OCIConfigJSON) + `","digest":"` + good.String() + `","size":1}`
	return map[string]evilDocuments{
		"platforms":       {roots: []v1.Descriptor{on("1"), on("2")}},
		"tags":            {roots: []v1.Descriptor{named("1"), named("2")}},
		"root media type": {roots: []v1.Descriptor{root(v1.Descriptor{MediaType: types.MediaType(evil)})}},
		"version":         {head: `{"imageLayoutVersion":` + e + `}`},
		"version's type":  {head: `{"imageLayoutVersion":{` + e + `:1}}`},
		"root digest":     {index: `{"schemaVersion":2,"manifests":` + layer(e, e) + `}`},
		"root hex":        {index: `{"schemaVersion":2,"manifests":` + layer(e, js("sha256:"+evil)) + `}`},
		"root algorithm":  {index: `{"schemaVersion":2,"manifests":` + layer(e, js(evil+":00")) + `}`},
		"index type":      {index: `{"schemaVersion":2,"manifests":[],"mediaType":` + e + `}`},
		"member twice":    {index: `{` + e + `:1,` + e + `:1}`},
		"nested twice":    {index: `{"a":{` + e + `:1,` + e + `:1}}`},
		"no JSON":         {index: evil},
		"half a string":   {index: `{"` + evil},
		"map of numbers":  {index: `{"schemaVersion":2,"manifests":[{"mediaType":"x","size":2,"digest":"` + good.String() + `","annotations":{` + e + `:1}}]}`},
		"manifest type":   {manifest: `{"schemaVersion":2,"mediaType":` + e + `,"config":{},"layers":[]}`},
		"layer type":      {manifest: manifest(imageConfig, layer(e, js(good.String())))},
		"layer digest":    {manifest: manifest(imageConfig, layer(e, js("sha256:"+evil)))},
		"config type":     {manifest: manifest(strings.Replace(imageConfig, `"`+string(types.OCIConfigJSON)+`"`, e, 1), `[]`)},
		"config digest":   {manifest: manifest(strings.Replace(imageConfig, good.String(), "sha256:"+strings.Trim(e, `"`), 1), `[]`)},
		"size":            {manifest: manifest(strings.Replace(imageConfig, `"size":1`, `"size":`+e, 1), `[]`)},
		"huge number":     {manifest: manifest(strings.Replace(imageConfig, `"size":1`, `"size":`+strings.Repeat("1", 100_000), 1), `[]`)},
		"rootfs type":     configured(strings.Replace(goodConfig, `"layers"`, e, 1)),
		"diff_ids":        configured(strings.Replace(goodConfig, `[]`, `[`+js("sha256:"+evil)+`]`, 1)),
		"diff_ids' type":  configured(strings.Replace(goodConfig, `[]`, e, 1)),
		"created":         configured(strings.Replace(goodConfig, `{`, `{"created":`+e+`,`, 1)),
		"history":         configured(strings.Replace(goodConfig, `{`, `{"history":[{"created":`+e+`}],`, 1)),
		"platform":        configured(strings.ReplaceAll(strings.Replace(goodConfig, `"linux"`, e, 1), `"amd64"`, e)),
	}
}

// files are the files of an image layout.
func (d evilDocuments) files(t *testing.T) []ocitest.Entry {
	t.Helper()
	sum := func(s string) v1.Hash {
		h, _, err := v1.SHA256(strings.NewReader(s))
		must(t, err)
		return h
	}
	if d.config == "" {
		d.config = goodConfig
	}
	if d.manifest == "" {
		d.manifest = fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[]}`,
			types.OCIConfigJSON, sum(d.config), len(d.config))
	}
	if d.head == "" {
		d.head = `{"imageLayoutVersion":"1.0.0"}`
	}
	if d.roots == nil {
		d.roots = []v1.Descriptor{{MediaType: types.OCIManifestSchema1, Digest: sum(d.manifest), Size: int64(len(d.manifest))}}
	}
	if d.index == "" {
		b, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, Manifests: d.roots})
		must(t, err)
		d.index = string(b)
	}
	return []ocitest.Entry{ocitest.File("oci-layout", d.head), ocitest.File("index.json", d.index),
		ocitest.File("blobs/sha256/"+sum(d.manifest).Hex, d.manifest), ocitest.File("blobs/sha256/"+sum(d.config).Hex, d.config)}
}

// TestHostileText: what documents say never reaches a message as it is.
func TestHostileText(t *testing.T) {
	t.Parallel()
	for length, text := range map[string]string{"": evil, ", long": strings.Repeat(evil, 10_000)} {
		for name, d := range evilCases(text) {
			list := d.files(t)
			o := oci.OpenOptions{Dir: t.TempDir(), Platform: "linux/s390x"}
			if name == "tags" || name == "platforms" {
				o.Platform = ""
			}
			_, err := oci.Layout{}.Open(t.Context(), putFiles(t, list), o)
			wantOneLine(t, "oci: "+name+length, err)
			_, err = oci.Archive{}.Open(t.Context(), putBytes(t, ocitest.Tar(t, list...)), o)
			wantOneLine(t, "oci-archive: "+name+length, err)
			saved := []ocitest.Entry{ocitest.File("manifest.json", `[{"Config":"c.json","Layers":[]}]`), ocitest.File("c.json", d.config)}
			if d.config != "" {
				_, err = oci.DockerArchive{}.Open(t.Context(), putBytes(t, ocitest.Tar(t, saved...)), o)
				wantOneLine(t, "docker-archive: "+name+length, err)
			}
			if d.index != "" {
				saved[0].Content = d.index
				_, err = oci.DockerArchive{}.Open(t.Context(), putBytes(t, ocitest.Tar(t, saved...)), o)
				wantOneLine(t, "docker-archive: "+name+length, err)
			}
			if d.manifest != "" {
				_, err := fromRegistry(t, string(types.OCIManifestSchema1), d.manifest, http.StatusOK)
				wantOneLine(t, "docker: "+name+length, err)
			}
		}
	}
}

// fromRegistry opens what a registry answers to everything.
func fromRegistry(t *testing.T, media, body string, status int) (*oci.Image, error) {
	t.Helper()
	reg := ocitest.Registry(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		w.Header().Set("Content-Type", media)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the reader may have gone
		return true
	})
	return oci.Registry{}.Open(t.Context(), "//"+reg.Host+"/app:1", oci.OpenOptions{Platform: "linux/s390x"})
}

// A registry's own words: an error, a media type, an index, a page of something else.
func TestHostileRegistryText(t *testing.T) {
	t.Parallel()
	e, err := json.Marshal(evil)
	must(t, err)
	manifest := string(types.OCIManifestSchema1)
	for name, try := range map[string]struct {
		media, body string
		status      int
	}{
		"error":     {"application/json", `{"errors":[{"code":` + string(e) + `,"message":` + string(e) + `,"detail":` + string(e) + `}]}`, 404},
		"page":      {"text/html", evil + strings.Repeat("x", 10_000), 403},
		"type":      {"a\u009bb\x1b", "{}", 200},
		"platforms": {string(types.OCIImageIndex), evilCases(evil)["platforms"].files(t)[1].Content, 200},
		"no JSON":   {manifest, evil, 200},
	} {
		_, err := fromRegistry(t, try.media, try.body, try.status)
		wantOneLine(t, name, err)
	}
}

// Names in an archive as docker save makes it: of members, and in the list of them.
func TestHostileArchiveText(t *testing.T) {
	t.Parallel()
	js := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	image := func(config, layer string) map[string]any {
		return map[string]any{"Config": config, "RepoTags": []string{evil, config}, "Layers": []string{layer}}
	}
	one := strings.Replace(goodConfig, `[]`, `["sha256:`+strings.Repeat("0", 64)+`"]`, 1)
	hex := strings.Repeat("0", 64)
	for name, list := range map[string][]ocitest.Entry{
		"tags":             {ocitest.File("manifest.json", js([]any{image("a", "b"), image("c", "d")}))},
		"many tags":        {ocitest.File("manifest.json", js([]any{map[string]any{"RepoTags": strings.Split(strings.Repeat(evil+",", 10_000), ",")}, image("c", "d")}))},
		"config":           {ocitest.File("manifest.json", js([]any{image(evil, "l")}))},
		"config outside":   {ocitest.File("manifest.json", js([]any{image("../"+evil, "l")}))},
		"config, long":     {ocitest.File("manifest.json", js([]any{image(strings.Repeat(evil, 10_000), "l")}))},
		"config of digest": {ocitest.File("manifest.json", js([]any{image(evil+"/"+hex+".json", "l")})), ocitest.File(evil+"/"+hex+".json", one)},
		"config no JSON":   {ocitest.File("manifest.json", js([]any{image(evil, "l")})), ocitest.File(evil, evil)},
		"layer":            {ocitest.File("manifest.json", js([]any{image("c", evil)})), ocitest.File("c", one)},
		"layer, long":      {ocitest.File("manifest.json", js([]any{image("c", strings.Repeat(evil, 10_000))})), ocitest.File("c", one)},
		"layer outside":    {ocitest.File("manifest.json", js([]any{image("c", "../"+evil)})), ocitest.File("c", one)},
		"layer of gzip":    {ocitest.File("manifest.json", js([]any{image("c", evil)})), ocitest.File("c", one), ocitest.File(evil, "BZh"+evil)},
		"layer is link":    {ocitest.File("manifest.json", js([]any{image("c", evil)})), ocitest.File("c", one), ocitest.Link(evil, evil)},
		"layer is gone":    {ocitest.File("manifest.json", js([]any{image("c", evil)})), ocitest.File("c", one), link(tar.TypeSymlink, evil, "../"+evil+"2")},
		"layer twice":      {ocitest.File("manifest.json", js([]any{image("c", evil)})), ocitest.File("c", one), ocitest.File(evil, ""), ocitest.File(evil, "")},
		"layer too large":  {ocitest.File("manifest.json", js([]any{image("c", evil)})), ocitest.File("c", one), ocitest.File(evil, strings.Repeat("x", 2000))},
	} {
		o := oci.OpenOptions{Limits: rootfs.Limits{LayerBytes: 1000}}
		_, err := oci.DockerArchive{}.Open(t.Context(), putBytes(t, ocitest.Tar(t, list...)), o)
		wantOneLine(t, name, err)
		_, err = oci.DockerArchive{}.Open(t.Context(), putBytes(t, ocitest.Tar(t, list...))+":none:1", o)
		wantOneLine(t, name+", by name", err)
	}
}
