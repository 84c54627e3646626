package rootfs_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// parityDigests packs the same bundled edits of many histories, and returns what the layers and trees have, one line
// each, and their digests.
func parityDigests(t *testing.T, stage stager, dir string) string {
	var out strings.Builder
	for seed := range uint64(40) {
		h := rootfstest.NewHistory(1000+seed, rootfstest.HistoryOptions{Bundled: true})
		s, done, err := stage(t.Context(), dir, h.Tars(t))
		must(t, err)
		must(t, replay(t.Context(), s, h))
		packed, err := packBytes(t.Context(), s)
		must(t, err)
		whole, err := treeBytes(t.Context(), s)
		must(t, err)
		for _, plain := range [][]byte{packed, whole} {
			for _, l := range rootfstest.List(t, plain) {
				fmt.Fprintf(&out, "%d %s\n", h.Seed, l)
			}
			fmt.Fprintf(&out, "%d %x\n", h.Seed, sha256.Sum256(plain))
		}
		done()
	}
	return out.String()
}

// TestParityAsUser is no test of its own: it is what TestUserGetsRootsLayer runs as somebody else.
func TestParityAsUser(t *testing.T) {
	dir := os.Getenv("ROOTFS_TEST_PARITY")
	if dir == "" {
		t.Skip("run by TestUserGetsRootsLayer")
	}
	stage := stageIn
	if os.Geteuid() == 0 {
		stage = attachIn("covered copy")
	}
	must(t, os.WriteFile(dir+"/digests", []byte(parityDigests(t, stage, dir)), 0600))
}

// TestUserGetsRootsLayer: what our own plugins do gives the same bytes, whoever runs them.
func TestUserGetsRootsLayer(t *testing.T) {
	rootfstest.NeedRoot(t)
	root := strings.Split(parityDigests(t, stageIn, t.TempDir()), "\n")
	others := userNamespaces()
	for _, attr := range others {
		attr.Cloneflags |= syscall.CLONE_NEWNS
	}
	others["plain user"] = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	for name, attr := range others {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "parity-") // below t.TempDir nobody else comes
			must(t, err)
			defer os.RemoveAll(dir)
			must(t, os.Chmod(dir, 0777))
			again(t, attr, "^TestParityAsUser$", []string{"ROOTFS_TEST_PARITY=" + dir})
			user, err := os.ReadFile(dir + "/digests")
			must(t, err)
			if d := cmp.Diff(root, strings.Split(string(user), "\n")); d != "" {
				t.Errorf("root -, %s +:\n%s", name, d)
			}
		})
	}
}

// TestRewriteWithinOneTick: a file that is rewritten at once, as long as it was and with its time put back, is seen to
// have changed; after staging and between two scans, however coarse the clock.
func TestRewriteWithinOneTick(t *testing.T) {
	s := stage(t, base())
	st, err := os.Stat(s.Dir() + "/etc/a")
	must(t, err)
	for i := range 200 {
		content := fmt.Sprintf("%03d", i)
		must(t, os.WriteFile(s.Dir()+"/etc/a", []byte(content), 0644))
		must(t, os.Chtimes(s.Dir()+"/etc/a", st.ModTime(), st.ModTime()))
		must(t, s.Rescan(t.Context(), tester))
		m, err := s.Root(tester).Lstat("etc/a")
		must(t, err)
		if m.Digest != sha256.Sum256([]byte(content)) {
			t.Fatalf("rewrite %d was missed", i)
		}
	}
}

// TestNoDescriptorIsLeft counts them over everything that opens any, failures included.
func TestNoDescriptorIsLeft(t *testing.T) {
	count := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		return len(list)
	}
	dir := t.TempDir()
	work := func() {
		for _, l := range []layer{
			rootfstest.Tar(t, base()...), rootfstest.Tar(t, file("a", 0644, ""), file("../x", 0644, "")), rootfstest.Tar(t, file("a", 0644, ""), link("a/b", "none")),
			rootfstest.Tar(t, base()...)[:3000], rootfstest.Tar(t, dirOf("d"), file("d/f", 0644, "x"), link("d", "d/f")),
		} {
			s, done, err := stageIn(t.Context(), dir, []layer{l})
			if err != nil {
				continue
			}
			h, err := rootfs.OpenHost(s.Dir())
			must(t, err)
			for _, r := range []rootfs.Root{s.Root(tester), h} {
				for _, f := range verbs(r) {
					for _, name := range []string{"etc/a", "etc", "l", "none/x", "etc/a/x", "new", ".."} {
						_ = f(name)
					}
				}
			}
			must(t, h.Close())
			_ = s.Rescan(t.Context(), tester)
			_, _ = packBytes(t.Context(), s)
			_, _ = treeBytes(t.Context(), s)
			_ = os.WriteFile(s.Dir()+"/etc/c", []byte("behind the model's back"), 0600)
			_, _ = treeBytes(t.Context(), s)
			_ = rootfs.Tree{Staging: s, Epoch: epoch}.WriteDir(t.Context(), dir+"/out")
			_ = os.RemoveAll(dir + "/out")
			_, _ = rootfs.Sweep(dir)
			done()
		}
	}
	work()
	before := count()
	work()
	if after := count(); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func dirOf(name string) entry { return dir(name, 0755) }
