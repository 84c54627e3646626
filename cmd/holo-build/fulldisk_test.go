package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestFullDisk builds where there is too little room: for the staging root, for a destination, for the log. It fails
// with one clear error, and nothing is left on either disk. The same build with enough room is done.
func TestFullDisk(t *testing.T) {
	rootfstest.NeedRoot(t)
	s := newStandstill(t)
	s.file("resources/files/10-a/etc/motd", "hello\n", 0o644)
	// What does not compress, so that the layer is as large.
	s.file("resources/files/10-a/etc/noise", ocitest.Noise(1, 600_000), 0o644)
	small := filepath.Join(s.dir, "small")
	few := filepath.Join(s.dir, "few")
	rootfstest.Tmpfs(t, small, "size=512k")
	rootfstest.Tmpfs(t, few, "nr_inodes=6")
	for _, c := range []struct {
		name, tmp, dest string
		want            string // empty: it succeeds
	}{
		{"room", "tmp", "tar:out/tree.tar", ""},
		{"staging root", "small", "tar:out/tree.tar", "no space left on device"},
		{"staging root, no inodes", "few", "tar:out/tree.tar --stage=copy", "few: set TMPDIR to a directory with more room)"},
		{"layers, no inodes", "few", "tar:out/tree.tar --no-cache", "no space left on device"},
		{"tar", "tmp", "tar:small/tree.tar", "writing tar:small/tree.tar: "},
		{"tar, compressed", "tmp", "tar:small/tree.tar.zst", "writing tar:small/tree.tar.zst: "},
		{"layout", "tmp", "oci:small/layout", "writing oci:small/layout: "},
		{"layout, no inodes", "tmp", "oci:few/layout", "writing oci:few/layout: "},
		{"oci-archive", "tmp", "oci-archive:small/a.tar", "writing oci-archive:small/a.tar: "},
		{"docker-archive", "tmp", "docker-archive:small/d.tar", "writing docker-archive:small/d.tar: "},
		{"rootfs", "tmp", "rootfs:small/tree", "writing rootfs:small/tree: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.stderr.Reset()
			cmd := s.command(append([]string{"oci:" + s.image, "-r", "resources", "-o", "oci:out/layout", "-o"}, strings.Fields(c.dest)...)...)
			cmd.Dir = s.dir
			cmd.Env = append(cmd.Environ(), "TMPDIR="+filepath.Join(s.dir, c.tmp))
			out, err := cmd.Output()
			said := s.stderr.String()
			if c.want == "" {
				if err != nil {
					t.Fatalf("%v\n%s", err, said)
				}
				for _, name := range s.list("out") {
					if err := os.RemoveAll(filepath.Join(s.dir, "out", name)); err != nil {
						t.Fatal(err)
					}
				}
				return
			}
			if cmd.ProcessState.ExitCode() != 1 || len(out) > 0 {
				t.Errorf("%v, standard output %q", err, out)
			}
			if strings.Count(said, "holo-build: ") != 1 || !strings.Contains(said, c.want) || !strings.Contains(said, "no space left on device") {
				t.Errorf("standard error has %q, want %q", said, c.want)
			}
			for _, dir := range []string{"out", "tmp", "small", "few"} {
				if list := s.list(dir); len(list) > 0 {
					t.Errorf("%s holds %q", dir, list)
				}
			}
		})
	}
}
