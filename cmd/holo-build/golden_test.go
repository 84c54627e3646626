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
		"minimal":    "sha256:f6d067d908555a516ff4aa10934c0762ac2abc7cd6b0be7155e51d5a68af7eb8",
		"two-layers": "sha256:8dc9b011e52db9124d22f0897a5df2800434d617c88d28a8b24396681a53183f",
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
		{"minimal", "gzip", "sha256:519fd1c2d4a21c6eac4ae65965d0a24b8dca57281a4ca300e17f8f3320f5d715"},
		{"minimal", "zstd", "sha256:45eff396c71cac9f3cd9e6daf3852052f50878e277224718d20a4b92f773c60f"},
		{"two-layers", "gzip", "sha256:c62771996f6a27d00fef9a5f5f19effcbc754371cd5b62d00b2238766d67c503"},
		{"two-layers", "zstd", "sha256:df3491fc675bd7f1aacdbaea309a4c3380864a9bf4d45ca242a28feb5c50ab92"},
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
