package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestHeldFiles: what a plugin makes immutable or append-only in the staging root is packed as it is, and goes with it.
func TestHeldFiles(t *testing.T) {
	rootfstest.NeedRoot(t)
	probe := filepath.Join(t.TempDir(), "probe")
	writeResource(t, probe, "", 0o644)
	if out, err := exec.Command("chattr", "+i", probe).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: %s", err, out)
		}
		t.Skipf("chattr, of e2fsprogs, on a file system that has such flags, by who may set them: %v: %s", err, out)
	}
	if err := exec.Command("chattr", "-i", probe).Run(); err != nil {
		t.Fatal(err)
	}
	var want string
	for _, stage := range []string{stageCopy, stageMount, stageAuto} {
		c := newCachedBuilds(t, stage)
		writeResource(t, filepath.Join(c.dir, "holo-hold"), `#!/bin/sh -e
case $1 in
info) printf 'MIN_API_VERSION=3\nMAX_API_VERSION=3\n' ;;
scan) echo 'ENTITY: hold:1' ;;
apply)
  mkdir -p etc/held/sub
  echo a >etc/held/sub/a
  echo b >etc/group
  echo c >etc/passwd # of a file that was not written to, EROFS has no flags to change
  chattr +a etc/group etc/held/sub
  chattr +i etc/held/sub/a etc/held etc/passwd "$HOLO_CACHE_DIR" ;;
esac
`, 0o755)
		writeResource(t, filepath.Join(c.dir, "resources/hold/x"), "", 0o644)
		c.args = append(c.args, "--sandbox", "none", "--plugin", "hold="+filepath.Join(c.dir, "holo-hold"))
		b := c.build(c.source)
		if want == "" {
			want = b.digest
		}
		c.right(stage, b, want) // with nothing left in TMPDIR
		if b := c.build(c.source, "--plugin", "none"); b.status != 1 {
			t.Errorf("%s: a build that fails: %+v", stage, b)
		}
	}
}
