package main

import (
	"errors"
	"testing"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
)

func TestParseLimits(t *testing.T) {
	got, err := parseLimits([]string{"layer=2T", "file=1", "entries=3K", "ratio=9", "name=8M", "xattrs=2", "document=4G", "output=5", "layers=7",
		"plugin-memory=1G", "plugin-file=2K", "plugin-processes=3"})
	want := limits{rootfs.Limits{LayerBytes: 2 << 40, FileBytes: 1, Entries: 3 << 10, Ratio: 9, NameBytes: 8 << 20, XattrBytes: 2,
		Document: 4 << 30, OutputBytes: 5, Layers: 7},
		sandbox.Limits{Memory: 1 << 30, FileSize: 2 << 10, Processes: 3}}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, v := range []string{"", "layer", "layer=", "layer=0", "layer=-1", "layer=1KK", "layer=K", "layer=1k", "layer=99999999T",
		"layer=1.5G", "frob=1", "=1", "layer=9223372036854775808"} {
		if _, err := parseLimits([]string{v}); exitStatus(err) != exitUsage {
			t.Errorf("%q: %v", v, err)
		}
	}
	if err := withWayOut(errors.New("other")); err.Error() != "other" {
		t.Errorf("got %v", err)
	}
}
