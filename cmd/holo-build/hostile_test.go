package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/holo-build/holo-build/oci/ocitest"
)

// hostileImages makes layouts that no build may take, or that try to lead it astray, a directory for each kind, and
// returns the directory above them.
func hostileImages(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	small := ocitest.Small(t, ocitest.Options{})
	for kind, edit := range map[string]func(l layoutEditor){
		"truncated":    func(l layoutEditor) { l.editFile(l.lastLayer(), func(b []byte) []byte { return b[:len(b)/2] }) },
		"flipped":      func(l layoutEditor) { l.editFile(l.lastLayer(), flip) },
		"longer":       func(l layoutEditor) { l.editFile(l.lastLayer(), func(b []byte) []byte { return append(b, 0) }) },
		"missing":      func(l layoutEditor) { l.remove(l.lastLayer()) },
		"wrong-size":   func(l layoutEditor) { l.editLayer(func(d document) { d["size"] = d["size"].(float64) + 1 }) },
		"wrong-diffid": layoutEditor.confuseDiffIDs,
		"flipped-json": func(l layoutEditor) { l.editFile(l.config(), flip) },
		"layer-type":   func(l layoutEditor) { l.editLayer(func(d document) { d["mediaType"] = "text/x-layer" }) },
		"config-type": func(l layoutEditor) {
			l.editManifest(func(m document) { m["config"].(document)["mediaType"] = "text/x-config" })
		},
		"manifest-type": func(l layoutEditor) { l.editIndex(func(d document) { d["mediaType"] = "text/x-manifest" }) },
		"no-json":       func(l layoutEditor) { l.editFile(l.index(), func([]byte) []byte { return []byte("]") }) },
		"no-layout":     func(l layoutEditor) { l.remove(filepath.Join(l.dir, "oci-layout")) },
	} {
		edit(newLayoutEditor(t, ocitest.Layout(t, small), filepath.Join(top, kind)))
	}
	for kind, entries := range hostileLayers() {
		img := ocitest.Image(t, ocitest.Options{}, []ocitest.Entry{ocitest.Dir("etc"), ocitest.Dir("tmp")}, entries)
		newLayoutEditor(t, ocitest.Layout(t, img), filepath.Join(top, kind))
	}
	return top
}

// hostileLayers are layers whose names or links are to lead out of the root, or make no sense.
func hostileLayers() map[string][]ocitest.Entry {
	hardLink := func(name, target string) ocitest.Entry {
		return ocitest.Entry{Header: tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target}}
	}
	return map[string][]ocitest.Entry{
		"dotdot":         {ocitest.File("../escaped", "x")},
		"inner-dotdot":   {ocitest.File("etc/../../escaped", "x")},
		"absolute":       {ocitest.File("/etc/absolute", "x")},
		"through-link":   {ocitest.Link("link", "../../../../../../../../etc"), ocitest.File("link/through", "x")},
		"through-none":   {ocitest.Link("link", "/nowhere"), ocitest.File("link/through", "x")},
		"through-file":   {ocitest.File("file", "x"), ocitest.File("file/below", "x")},
		"through-loop":   {ocitest.Link("a", "b"), ocitest.Link("b", "a"), ocitest.File("a/c", "x")},
		"hardlink-out":   {hardLink("passwd", "../../../../../../etc/passwd")},
		"hardlink-none":  {hardLink("passwd", "nothing")},
		"whiteout-alone": {ocitest.File("etc/.wh.", "")},
		"odd-type":       {{Header: tar.Header{Typeflag: 'Z', Name: "odd"}}},
	}
}

type document = map[string]any

// layoutEditor changes a copy of an image layout.
type layoutEditor struct {
	t   *testing.T
	dir string
}

func newLayoutEditor(t *testing.T, from, to string) layoutEditor {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return layoutEditor{t, to}
}

// index, config and lastLayer return the names of files.
func (l layoutEditor) index() string { return filepath.Join(l.dir, "index.json") }

func (l layoutEditor) config() string { return l.blob(l.manifest()["config"].(document)) }

func (l layoutEditor) lastLayer() string {
	layers := l.manifest()["layers"].([]any)
	return l.blob(layers[len(layers)-1].(document))
}

// blob returns the file that a descriptor refers to.
func (l layoutEditor) blob(d document) string {
	return filepath.Join(l.dir, "blobs/sha256", d["digest"].(string)[len("sha256:"):])
}

func (l layoutEditor) manifest() document {
	return l.read(l.blob(l.read(l.index())["manifests"].([]any)[0].(document)))
}

// editIndex changes the only entry of the index.
func (l layoutEditor) editIndex(edit func(entry document)) {
	index := l.read(l.index())
	edit(index["manifests"].([]any)[0].(document))
	l.write(l.index(), l.encode(index))
}

// editManifest changes the manifest, and lets the index refer to the new one.
func (l layoutEditor) editManifest(edit func(manifest document)) {
	m := l.manifest()
	edit(m)
	l.editIndex(func(entry document) { l.put(entry, m) })
}

// editLayer changes the descriptor of the last layer.
func (l layoutEditor) editLayer(edit func(layer document)) {
	l.editManifest(func(m document) {
		layers := m["layers"].([]any)
		edit(layers[len(layers)-1].(document))
	})
}

// confuseDiffIDs makes the configuration claim the DiffID of the first layer for the last one.
func (l layoutEditor) confuseDiffIDs() {
	config := l.read(l.config())
	ids := config["rootfs"].(document)["diff_ids"].([]any)
	ids[len(ids)-1] = ids[0]
	l.editManifest(func(m document) { l.put(m["config"].(document), config) })
}

// put writes a document as a blob and lets a descriptor refer to it.
func (l layoutEditor) put(d, content document) {
	blob := l.encode(content)
	d["digest"], d["size"] = fmt.Sprintf("sha256:%x", sha256.Sum256(blob)), len(blob)
	l.write(l.blob(d), blob)
}

func (l layoutEditor) encode(d document) []byte {
	b, err := json.Marshal(d)
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

func (l layoutEditor) read(file string) (d document) {
	readJSON(l.t, file, &d)
	return d
}

func (l layoutEditor) write(file string, b []byte) {
	if err := os.WriteFile(file, b, 0o644); err != nil {
		l.t.Fatal(err)
	}
}

func (l layoutEditor) editFile(file string, edit func([]byte) []byte) {
	b, err := os.ReadFile(file)
	if err != nil {
		l.t.Fatal(err)
	}
	l.write(file, edit(b))
}

func (l layoutEditor) remove(file string) {
	if err := os.Remove(file); err != nil {
		l.t.Fatal(err)
	}
}

// flip changes one bit in the middle.
func flip(b []byte) []byte {
	b[len(b)/2] ^= 1
	return b
}
