package erofs_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// TestFsck has fsck.erofs read whole images. That of Debian 12 (erofs-utils 1.5) knows all that we use: chunks,
// devices, inodes of 64 bytes, and the checksum; it looks at inodes, names and content, and not at attributes. Not
// all that it finds makes its exit status.
func TestFsck(t *testing.T) {
	tool, err := exec.LookPath("fsck.erofs")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("fsck.erofs is missing: make test-deps")
	}
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			where := t.TempDir()
			m := randomModel(100+seed, 300)
			image, devices := m.store(t, where)
			args := []string{"--extract"}
			for _, d := range devices {
				args = append(args, "--device="+d.Name())
			}
			if out, err := exec.Command(tool, append(args, image.Name())...).CombinedOutput(); err != nil || bytes.Contains(out, []byte("<E>")) {
				t.Errorf("%v\n%s", err, out)
			}
			bad := m.image(t)
			bad[1500] ^= 1 // within the checksum
			if out, err := exec.Command(tool, append(args, stored(t, where+"/bad", bad).Name())...).CombinedOutput(); err == nil && !bytes.Contains(out, []byte("<E>")) {
				t.Errorf("a bad image passes\n%s", out)
			}
		})
	}
}
