package mounts_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs/internal/mounts"
)

// olderKernels are kernels before 6.18 as far as their refusals can be played.
func olderKernels() map[string]func() mounts.Kernel {
	noDescriptors := map[string]error{"fsconfig descriptor": unix.EINVAL}
	noSingleLayers := map[string]error{"fsconfig descriptor": unix.EINVAL, "fsconfig text lowerdir+": unix.EINVAL}
	return map[string]func() mounts.Kernel{
		"descriptors":  func() mounts.Kernel { return mounts.Kernel{} },
		"paths":        func() mounts.Kernel { return refuse(noDescriptors) },
		"paths joined": func() mounts.Kernel { return refuse(noSingleLayers) },
		// Before 6.15: no way of telling makes a detached mount a layer, and nothing clones one.
		"namespace": func() mounts.Kernel {
			refused := 0
			return mounts.Kernel{Refuse: func(call, argument string) error {
				if call == "fsconfig create" && argument == "overlay" && refused < 3 {
					refused++
					return unix.EINVAL
				}
				if call == "open_tree" {
					return unix.EINVAL
				}
				return nil
			}}
		},
	}
}

func overlaid(t *testing.T, k mounts.Kernel, o mounts.Overlay) *mounts.Mount {
	t.Helper()
	m, err := k.Overlay(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeMount(t, m) })
	return m
}

func TestOverlayWays(t *testing.T) {
	for name, kernel := range olderKernels() {
		for _, in := range []string{onDisk, inMemory} {
			t.Run(name+in, func(t *testing.T) {
				where := workdir(t, in)
				mkdirs(t, where, "upper", "work")
				k := kernel()
				lower := mounted(t, k, where)
				o := overlaid(t, k, mounts.Overlay{Lower: []*os.File{lower.File()}, Volatile: true,
					Upper: filepath.Join(where, "upper"), Work: filepath.Join(where, "work")})
				if o.How != name[:min(len(name), len(o.How))] {
					t.Errorf("mounted by %s", o.How)
				}
				if got := mustRead(t, at(o.File(), "dir/below")); got != content {
					t.Errorf("content %q", got)
				}
				if err := os.WriteFile(at(o.File(), "new"), []byte("n"), 0o600); err != nil {
					t.Error(err)
				}
				if got := mustRead(t, filepath.Join(where, "upper/new")); got != "n" {
					t.Errorf("content %q of the upper file", got)
				}
				if _, err := os.Open(at(o.File(), "null")); !errors.Is(err, unix.EACCES) {
					t.Errorf("opening a device gives %v", err)
				}
				clone, err := o.Clone()
				if err != nil {
					t.Fatal(err)
				}
				defer clone.Close()
				if got := mustRead(t, at(clone, "new")); got != "n" {
					t.Errorf("content %q by way of the clone", got)
				}
			})
		}
	}
}

// TestOverlayUpper changes a tree in the ways that matter, and looks at what that left in the upper directory.
func TestOverlayUpper(t *testing.T) {
	for _, in := range []string{onDisk, inMemory} {
		t.Run(in, func(t *testing.T) {
			where := workdir(t, in)
			mkdirs(t, where, "upper", "work")
			lower := mounted(t, mounts.Kernel{}, where)
			o := overlaid(t, mounts.Kernel{}, mounts.Overlay{Lower: []*os.File{lower.File()},
				Upper: filepath.Join(where, "upper"), Work: filepath.Join(where, "work")})
			do := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			do(os.WriteFile(at(o.File(), "file"), []byte("modified"), 0))
			do(os.Remove(at(o.File(), "gone")))
			do(os.Rename(at(o.File(), "setuid"), at(o.File(), "dir/moved")))
			do(os.Chmod(at(o.File(), "dir/below"), 0o640))
			do(os.RemoveAll(at(o.File(), "old")))
			do(os.Mkdir(at(o.File(), "old"), 0o700))
			do(os.Mkdir(at(o.File(), "new"), 0o700))
			if err := os.Rename(at(o.File(), "dir"), at(o.File(), "elsewhere")); !errors.Is(err, unix.EXDEV) {
				t.Errorf("renaming a lower directory gives %v", err)
			}
			want := map[string]string{
				"file":      "-rw-r--r-- 0:0 modified",
				"gone":      "whiteout",
				"setuid":    "whiteout",
				"dir":       "drwxr-xr-x 0:0",
				"dir/moved": "urwxr-xr-x 0:0 " + content,
				"dir/below": "-rw-r----- 0:0 " + content,
				"old":       "drwx------ 0:0 opaque",
				"new":       "drwx------ 0:0",
			}
			got := listed(t, filepath.Join(where, "upper"))
			// Older kernels mark it too, though there is nothing to hide.
			got["new"] = strings.TrimSuffix(got["new"], " opaque")
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("upper directory (-want +got):\n%s", d)
			}
			info, err := os.Stat(filepath.Join(where, "upper/dir/below"))
			if err != nil || info.ModTime().UnixNano() != 1_000_000_000_000_000_005 {
				t.Errorf("the time was not kept: %v, %v", info.ModTime(), err)
			}
		})
	}
}

// listed are the files below a directory: mode, device number, content, and whether a directory is opaque.
func listed(t *testing.T, root string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(root, func(name string, e os.DirEntry, err error) error {
		if err != nil || name == root {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(name, &st); err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0 {
			got[name[len(root)+1:]] = "whiteout"
			return nil
		}
		line := fmt.Sprintf("%v %d:%d", info.Mode(), unix.Major(st.Rdev), unix.Minor(st.Rdev))
		if info.Mode().IsRegular() {
			line += " " + mustRead(t, name)
		}
		for _, space := range []string{"trusted", "user"} {
			value := make([]byte, 8)
			if n, err := unix.Lgetxattr(name, space+".overlay.opaque", value); err == nil && string(value[:n]) == "y" {
				line += " opaque"
			}
			for _, mark := range []string{"redirect", "metacopy"} {
				if _, err := unix.Lgetxattr(name, space+".overlay."+mark, value); err == nil {
					line += " " + mark
				}
			}
		}
		got[name[len(root)+1:]] = line
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestOverlayUnsupported(t *testing.T) {
	needRoot(t)
	cases := map[string]map[string]error{
		"overlay":   {"fsopen overlay": unix.ENODEV},
		"mount API": {"fsopen": unix.ENOSYS},
	}
	for what, answers := range cases {
		where := workdir(t, onDisk)
		mkdirs(t, where, "lower", "upper", "work")
		lower := opened(t, filepath.Join(where, "lower"))
		_, err := refuse(answers).Overlay(mounts.Overlay{Lower: []*os.File{lower},
			Upper: filepath.Join(where, "upper"), Work: filepath.Join(where, "work")})
		if unsupported, ok := errors.AsType[*mounts.UnsupportedError](err); !ok || unsupported.What != what {
			t.Errorf("error %v, want that %s is not supported", err, what)
		}
	}
}

// TestOverlayOnOverlay wants an upper directory where the kernel allows none.
func TestOverlayOnOverlay(t *testing.T) {
	needRoot(t)
	where := workdir(t, onDisk)
	mkdirs(t, where, "lower/a", "upper", "work")
	lower := opened(t, filepath.Join(where, "lower"))
	o := overlaid(t, mounts.Kernel{}, mounts.Overlay{Lower: []*os.File{lower},
		Upper: filepath.Join(where, "upper"), Work: filepath.Join(where, "work")})
	mkdirs(t, at(o.File(), ""), "upper", "work")
	_, err := mounts.Kernel{}.Overlay(mounts.Overlay{Lower: []*os.File{lower}, Upper: at(o.File(), "upper"), Work: at(o.File(), "work")})
	if unsupported, ok := errors.AsType[*mounts.UnsupportedError](err); !ok || unsupported.What != "overlay" {
		t.Errorf("error %v, want that an overlay is not supported", err)
	}
	if _, err := (mounts.Kernel{}).Overlay(mounts.Overlay{Lower: []*os.File{lower}, Upper: where + "/none", Work: where + "/work"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an upper directory that is not there gives %v", err)
	}
}

// TestOldUnsupported plays a kernel before 6.15 where there are no mount namespaces for us either.
func TestOldUnsupported(t *testing.T) {
	k := refuse(map[string]error{"fsconfig create overlay": unix.EINVAL, "open_tree": unix.EINVAL, "unshare": unix.EPERM})
	where := workdir(t, onDisk)
	mkdirs(t, where, "upper", "work")
	lower := mounted(t, k, where)
	_, err := k.Overlay(mounts.Overlay{Lower: []*os.File{lower.File()},
		Upper: filepath.Join(where, "upper"), Work: filepath.Join(where, "work")})
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "mount namespaces: not supported here") {
		t.Errorf("error %v, want that mount namespaces are not supported", err)
	}
	_, err = lower.Clone()
	if unsupported, ok := errors.AsType[*mounts.UnsupportedError](err); !ok || unsupported.What != "cloning detached mounts" {
		t.Errorf("error %v, want that clones are not supported", err)
	}
}
