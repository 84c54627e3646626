package oci_test

import (
	"path/filepath"
	"testing"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/ocitest"
)

func inDir(name string) func(*testing.T) (string, string) {
	return func(t *testing.T) (string, string) {
		dir := t.TempDir()
		return filepath.Join(dir, name), dir
	}
}

func TestLayout(t *testing.T) {
	ocitest.Suite{Transport: oci.Layout{}, Rest: inDir("layout:v1")}.Run(t)
}

func TestArchive(t *testing.T) {
	ocitest.Suite{Transport: oci.Archive{}, Rest: inDir("image.tar")}.Run(t)
}

func TestDockerArchive(t *testing.T) {
	ocitest.Suite{Transport: oci.DockerArchive{}, Rest: inDir("image.tar:example.org/app:v1"), NoManifest: true}.Run(t)
}

func TestRegistry(t *testing.T) {
	ocitest.Suite{Transport: oci.Registry{}, Rest: func(t *testing.T) (string, string) {
		return "//" + ocitest.Registry(t, nil).Host + "/app:v1", ""
	}}.Run(t)
}
