package holotest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestImageCase: a case may begin with an image, and only what changed is compared.
func TestImageCase(t *testing.T) {
	w := newWorld(t, `
-- c/source-image --
# an image
oci:../image

platform linux/arm64
-- c/source-tree --
holo-build tree 1 changes
file 0644 - ./etc/do
[ $1 != apply ] || { echo new >target/etc/new; rm -r target/opt target/etc/old; chmod 600 target/etc/kept; printf '\0' >target/etc/.bin; }
-
deleted ./etc/unwanted
-
-- c/expected-tree --
holo-build tree 1 changes
file      0644 - base64 ./etc/.bin
AA==
`+sep+`
file      0600 - ./etc/kept
kept
`+sep+`
file      0644 - ./etc/new
new
`+sep+`
deleted   ./etc/old
`+sep+`
deleted   ./opt
`+sep+`
`)
	w.o.Image = func(_ context.Context, caseDir, ref, platform, dir string) error {
		if filepath.Base(caseDir) != "c" || ref != "oci:../image" || platform != "linux/arm64" {
			t.Errorf("%s %s %s", caseDir, ref, platform)
		}
		for _, name := range []string{"etc/old", "etc/kept", "etc/unwanted/x", "opt/a/b"} {
			p := filepath.Join(dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(filepath.Base(name)+"\n"), 0o644)); err != nil {
				return err
			}
		}
		return nil
	}
	w.expect("c: scan-output(missing) diff-output(missing) apply-output(missing)\n", "c")
	w.o.Update = true
	w.run("c")
	w.expect("c: passed\n", "c")
}

// TestFullCase: the expected tree says how much of the tree is compared.
func TestFullCase(t *testing.T) {
	w := newWorld(t, source+"-- c/expected-tree --\nholo-build tree 1\n")
	w.o.Update = true
	w.run("c")
	got := w.read("c/expected-tree")
	if !strings.HasPrefix(got, "holo-build tree 1\nfile      0644 - ./etc/do\n") {
		t.Error(got)
	}
	w.expect("c: passed\n", "c")
	if os.Geteuid() != 0 {
		w.write("c/source-tree", "holo-build tree 1\nfile 0644 0:0 ./x\n")
		if got := w.run("c"); !strings.HasPrefix(got, "c: error: source-tree: making ./x: that takes root: ") {
			t.Error(got)
		}
		return
	}
	w.write("c/source-tree", "holo-build tree 1\nfile 0644 12:34 ./etc/do\n[ $1 != apply ] || chown 56 target/etc/do\n-\nchar 0600 - ./n\n1,3\n-\n")
	w.run("c")
	got = w.read("c/expected-tree")
	if !strings.Contains(got, "file      0644 56:34 ./etc/do\n") || !strings.Contains(got, "char      0600 - ./n\n1,3\n") {
		t.Error(got)
	}
	w.expect("c: passed\n", "c")
}
