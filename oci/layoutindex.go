package oci

import (
	"encoding/json"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// setTag puts an entry for a tag into index.json. An entry that has the tag is replaced in its place, any further one
// of the same tag goes, and everything else stays as it was written. raw is nil for a new index.
func setTag(raw []byte, entry v1.Descriptor, tag string) ([]byte, error) {
	doc := object{{name: "schemaVersion", value: encode(2)}, {name: "mediaType", value: encode(types.OCIImageIndex)}}
	if raw != nil {
		if _, err := parseIndex(raw); err != nil {
			return nil, err
		}
		var err error
		if doc, err = parseObject(raw); err != nil {
			return nil, err
		}
	}
	list, err := parseArray(doc.get("manifests"))
	if err != nil {
		return nil, err
	}
	var out []json.RawMessage
	placed, same := false, false
	for _, e := range list {
		d, err := parseDescriptor(e)
		if err != nil {
			return nil, err
		}
		switch {
		case d.Annotations[refNameKey] != tag:
			out = append(out, e)
		case !placed:
			placed = true
			same = d.Digest == entry.Digest && d.Size == entry.Size && d.MediaType == entry.MediaType
			if same {
				out = append(out, e)
			} else {
				out = append(out, encode(entry))
			}
		}
	}
	if same && len(out) == len(list) {
		return raw, nil
	}
	if !placed {
		out = append(out, encode(entry))
	}
	return doc.set("manifests", joinArray(out)).bytes(), nil
}
