package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestGoldenDiffIDs pins the layers that the demo's resources make of the committed images. A DiffID changes if the
// image, the resources below testdata/demo or the plugin holo-greeting do; if the plugin files provisions otherwise or
// keeps other books; if a layer is written otherwise: what belongs to it, the order, the headers. The last is a change
// that users see, as all their digests change.
func TestGoldenDiffIDs(t *testing.T) {
	for image, want := range map[string]string{
		"minimal":    "sha256:87af5c5d331d7b6850c2cf98de3e861a63f98d2810eb5d5a8a0d38e92890bc84",
		"two-layers": "sha256:c84683e5fc5a010976f4f7bde33945fcab134afdbb98794bab2db74cd92b7116",
	} {
		if got := buildGolden(t, image).DiffID; got != want {
			t.Errorf("%s: got %s, want %s", image, got, want)
		}
	}
}

// TestGoldenDigests pins the manifests, and with them the compressed layers. Those may change with the compressors, so
// this holds for the versions that it names: another version gets digests of its own here.
func TestGoldenDigests(t *testing.T) {
	const versions = "compress v1.20.3, pgzip v1.3.0"
	text, err := os.ReadFile(filepath.Join(repository, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, module := range []string{"compress", "pgzip"} {
		m := regexp.MustCompile(`(?m)^\s*github.com/klauspost/` + module + ` (\S+)`).FindSubmatch(text)
		if m == nil {
			t.Fatalf("go.mod does not require %s", module)
		}
		if got != "" {
			got += ", "
		}
		got += module + " " + string(m[1])
	}
	if got != versions {
		t.Fatalf("go.mod has %s, the digests are those of %s: write down the new ones", got, versions)
	}
	// Of more than one block of any compressor.
	var numbers bytes.Buffer
	for n := range 600_000 {
		fmt.Fprintln(&numbers, n)
	}
	large := t.TempDir()
	writeResource(t, filepath.Join(large, "files/90-large/srv/numbers"), numbers.String(), 0o644)
	for _, c := range []struct{ image, compression, want string }{
		{"minimal", "gzip", "sha256:9d3b7217257d6433b5ebb78bb485e3d9186c90d88f457f3569ba4da0fff40771"},
		{"minimal", "zstd", "sha256:1e5083ca474cb9e37f288d9c91537dd3ad25ed64662dd97c65f83fbb93734013"},
		{"two-layers", "gzip", "sha256:6161ac09a4548192f19b77f5c9a99854aca41573895dd8e0117a13af31e72e47"},
		{"two-layers", "zstd", "sha256:b23113747475b8c1a6c4be3c657a4c855413aabaeaf81ad9dc21dcf28f4aa1ba"},
	} {
		if got := buildGolden(t, c.image, "--compress", c.compression, "-r", large).Digest; got != c.want {
			t.Errorf("%s, %s: got %s, want %s", c.image, c.compression, got, c.want)
		}
	}
}

// buildGolden provisions a committed image with the demo's resources, and more flags.
func buildGolden(t *testing.T, image string, flags ...string) (m metadata) {
	t.Helper()
	data, dir := filepath.Join(repository, "testdata"), t.TempDir()
	file := filepath.Join(dir, "metadata.json")
	var out bytes.Buffer
	status := run(append([]string{
		"holo-build", "build", "oci:" + filepath.Join(data, "images", image), "-q", "-r", filepath.Join(data, "demo"),
		"--plugin", "greeting=" + filepath.Join(data, "demo-plugins/holo-greeting"),
		"-o", "oci:" + filepath.Join(dir, "out"), "--metadata-file", file,
	}, flags...), testProcess(dir, &out))
	if status != 0 {
		t.Fatalf("exit status %d", status)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}
