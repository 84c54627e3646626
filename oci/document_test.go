package oci

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

var (
	testDigest = "sha256:" + strings.Repeat("ab", 32)
	testConfig = `{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"` + testDigest + `","size":2}`
	testLayer  = `{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"` + testDigest + `","size":2}`
)

func TestParseDocument(t *testing.T) {
	const manifest, index = types.OCIManifestSchema1, types.OCIImageIndex
	tests := map[string]struct {
		raw     string
		claimed types.MediaType
		want    error // nil: it is accepted
	}{
		"manifest":             {`{"schemaVersion":2,"config":` + testConfig + `,"layers":[` + testLayer + `]}`, manifest, nil},
		"nobody says":          {`{"schemaVersion":2,"config":` + testConfig + `,"layers":[]}`, "", nil},
		"index":                {`{"schemaVersion":2,"manifests":[]}`, index, nil},
		"unknown members":      {`{"schemaVersion":2,"manifests":[],"x":{"manifests":1}}`, index, nil},
		"both":                 {`{"schemaVersion":2,"manifests":[],"layers":[]}`, "", ErrDocument},
		"index with config":    {`{"schemaVersion":2,"manifests":[],"config":` + testConfig + `}`, index, ErrDocument},
		"header is another":    {`{"schemaVersion":2,"mediaType":"` + string(index) + `","manifests":[]}`, manifest, ErrDocument},
		"header only":          {`{"schemaVersion":2,"manifests":[]}`, manifest, ErrDocument},
		"neither":              {`{"schemaVersion":2}`, "", ErrDocument},
		"schema 1":             {`{"schemaVersion":1}`, types.DockerManifestSchema1, ErrMediaType},
		"schemaVersion 1":      {`{"schemaVersion":1,"config":` + testConfig + `,"layers":[]}`, manifest, ErrDocument},
		"no schemaVersion":     {`{"config":` + testConfig + `,"layers":[]}`, manifest, ErrDocument},
		"unknown type":         {`{"schemaVersion":2,"mediaType":"text/plain"}`, "", ErrMediaType},
		"type is a number":     {`{"schemaVersion":2,"mediaType":1}`, "", ErrDocument},
		"member twice":         {`{"schemaVersion":2,"manifests":[],"manifests":[]}`, index, ErrDocument},
		"inner member twice":   {`{"schemaVersion":2,"manifests":[],"annotations":{"a":"1","a":"2"}}`, index, ErrDocument},
		"member in other case": {`{"schemaVersion":2,"manifests":[],"Layers":[]}`, index, ErrDocument},
		"digest in other case": {`{"schemaVersion":2,"manifests":[{"mediaType":"a","Digest":"` + testDigest + `","size":1}]}`, index, ErrDocument},
		"negative size":        {strings.Replace(`{"schemaVersion":2,"config":`+testConfig+`,"layers":[]}`, `"size":2`, `"size":-2`, 1), manifest, ErrDocument},
		"size with a fraction": {strings.Replace(`{"schemaVersion":2,"config":`+testConfig+`,"layers":[]}`, `"size":2`, `"size":2.5`, 1), manifest, ErrDocument},
		"digest is a path":     {strings.Replace(`{"schemaVersion":2,"config":`+testConfig+`,"layers":[]}`, testDigest, "sha256:../../x", 1), manifest, ErrDocument},
		"digest in upper case": {strings.Replace(`{"schemaVersion":2,"config":`+testConfig+`,"layers":[]}`, testDigest, "sha256:"+strings.Repeat("AB", 32), 1), manifest, ErrDocument},
		"no digest":            {`{"schemaVersion":2,"config":{"mediaType":"` + string(types.OCIConfigJSON) + `","size":2},"layers":[]}`, manifest, ErrDocument},
		"no config":            {`{"schemaVersion":2,"layers":[]}`, manifest, ErrDocument},
		"artifact":             {strings.Replace(`{"schemaVersion":2,"config":`+testConfig+`,"layers":[]}`, "image.config", "other", 1), manifest, ErrMediaType},
		"unknown layer":        {strings.Replace(`{"schemaVersion":2,"config":`+testConfig+`,"layers":[`+testLayer+`]}`, "tar+gzip", "tar+brotli", 1), manifest, ErrMediaType},
		"layers is an object":  {`{"schemaVersion":2,"config":` + testConfig + `,"layers":{}}`, manifest, ErrDocument},
		"not an object":        {`[]`, "", ErrDocument},
		"empty":                {``, "", ErrDocument},
		"cut":                  {`{"schemaVersion":2,`, "", ErrDocument},
		"something follows":    {`{"schemaVersion":2,"manifests":[]} {}`, index, ErrDocument},
		"deep":                 {`{"schemaVersion":2,"manifests":[],"x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`, index, ErrDocument},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := parseDocument([]byte(test.raw), test.claimed); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

func TestParseConfig(t *testing.T) {
	for name, raw := range map[string]string{
		"no rootfs":        `{"os":"linux"}`,
		"wrong type":       `{"rootfs":{"type":"x","diff_ids":[]}}`,
		"bad digest":       `{"rootfs":{"type":"layers","diff_ids":["sha256:../x"]}}`,
		"twice":            `{"rootfs":{"type":"layers","diff_ids":[],"diff_ids":[]}}`,
		"other case":       `{"RootFS":{"type":"layers","diff_ids":[]}}`,
		"inner other case": `{"rootfs":{"type":"layers","Diff_IDs":[]}}`,
		"bad time":         `{"created":"yesterday","rootfs":{"type":"layers","diff_ids":[]}}`,
		"null":             `null`,
	} {
		if _, err := parseConfig([]byte(raw)); !errors.Is(err, ErrDocument) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := parseConfig([]byte(`{"created":null,"rootfs":{"type":"layers","diff_ids":[]},"x":1e400}`)); err != nil {
		t.Error(err)
	}
}
