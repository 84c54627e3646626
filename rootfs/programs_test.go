package rootfs_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/internal/mounts"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// directoryWays are the ways of staging in which programs have a directory.
func directoryWays() []string {
	if rootfstest.InUserNamespace() {
		return []string{"copy", "covered copy", "kept covered copy"}
	}
	return []string{"copy", "kept mount", "covered copy"}
}

// programsBase is a tree with whatever an overlay could get wrong.
func programsBase(t *testing.T) layer {
	return rootfstest.Tar(t,
		dir("d", 0755), dir("d/sub", 0755), dir("d/sub/deep", 0755), file("d/sub/f", 0644, "f"), file("d/sub/deep/g", 0644, "g"), file("d/x", 0644, "x"),
		dir("e", 0755), file("e/a", 0644, "aa"), link("e/b", "e/a"), link("e/c", "e/a"), dir("empty", 0755),
		file("cap", 0755, "cap").Xattr("security.capability", rootfstest.Capability),
		file("lab", 0644, "lab").Xattr("security.selinux", label), dir("labd", 0755).Xattr("security.selinux", label), file("labd/f", 0644, "q"),
		dir("own", 0750).Owned(7, 8), file("own/f", 0640, "mine").Owned(7, 8), symlink("own/l", "f").Owned(9, 9), file("own/su", 04755, "su").Owned(7, 0),
		file("far", 0644, "far").At(time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC)), file("at", 0644, "at").Xattr("user.k", "v"),
		file("acl", 0640, "acl").Xattr("system.posix_acl_access", acl(4)), dir("acld", 0750).Xattr("system.posix_acl_default", acl(7)), file("acld/f", 0640, "f"),
		file("smack", 0644, "s").Xattr("security.SMACK64", "label"),
		symlink("ln", "d/x"), rootfstest.Char("null", 0666, 1, 3), dir("r", 0755), dir("r/s", 0755), file("r/s/t", 0644, "t"), file("y", 0644, "yy"))
}

// attach attaches the staging root where processes are told that it is; detach undoes that.
func attach(t *testing.T, s *rootfs.Staging) (detach func()) {
	t.Helper()
	c, err := s.Clone()
	must(t, err)
	if c == nil {
		return func() {}
	}
	must(t, mounts.Attach(c, s.Dir()))
	must(t, c.Close())
	return func() { must(t, unix.Unmount(s.Dir(), 0)) }
}

// TestPrograms: what programs do to a staging root gives the same layer and tree in each way of staging. Each step is a
// command, after which is looked for changes.
func TestPrograms(t *testing.T) {
	rootfstest.NeedRoot(t)
	for name, steps := range map[string][]string{
		"a directory anew":                  {"rm -rf d; mkdir -p d/sub"},
		"a directory anew, in two steps":    {"rm -rf d", "mkdir -p d/sub/deep"},
		"a directory anew, with a file":     {"rm -rf d; mkdir -p d/sub; echo new >d/sub/n"},
		"a directory anew, of the same age": {"rm -rf d; mkdir -p d/sub; touch -d @0 d/sub d"},
		"an empty directory anew":           {"rmdir empty; mkdir empty", "touch empty/z"},
		"a tree moved over another":         {"mkdir -p n/sub; rm -rf d; mv n d"},
		"a tree moved away, and a new one":  {"mv d dd; mkdir -p d/sub"},
		"a tree moved away and back":        {"mv d dd", "mv dd d"},
		"a subtree moved out of its tree":   {"mkdir q; mv r/s q/s; rmdir r; mv q r"},
		"a subtree removed and made":        {"rm -rf d/sub", "mkdir -p d/sub/deep", "touch d/sub/deep/g2"},
		"all removed":                       {"rm -rf *", "mkdir -p d/sub r/s e"},
		"links exchanged":                   {"mv e/a t; mv e/b e/a; mv t e/b"},
		"a link to what was touched":        {"touch d/x; ln d/x a; ln d/x z", "ln d/x d/z"},
		"links in more steps":               {"touch y; ln y a", "ln a z; rm y", "chmod 600 a"},
		"a link to a group":                 {"ln e/a n", "echo more >>n"},
		"a link within a group":             {"ln -f e/a e/b"},
		"a link that is written to":         {"ln d/x d/y; echo z >d/y"},
		"a link broken by an equal file":    {"ln y y2", "cp -p y2 t; mv t y2", "chmod 600 y2"},
		"the root's mode":                   {"chmod 0700 .", "chmod 0755 ."},
		"capabilities and a mode":           {"chmod 0700 cap"},
		"capabilities and an owner":         {"chown 5 cap"},
		"capabilities and content":          {"echo x >>cap"},
		"a label and a mode":                {"chmod 0600 lab", "echo x >>lab"},
		"a label and another file":          {"cp lab l2; mv l2 lab"},
		"a label moved":                     {"mv lab lab2", "mv lab2 y"},
		"a label moved away and back":       {"mv lab q; mv q lab"},
		"another policy's label":            {"chmod 0600 smack", "cp smack q; mv q smack"},
		"a labelled directory":              {"touch labd/g", "chmod 0700 labd"},
		"a symlink":                         {"ln -sfn d/sub ln", "chown -h 3 ln"},
		"a directory becomes a file":        {"rm -rf d; echo f >d", "rm d; mkdir d; mkdir d/sub"},
		"a file becomes a directory":        {"rm y; mkdir y; touch y/q", "rm -r y; echo yy >y"},
		"what others own":                   {"chmod 600 own/f; echo x >>own/l; touch own", "chmod 700 own; chmod 755 own/su"},
		"what others own, moved":            {"mv own/f q; mv q own/f", "mv own/su own/f", "mv own/l own/su"},
		"what others own, anew":             {"cp -p own/f q; mv q own/f; rm own/su; cp y own/su"},
		"what others own, linked":           {"ln own/f x; ln x own/l2; rm own/f", "mv x own/f; echo y >own/l2"},
		"a time that no disk has":           {"chmod 600 far", "touch -r y far", "cp -p y q; mv q far"},
		"attributes":                        {"chmod 600 at", "cp at q; mv q at"},
		"access control lists":              {"chmod 600 acl; touch acld/n; mkdir acld/m; chmod 755 acld", "echo x >>acl; cp acld/f acl", "cp -p acl q; mv q acl"},
		"an equal file in the place":        {"cp -p x q; mv q x; cp -p d/sub/f q; mv q d/sub/f; cp -p y e/a"},
		"a device":                          {"rm null; mknod null c 1 3", "chmod 600 null"},
		"a FIFO":                            {"rm e/a; mkfifo e/a"},
		"a time put back":                   {"cp -p y t; echo zz >y; touch -r t y; rm t"},
	} {
		t.Run(name, func(t *testing.T) {
			samePrograms(t, func(s *rootfs.Staging) []string {
				var said []string
				for _, step := range steps {
					said = append(said, shell(s, step))
					must(t, s.Rescan(t.Context(), tester))
				}
				return said
			})
		})
	}
}

// shell runs a command in the staging root, and says how it ended.
func shell(s *rootfs.Staging, line string) string {
	c := exec.Command("sh", "-c", line)
	c.Dir = s.Dir()
	return fmt.Sprintf("%s: %v", line, c.Run())
}

// samePrograms does work in each way, and compares what it has said, what came of it, and what the disk has then; and that
// with the model, where the disk can hold it.
func samePrograms(t *testing.T, work func(s *rootfs.Staging) []string) {
	t.Helper()
	var want waysOutcome
	var wantSaid, wantDisk []string
	for i, way := range directoryWays() {
		s := stageBy(t, way, programsBase(t))
		detach := attach(t, s)
		said, got := work(s), outcomeOf(t, s)
		var disk bytes.Buffer
		must(t, rootfs.TarDir(t.Context(), s.Dir(), &disk, rootfs.TarDirOptions{}))
		detach()
		onDisk, _ := rootfstest.Flat(t, disk.Bytes())
		if !rootfstest.InUserNamespace() {
			inModel, _ := rootfstest.Flat(t, got.tree)
			if d := cmp.Diff(inModel, onDisk); d != "" {
				t.Errorf("%s: %s\nthe model -, the disk +:\n%s", way, strings.Join(said, "\n"), d)
			}
		}
		if i == 0 {
			want, wantSaid, wantDisk = got, said, onDisk
			continue
		}
		if d := cmp.Diff(wantSaid, said) + cmp.Diff(wantDisk, onDisk) + cmp.Diff(want.changes, got.changes); d != "" {
			t.Errorf("%s -, %s +:\n%s", directoryWays()[0], way, d)
		}
		if !bytes.Equal(want.packed, got.packed) || !bytes.Equal(want.tree, got.tree) {
			t.Errorf("%s\n%s -, %s +:\n%s%s", strings.Join(said, "\n"), directoryWays()[0], way,
				cmp.Diff(rootfstest.List(t, want.packed), rootfstest.List(t, got.packed)), cmp.Diff(rootfstest.List(t, want.tree), rootfstest.List(t, got.tree)))
		}
	}
}

// TestRandomPrograms plays random commands, and changes through a Root among them.
func TestRandomPrograms(t *testing.T) {
	rootfstest.NeedRoot(t)
	for seed := *first; seed < *first+uint64(*histories)/4; seed++ {
		if samePrograms(t, func(s *rootfs.Staging) []string { return randomWork(t, s, seed) }); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func randomWork(t *testing.T, s *rootfs.Staging, seed uint64) (said []string) {
	r := rand.New(rand.NewPCG(seed, 7))
	root := s.Root(tester)
	pick := func() string {
		names := []string{"d", "d/sub", "d/sub/f", "d/sub/deep", "d/sub/deep/g", "d/x", "e", "e/a", "e/b", "e/c", "empty", "lab", "labd", "labd/f", "y", "r",
			"own", "own/f", "own/l", "own/su", "far", "at", "acl", "acld", "acld/f", "r/s", "r/s/t", "n", "n/o", "m", "d/n"}
		return names[r.IntN(len(names))]
	}
	for i := range 14 {
		a, b := pick(), pick()
		ours := []func() error{
			func() error { return root.Put(a, rootfs.Meta{Mode: 0640}, strings.NewReader(fmt.Sprint(i))) },
			func() error { return root.Mkdir(a, rootfs.Meta{Mode: 0750}) },
			func() error { return root.Rename(a, b) },
			func() error { return root.Remove(a) },
			func() error { return root.SetMeta(a, rootfs.Meta{Mode: 0711, UID: 7}) },
		}
		lines := []string{"rm -rf A", "mkdir -p A", "mv -T A B", "case B in A/*) ;; *) cp -aT A B ;; esac", "ln -T A B", "chmod 0711 A", "chmod 04711 A", "echo I >A", "echo I >>A",
			"touch -d @100I A", "rm -rf A; mkdir -p B", "ln -sfn B A"}
		if k := r.IntN(len(lines) + len(ours)); k < len(lines) {
			said = append(said, shell(s, strings.NewReplacer("A", a, "B", b, "I", fmt.Sprint(i)).Replace(lines[k])))
			if r.IntN(3) > 0 {
				must(t, s.Rescan(t.Context(), tester))
			}
		} else {
			must(t, s.Rescan(t.Context(), tester)) // as after each process, before others change anything
			said = append(said, fmt.Sprint(k, a, b, ours[k-len(lines)]() == nil))
		}
	}
	must(t, s.Rescan(t.Context(), tester))
	return said
}
