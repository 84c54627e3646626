package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// putBlob stores content in a layout.
func putBlob(t *testing.T, layout string, content []byte) (digest string) {
	t.Helper()
	sum := sha256.Sum256(content)
	digest = "sha256:" + hex.EncodeToString(sum[:])
	if err := os.MkdirAll(filepath.Join(layout, "blobs/sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(blobPath(layout, digest), content, 0o644); err != nil {
		t.Fatal(err)
	}
	return digest
}

// putLayer stores a layer of files, zipped or not.
func putLayer(t *testing.T, layout string, files map[string]string, zipped bool) (digest, diffID string) {
	t.Helper()
	var plain, packed bytes.Buffer
	w := tar.NewWriter(&plain)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(files[name]))})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	diffID = putBlob(t, layout, plain.Bytes())
	if !zipped {
		return diffID, diffID
	}
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(plain.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return putBlob(t, layout, packed.Bytes()), diffID
}

// makeLayout makes a layout of an image with a base layer, tag latest, and, if there is a change, of one with a layer
// more, tag changed.
func makeLayout(t *testing.T, layout string, change map[string]string) string {
	t.Helper()
	digest, diffID := putLayer(t, layout, map[string]string{"etc/base": strings.Repeat("base", 100_000)}, true)
	layers := []map[string]string{{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest}}
	diffIDs := []string{diffID}
	manifests := []any{putManifest(t, layout, "latest", layers, diffIDs)}
	if change != nil {
		digest, diffID := putLayer(t, layout, change, false)
		layers = append(layers, map[string]string{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest})
		manifests = append(manifests, putManifest(t, layout, "changed", layers, append(diffIDs, diffID)))
	}
	raw, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": manifests})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(layout, "index.json"), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return layout
}

func putManifest(t *testing.T, layout, tag string, layers []map[string]string, diffIDs []string) any {
	t.Helper()
	config, err := json.Marshal(map[string]any{"rootfs": map[string]any{"diff_ids": diffIDs}})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(map[string]any{"config": map[string]string{"digest": putBlob(t, layout, config)}, "layers": layers})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"digest": putBlob(t, layout, raw), "annotations": map[string]string{tagAnnotation: tag}}
}

func TestCheckImage(t *testing.T) {
	want := changedFiles(3, 1)
	some, wrong, extra := maps.Clone(want), maps.Clone(want), maps.Clone(want)
	for name := range want {
		delete(some, name)
		wrong[name] += "more"
		break
	}
	extra["etc/other"] = "too"
	for _, c := range []struct {
		name, complaint string
		top             map[string]string
		layers          int
	}{
		{"whole", "", want, 1},
		{"whole and more", "", extra, 1},
		{"missing", "1 files of the change", some, 1},
		{"wrong", "1 files of the change", wrong, 1},
		{"of another run", "3 files of the change", changedFiles(3, 2), 1},
		{"no layer more", "image has 2 layers", want, 2},
		{"not there", "looking for tag changed", nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := checkImage(makeLayout(t, t.TempDir(), c.top), c.layers, want)
			if c.complaint == "" && err != nil || c.complaint != "" && (err == nil || !strings.Contains(err.Error(), c.complaint)) {
				t.Errorf("got %v, want %q", err, c.complaint)
			}
		})
	}
}

func TestCheckBlame(t *testing.T) {
	line := `{"type":"change","path":"/%s","by":[{"kind":"%s","entity":"file:/%s"}]}` + "\n"
	const a, b = "etc/bench/part0/file000.conf", "etc/bench/part1/file001.conf"
	for _, c := range []struct {
		name, log string
		ok        bool
	}{
		{"both", `{"type":"build"}` + "\n" + fmt.Sprintf(line+line, a, "entity", a, b, "entity", b), true},
		{"one", fmt.Sprintf(line, a, "entity", a), false},
		{"the other's", fmt.Sprintf(line+line, a, "entity", a, b, "entity", a), false},
		{"resources", fmt.Sprintf(line+line, a, "entity", a, b, "resources", b), false},
		{"torn", `{"type":"change","pa`, false},
	} {
		log := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(log, []byte(c.log), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := checkBlame(log, changedFiles(2, 1)); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestUntag: the tag is gone, the other one and the blobs are not, nor what else the index says.
func TestUntag(t *testing.T) {
	layout := makeLayout(t, t.TempDir(), changedFiles(1, 1))
	before, err := filepath.Glob(filepath.Join(layout, "blobs/sha256/*"))
	if err != nil {
		t.Fatal(err)
	}
	if err := untag(layout, "changed"); err != nil {
		t.Fatal(err)
	}
	if _, err := manifestOf(layout, "changed"); err == nil {
		t.Error("the tag is still there")
	}
	if n, err := countLayers(layout, "latest"); n != 1 || err != nil {
		t.Errorf("the other one has %d layers, %v", n, err)
	}
	after, err := filepath.Glob(filepath.Join(layout, "blobs/sha256/*"))
	if err != nil || len(after) != len(before) || len(after) == 0 {
		t.Errorf("%d blobs, %v, want %d", len(after), err, len(before))
	}
	var index struct{ SchemaVersion int }
	if err := readJSON(filepath.Join(layout, "index.json"), &index); err != nil || index.SchemaVersion != 2 {
		t.Errorf("index says %v, %v", index, err)
	}
}

// TestFloor: it reads all, so that nothing wrong passes.
func TestFloor(t *testing.T) {
	layout := makeLayout(t, t.TempDir(), nil)
	if err := inflateAndHash(t.Context(), layout, "latest"); err != nil {
		t.Fatal(err)
	}
	m, err := manifestOf(layout, "latest")
	if err != nil {
		t.Fatal(err)
	}
	blob := blobPath(layout, m.Layers[0].Digest)
	good, err := os.ReadFile(blob)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"truncated": good[:len(good)-1], "empty": nil, "longer": append(bytes.Clone(good), "junk"...), "plain": []byte("no gzip"),
	} {
		if err := os.WriteFile(blob, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := inflateAndHash(t.Context(), layout, "latest"); err == nil {
			t.Errorf("a %s layer, and no complaint", name)
		}
	}
}
