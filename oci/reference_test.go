package oci

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const zeroDigest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

var references = []struct {
	in              string
	transport, rest string // of a source; both empty: ErrReference
	destination     bool   // it is a destination too
}{
	{"docker://alpine:3", "docker", "//alpine:3", true},
	{"docker://localhost:5000/a/b@" + zeroDigest, "docker", "//localhost:5000/a/b@" + zeroDigest, true},
	{"docker://a:1@" + zeroDigest, "docker", "//a:1@" + zeroDigest, true},
	{"alpine:3", "docker", "//alpine:3", false},
	{"alpine", "docker", "//alpine", false},
	{"example.org:5000/x/y:z", "docker", "//example.org:5000/x/y:z", false},
	{"alpine@" + zeroDigest, "docker", "//alpine@" + zeroDigest, false},
	{"oci:dir", "oci", "dir", true},
	{"oci:dir:tag", "oci", "dir:tag", true},
	{"oci:dir:docker.io/library/x:1", "oci", "dir:docker.io/library/x:1", true},
	{"oci-archive:-", "oci-archive", "-", true},
	{"oci-archive:f.tar:v1.2_3", "oci-archive", "f.tar:v1.2_3", true},
	{"docker-archive:f.tar:x:1", "docker-archive", "f.tar:x:1", true},
	{"rootfs:/some/dir", "rootfs", "/some/dir", true},
	{"rootfs:a:b", "rootfs", "a:b", true},
	{"tar:a.tar.gz", "tar", "a.tar.gz", true},
	{"tar:-", "tar", "-", true},
	{"scratch", "scratch", "", false},
	{"rootfs:/", "rootfs", "/", false},

	{in: ""},
	{in: ":"},
	{in: "docker:alpine"},
	{in: "docker://"},
	{in: "docker://UPPER/case/Name"},
	{in: "docker://a@sha256:../../x"},
	{in: "docker://a@sha256:" + strings.Repeat("0", 63)},
	{in: "docker://a@sha512:" + strings.Repeat("0", 128)},
	{in: "oci:"},
	{in: "oci::tag"},
	{in: "oci:dir:"},
	{in: "oci:dir:../x"},
	{in: "oci:dir:a b"},
	{in: "oci:dir\x00"},
	{in: "oci-archive:f:-"},
	{in: "docker-archive:f.tar:UPPER"},
	{in: "docker-archive:f.tar:"},
	{in: "rootfs:"},
	{in: "tar:"},
	{in: "scratch:x"},
	{in: "scratch:x:y"},
	{in: "squashfs:f"},
	{in: "erofs:f"},
	{in: "ext4:f"},
	{in: "docker-daemon:x"},
	{in: "containers-storage:x:1"},
	{in: "./not-there"},
	{in: "../not-there"},
	{in: "/not/there"},
	{in: "https://example.org/x"},
	{in: "a b"},
}

func TestParseReferences(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range references {
		transport, rest, err := ParseSource(test.in)
		if (transport == "") != (err != nil) || err != nil && !errors.Is(err, ErrReference) {
			t.Errorf("ParseSource(%q): %q, %q, %v", test.in, transport, rest, err)
		}
		if transport != test.transport || rest != test.rest {
			t.Errorf("ParseSource(%q) = %q, %q (%v), want %q, %q", test.in, transport, rest, err, test.transport, test.rest)
		}
		transport, rest, err = ParseDestination(test.in)
		if test.destination != (err == nil) || err != nil && !errors.Is(err, ErrReference) {
			t.Errorf("ParseDestination(%q): %q, %q, %v", test.in, transport, rest, err)
		}
		if test.destination && (transport != test.transport || rest != test.rest) {
			t.Errorf("ParseDestination(%q) = %q, %q", test.in, transport, rest)
		}
	}
}

func TestReservedTransportsSayWhatThereIs(t *testing.T) {
	for in, words := range map[string][]string{
		"containers-storage:x": {"not available in this version", "podman load", "skopeo copy", "oci-archive:"},
		"squashfs:x":           {"reserved", "oci-archive:"},
		"plain":                {"names no transport", "docker://"},
	} {
		_, _, err := ParseDestination(in)
		for _, w := range words {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v does not say %q", in, err, w)
			}
		}
	}
}

func tarOf(t *testing.T, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, n := range names {
		h := &tar.Header{Name: n, Typeflag: tar.TypeReg, Mode: 0o644}
		if strings.HasSuffix(n, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func compressed(t *testing.T, c Compression, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := deflate(&out, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestParseSourceLooksAtFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(name string, b []byte) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ociNames := []string{"blobs/", "blobs/sha256/", "index.json", "oci-layout"}
	dockerNames := []string{"blobs/", strings.Repeat("a", 64) + ".json", strings.Repeat("b", 64) + "/", "manifest.json", "repositories"}
	rootNames := []string{"./", "bin/", "etc/", "etc/manifest.json", "oci-layout/"}
	write("layout/oci-layout", []byte(layoutHead))
	write("tree/etc/x", nil)
	write("trick/oci-layout/x", nil)
	for _, c := range []Compression{None, Gzip, Zstd} {
		write("oci."+string(c), compressed(t, c, tarOf(t, ociNames...)))
		write("docker."+string(c), compressed(t, c, tarOf(t, dockerNames...)))
		write("both."+string(c), compressed(t, c, tarOf(t, append(dockerNames, ociNames...)...)))
		write("root."+string(c), compressed(t, c, tarOf(t, rootNames...)))
	}
	write("with:colon", tarOf(t, "etc/"))
	write("oci:colon/oci-layout", nil)
	want := map[string]string{
		"layout": "oci", "./layout": "oci", "tree": "rootfs", "tree/": "rootfs", "trick": "rootfs", "with:colon": "tar",
	}
	for _, c := range []string{"none", "gzip", "zstd"} {
		want["oci."+c], want["docker."+c], want["both."+c], want["root."+c] = "oci-archive", "docker-archive", "oci-archive", "tar"
	}
	for in, transport := range want {
		got, rest, err := ParseSource(in)
		if err != nil || got != transport || rest != in {
			t.Errorf("ParseSource(%q) = %q, %q, %v, want %q", in, got, rest, err, transport)
		}
	}
	write("text", []byte("#!/bin/sh\necho this is no image\n"))
	write("empty", nil)
	write("xz", []byte("\xfd7zXZ\x00rest"))
	write("l:colon/oci-layout", nil)
	for _, in := range []string{"text", "empty", "xz", "l:colon", "/dev/null"} {
		if got, _, err := ParseSource(in); err == nil {
			t.Errorf("ParseSource(%q) = %q", in, got)
		}
	}
}
