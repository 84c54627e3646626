package holo

import (
	"testing"

	"github.com/holo-build/holo-build/rootfs"
)

func TestResourcesDigest(t *testing.T) {
	t.Parallel()
	digest := func(image []string, dirs ...[]string) string {
		var paths []string
		for _, lines := range dirs {
			paths = append(paths, writeTree(t, t.TempDir(), lines...))
		}
		r, err := ReadResources(t.Context(), openHost(t, writeTree(t, t.TempDir(), image...)), paths, rootfs.Limits{})
		must(t, err)
		return r.Digest()
	}
	base := []string{"files/a x", "files/b* y", "files/c -> z", "files/d/"}
	want := digest(nil, base)
	for name, got := range map[string]string{
		"order of trees":        digest(nil, base[2:], base[:2]),
		"overlapping trees":     digest(nil, base, base),
		"the image's resources": digest([]string{"usr/share/holo/files/q x", "usr/share/holo/files/a old"}, base),
		"files at the top":      digest(nil, append([]string{"README x"}, base...)),
	} {
		if got != want {
			t.Errorf("digest depends on %s: %s, not %s", name, got, want)
		}
	}
	seen := map[string]string{want: "the base"}
	for name, lines := range map[string][]string{
		"content": {"files/a X", base[1], base[2], base[3]}, "execute bit": {"files/a* x", base[1], base[2], base[3]},
		"link target": {base[0], base[1], "files/c -> y", base[3]}, "type": {base[0], base[1], "files/c z", base[3]},
		"name": {"files/A x", base[1], base[2], base[3]}, "directory": base[:3], "nothing": {},
	} {
		got := digest(nil, lines)
		if other, ok := seen[got]; ok {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[got] = name
	}
}

func TestTranslate(t *testing.T) {
	t.Parallel()
	r := &Resources{}
	for in, want := range map[string]string{
		"$HOLO_RESOURCE_DIR/01/etc/a": "$HOLO_ROOT_DIR/usr/share/holo/files/01/etc/a",
		"$HOLO_RESOURCE_DIR":          "$HOLO_ROOT_DIR/usr/share/holo/files",
		"$HOLO_RESOURCE_DIRECTORY/x":  "$HOLO_RESOURCE_DIRECTORY/x",
		"x $HOLO_RESOURCE_DIR/x":      "x $HOLO_RESOURCE_DIR/x",
		"/etc/foo":                    "/etc/foo",
		"":                            "",
	} {
		if got := r.Translate("files", in); got != want {
			t.Errorf("Translate(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestPluginIDs(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{"a": true, "0": true, "a-b-": true, "ssh-keys": true,
		"": false, "-a": false, "A": false, "a_b": false, "a.b": false, "../x": false, "a/b": false, "a\n": false, "ü": false} {
		if got := validResourceID(id); got != want {
			t.Errorf("%q: %v", id, got)
		}
	}
}
