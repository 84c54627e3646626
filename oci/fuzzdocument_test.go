package oci

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/holo-build/holo-build/rootfs"
)

var jsonSeeds = []string{
	`{}`, `{"a":[1,{"b":null}],"c":1e400,"d":"\u0041<>&\ud800"}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, ` {"x" : { "y":[ ] } } `, `{"a":1}{}`, `{"a":1,}`,
	`[1,2,{"a":"\n"}]`, `null`, `{"":"","Manifests":[]}`, strings.Repeat(`{"a":[`, 33) + strings.Repeat(`]}`, 33), `{"a" 1}`, `[1 2]`, "{\"\xff\":1,\"\xfe\":2}",
}

// FuzzObject: the JSON that keeps order and bytes agrees with encoding/json, and a change of one member leaves all
// others as they were written.
func FuzzObject(f *testing.F) {
	for _, s := range jsonSeeds {
		f.Add([]byte(s), "a", "b")
	}
	f.Fuzz(func(t *testing.T, raw []byte, name, value string) {
		if got, want := checkJSON(raw) == nil, unambiguous(raw, maxDepth); got != want {
			t.Fatalf("accepted %v, and it is %v: %q", got, want, raw)
		}
		if a, err := parseArray(raw); err == nil && len(raw) > 0 {
			wantSameJSON(t, raw, joinArray(a), len(a) == 0)
		}
		o, err := parseObject(raw)
		if err != nil {
			if !errors.Is(err, ErrDocument) {
				t.Errorf("%v", err)
			}
			return
		}
		var m map[string]json.RawMessage
		if err := json.Unmarshal(raw, &m); err != nil || len(m) != len(o) {
			t.Fatalf("%d members, %d by encoding/json: %v", len(o), len(m), err)
		}
		for _, e := range o {
			if !bytes.Equal(e.value, m[e.name]) {
				t.Errorf("member %q is %q, %q by encoding/json", e.name, e.value, m[e.name])
			}
		}
		wantSameJSON(t, raw, o.bytes(), false)
		wantKept(t, o, name, encode(value))
	})
}

// unambiguous reports whether raw is one JSON value that all programs read alike, nested no deeper than depth.
func unambiguous(raw []byte, depth int) bool {
	if !json.Valid(raw) {
		return false
	}
	switch raw = bytes.TrimSpace(raw); raw[0] {
	case '{':
		o, err := parseObject(raw)
		return err == nil && depth > 0 && !slices.ContainsFunc(o, func(m member) bool { return !unambiguous(m.value, depth-1) })
	case '[':
		var a []json.RawMessage
		return json.Unmarshal(raw, &a) == nil && depth > 0 && !slices.ContainsFunc(a, func(e json.RawMessage) bool { return !unambiguous(e, depth-1) })
	}
	return true
}

// wantSameJSON compares two documents but for the space between their values; empty says that null and [] are one.
func wantSameJSON(t *testing.T, a, b []byte, empty bool) {
	t.Helper()
	var x, y any
	for raw, to := range map[*any][]byte{&x: a, &y: b} {
		d := json.NewDecoder(bytes.NewReader(to))
		d.UseNumber()
		if err := d.Decode(raw); err != nil {
			t.Fatalf("%q: %v", to, err)
		}
	}
	if got, want := fmt.Sprintf("%#v", y), fmt.Sprintf("%#v", x); got != want && !(empty && string(b) == "[]") {
		t.Errorf("%q became %q", a, b)
	}
}

// wantKept sets a member and removes it again.
func wantKept(t *testing.T, o object, name string, value json.RawMessage) {
	t.Helper()
	others := func(o object) object {
		return slices.DeleteFunc(slices.Clone(o), func(m member) bool { return m.name == name })
	}
	before := others(o).bytes()
	changed := slices.Clone(o).set(name, value)
	place := func(o object) int { return slices.IndexFunc(o, func(m member) bool { return m.name == name }) }
	if at := place(o); at >= 0 && place(changed) != at || at < 0 && place(changed) != len(o) {
		t.Errorf("member %q went from %d to %d", name, at, place(changed))
	}
	if !bytes.Equal(changed.get(name), value) || !bytes.Equal(others(changed).bytes(), before) {
		t.Errorf("set %q: %s", name, changed.bytes())
	}
	if gone := slices.Clone(changed).remove(name); place(gone) >= 0 || !bytes.Equal(gone.bytes(), before) {
		t.Errorf("removed %q: %s", name, gone.bytes())
	}
}

func FuzzParseDocument(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"config":` + testConfig + `,"layers":[` + testLayer + `]}`))
	f.Add([]byte(`{"schemaVersion":2,"manifests":[` + testLayer + `]}`))
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"` + string(types.OCIImageIndex) + `","manifests":[],"annotations":{"a":"b"}}`))
	for _, s := range jsonSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := parseDocument(raw, "")
		if err != nil {
			if !isExpected(err) {
				t.Errorf("%v", err)
			}
			return
		}
		all := append(slices.Clone(d.layers), d.manifests...)
		if !d.isIndex() {
			all = append(all, d.config)
		}
		for _, l := range all {
			if _, err := blobPath(l.Digest); err != nil || l.Size < 0 {
				t.Errorf("accepted %+v: %v", l, err)
			}
		}
		// What is accepted can be written again, and is the same then; and it is nothing else to whom another type was told.
		o, err := parseObject(raw)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parseDocument(o.bytes(), d.mediaType); err != nil || fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", d) {
			t.Errorf("%q became %q: %+v, then %+v, %v", raw, o.bytes(), d, again, err)
		}
		for _, other := range []types.MediaType{types.OCIImageIndex, types.OCIManifestSchema1} {
			if as, err := parseDocument(raw, other); err == nil && as.isIndex() != d.isIndex() {
				t.Errorf("%q is an index or none, as one likes", raw)
			}
		}
	})
}

// FuzzSetTag puts a tag into an index.json: then it is there once, everything else is as it was written, and to do so
// again changes nothing.
func FuzzSetTag(f *testing.F) {
	entry := strings.Replace(testLayer, `"size"`, `"annotations":{"`+refNameKey+`":"v1"},"size"`, 1)
	for _, s := range []string{`{"schemaVersion":2,"manifests":[]}`, `{"schemaVersion":2, "manifests":[ ` + entry + `,` + testLayer + `,` + entry + `],"x":1.50}`,
		`{"manifests":[` + testConfig + `],"annotations":{"k":"v"},"schemaVersion":2}`} {
		f.Add([]byte(s), "v1")
		f.Add([]byte(s), "latest")
	}
	f.Fuzz(func(t *testing.T, raw []byte, tag string) {
		if !refName.MatchString(tag) {
			return
		}
		d := v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: hashOf(raw), Size: 7, Annotations: map[string]string{refNameKey: tag}}
		out, err := setTag(raw, d, tag)
		if err != nil {
			if _, perr := parseIndex(raw); perr == nil || !isExpected(err) {
				t.Errorf("%q: %v", raw, err)
			}
			return
		}
		after, err := parseIndex(out)
		if err != nil {
			t.Fatalf("%q became %q: %v", raw, out, err)
		}
		if match, err := tagged(after.manifests, tag); err != nil || len(match) != 1 || match[0].Digest != d.Digest {
			t.Errorf("%q became %q: %+v, %v", raw, out, match, err)
		}
		if again, err := setTag(out, d, tag); err != nil || !bytes.Equal(again, out) {
			t.Errorf("%q became %q, and then %q, %v", raw, out, again, err)
		}
		if was, is := untagged(t, raw, tag), untagged(t, out, tag); was != is {
			t.Errorf("%q became %q: others were %s and are %s", raw, out, was, is)
		}
	})
}

// untagged is an index without the entries that have a tag.
func untagged(t *testing.T, raw []byte, tag string) string {
	t.Helper()
	o, err := parseObject(raw)
	if err != nil {
		t.Fatal(err)
	}
	list, err := parseArray(o.get("manifests"))
	if err != nil {
		t.Fatal(err)
	}
	list = slices.DeleteFunc(list, func(e json.RawMessage) bool {
		d, err := parseDescriptor(e)
		if err != nil {
			t.Fatal(err)
		}
		return d.Annotations[refNameKey] == tag
	})
	return string(o.set("manifests", joinArray(list)).bytes())
}

// FuzzDockerManifest: of manifest.json is taken what a reader takes who knows the members by their exact names.
func FuzzDockerManifest(f *testing.F) {
	for _, s := range []string{`[{"Config":"c","RepoTags":["a:1","b"],"Layers":["l"]}]`, `[]`, `[{"Config":"c"},{"Config":"d","RepoTags":["x/y:z"]}]`,
		`[{"config":"c","Config":"d","Layers":[]}]`, `[{"Config":"d","config":"c"}]`, `null`, `[null]`, `{}`, `[{"Config":1}]`, `[{"RepoTags":null,"Layers":["a","b"],"Parent":"p"}]`} {
		f.Add([]byte(s), "")
		f.Add([]byte(s), "a:1")
	}
	f.Fuzz(func(t *testing.T, raw []byte, name string) {
		got, err := chooseDockerImage(raw, name)
		if err != nil {
			if !isExpected(err) {
				t.Errorf("%v", err)
			}
			return
		}
		var list []map[string]any
		if err := json.Unmarshal(raw, &list); err != nil {
			t.Fatalf("accepted, but %v", err)
		}
		tagged := false
		for _, m := range list {
			var layers, tags []string
			for of, to := range map[string]*[]string{"Layers": &layers, "RepoTags": &tags} {
				values, _ := m[of].([]any)
				for _, v := range values {
					s, _ := v.(string) // null is an empty name
					*to = append(*to, s)
				}
			}
			config, _ := m["Config"].(string)
			tagged = tagged || slices.ContainsFunc(tags, func(s string) bool { return fullName(s) == fullName(name) })
			if config == got.Config && slices.Equal(layers, got.Layers) && slices.Equal(tags, got.RepoTags) {
				return
			}
		}
		t.Errorf("%+v is not among %v", got, list)
	})
}

// memory is a set of files.
type memory map[string][]byte

func (m memory) open(name string) (io.ReadCloser, int64, error) {
	b, ok := m[name]
	if !ok {
		return nil, 0, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil
}

// FuzzLayout opens an image layout of any documents. Where they say {manifest}, {config} or {layer}, digest and size of
// those stand, so that the fuzzer gets past digests. What opens is an image whose layers are what it says, and which
// can be added to without a change of anything that is not understood.
func FuzzLayout(f *testing.F) {
	index := `{"schemaVersion":2,"x":1.0,"manifests":[{"mediaType":"` + string(types.OCIManifestSchema1) + `",{manifest}}]}`
	manifest := `{"schemaVersion":2,"config":{"mediaType":"` + string(types.OCIConfigJSON) + `",{config},"data":""},"layers":[{"mediaType":"` + string(types.OCILayer) + `",{layer}}],"y":{}}`
	config := `{"created":"2020-01-01T00:00:00Z","os":"linux","architecture":"arm64","rootfs":{"type":"layers","diff_ids":["{plain}"]},"history":[{"z":1}]}`
	f.Add(index, manifest, config, []byte("layer"), "")
	f.Add(strings.Replace(index, ",{manifest}", `,{manifest},"platform":{"os":"linux","architecture":"arm64","variant":"v8"}`, 1), manifest, config, []byte{}, "linux/arm64")
	f.Add(strings.ReplaceAll(index, "oci.image.manifest.v1", "docker.distribution.manifest.v2"), strings.ReplaceAll(manifest, "{config}", "{layer}"), `{}`, []byte("\x1f\x8b"), "")
	f.Add(index, strings.Replace(manifest, `"schemaVersion":2`, `"manifests":[],"schemaVersion":2`, 1), config, []byte{}, "a/b")
	f.Fuzz(func(t *testing.T, index, manifest, config string, layer []byte, platform string) {
		m := memory{layoutFile: []byte(layoutHead)}
		replace := func(text, name string, b []byte) string {
			h := hashOf(b)
			m["blobs/sha256/"+h.Hex] = b
			return strings.ReplaceAll(text, "{"+name+"}", fmt.Sprintf(`"digest":"%s","size":%d`, h, len(b)))
		}
		config = strings.ReplaceAll(config, "{plain}", hashOf(layer).String())
		manifest = replace(replace(manifest, "config", []byte(config)), "layer", layer)
		m[indexFile] = []byte(replace(index, "manifest", []byte(manifest)))
		img, err := openLayout(t.Context(), m, "", NameLayout, OpenOptions{Platform: platform, Limits: rootfs.Limits{LayerBytes: 1 << 20}})
		if err != nil {
			if !isExpected(err) {
				t.Errorf("%v", err)
			}
			return
		}
		if string(img.Manifest) != manifest || string(img.Config) != config {
			t.Errorf("opened are other documents: %q, %q", img.Manifest, img.Config)
		}
		readLayers(t, img)
		wantAppended(t, img)
	})
}

// wantAppended adds a layer and a history entry.
func wantAppended(t *testing.T, img *Image) {
	t.Helper()
	added := Layer{Descriptor: v1.Descriptor{MediaType: types.OCILayer, Digest: hashOf(nil), Size: 0}, DiffID: hashOf(nil),
		open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("")), nil }}
	got, err := Append(t.Context(), img, AppendOptions{Layer: &added, Created: time.Unix(0, 0), CreatedBy: "fuzzing"})
	if err != nil {
		t.Fatalf("adding to %q, %q: %v", img.Manifest, img.Config, err)
	}
	doc, err := parseDocument(got.Manifest, types.MediaType(got.MediaType))
	if err != nil || doc.config.Digest != hashOf(got.Config) || doc.config.Size != int64(len(got.Config)) || len(doc.layers) != len(img.Layers)+1 {
		t.Fatalf("%q became %q: %v", img.Manifest, got.Manifest, err)
	}
	c, err := parseConfig(got.Config)
	if err != nil || len(c.RootFS.DiffIDs) != len(img.Layers)+1 || c.RootFS.DiffIDs[len(img.Layers)] != added.DiffID {
		t.Fatalf("%q became %q: %v", img.Config, got.Config, err)
	}
	for _, pair := range []struct {
		was, is []byte
		changes []string
	}{{img.Manifest, got.Manifest, []string{"config", "layers"}}, {img.Config, got.Config, []string{"history", "rootfs"}}} {
		var kept [2][]byte
		for i, raw := range [][]byte{pair.was, pair.is} {
			o, err := parseObject(raw)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range pair.changes {
				o = o.remove(name)
			}
			kept[i] = o.bytes()
		}
		if !bytes.Equal(kept[0], kept[1]) {
			t.Errorf("%q became %q", kept[0], kept[1])
		}
	}
}
