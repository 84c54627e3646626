package mounts_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs/internal/mounts"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// userKernels are kernels before 6.18 as a user namespace meets them.
func userKernels() map[string]mounts.Kernel {
	return map[string]mounts.Kernel{
		"6.18": {},
		"6.12": refuse(map[string]error{"fsconfig descriptor": unix.EINVAL, "open_tree": unix.EINVAL}),
		"5.11": refuse(map[string]error{"fsconfig descriptor": unix.EINVAL, "fsconfig text lowerdir+": unix.EINVAL, "open_tree": unix.EINVAL}),
	}
}

// TestOverlayInUserNamespace makes overlays as root of a user namespace, with many IDs and one, and with mounts of its own
// and without. Processes are given clones.
func TestOverlayInUserNamespace(t *testing.T) {
	for name, attr := range map[string]*syscall.SysProcAttr{
		"subordinate IDs": rootfstest.UserNamespace(200_000, 65536),
		"one ID":          rootfstest.UserNamespace(65534, 1),
	} {
		for mine, flags := range map[string]uintptr{"no mounts": 0, "own mounts": syscall.CLONE_NEWNS} {
			for _, in := range []string{onDisk, inMemory} {
				t.Run(name+", "+mine+in, func(t *testing.T) {
					needRoot(t)
					where := workdir(t, in)
					if err := os.Chmod(where, 0o777); err != nil {
						t.Fatal(err)
					}
					c := child(t, "user", where)
					as := *attr
					as.Cloneflags |= flags
					c.SysProcAttr = &as
					if out, err := c.CombinedOutput(); err != nil {
						t.Errorf("%v\n%s", err, out)
					}
				})
			}
		}
	}
}

// userChild makes an overlay with each kernel, changes something, and has others do so.
func userChild(where string) error {
	for name, kernel := range userKernels() {
		if err := userOverlay(kernel, filepath.Join(where, name)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func userOverlay(k mounts.Kernel, where string) error {
	for _, dir := range []string{"lower/dir", "lower/gone", "upper", "work", "root"} {
		if err := os.MkdirAll(filepath.Join(where, dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(where, "lower/dir/below"), []byte(content), 0o600); err != nil {
		return err
	}
	lower, err := os.OpenFile(filepath.Join(where, "lower"), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	o, err := k.Overlay(mounts.Overlay{Lower: []*os.File{lower}, Upper: filepath.Join(where, "upper"), Work: filepath.Join(where, "work"), Volatile: true})
	if err != nil {
		return err
	}
	if o.Marks != "user.overlay." {
		return fmt.Errorf("marks are %s", o.Marks)
	}
	for range 2 {
		if err := userAttach(o, filepath.Join(where, "root")); err != nil {
			return err
		}
	}
	err = errors.Join(os.Remove(at(o.File(), "gone")), os.Mkdir(at(o.File(), "gone"), 0o755), lower.Close(), o.Close())
	value := make([]byte, 8)
	n, xerr := unix.Lgetxattr(filepath.Join(where, "upper/gone"), "user.overlay.opaque", value)
	if xerr != nil || string(value[:max(n, 0)]) != "y" {
		err = errors.Join(err, xerr, fmt.Errorf("a directory made anew is marked %q", value[:max(n, 0)]))
	}
	return err
}

// userAttach has a process attach a clone in a mount namespace of its own, and write something.
func userAttach(o *mounts.Mount, root string) error {
	clone, err := o.Clone()
	if err != nil {
		return err
	}
	defer clone.Close()
	c := exec.Command("/proc/self/exe", root)
	c.Env = append(os.Environ(), childVariable+"=attach")
	c.ExtraFiles, c.SysProcAttr = []*os.File{clone}, &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("attaching it: %w: %s", err, out)
	}
	return os.Remove(at(o.File(), "written"))
}

// TestOverlayMarks: where the upper directory can't have the marks that an overlay makes, there is none.
func TestOverlayMarks(t *testing.T) {
	for name, answers := range map[string]map[string]error{
		"trusted.overlay.": {},
		"user.overlay.":    {"setxattr trusted.": unix.EPERM},
		"":                 {"setxattr trusted.": unix.EPERM, "setxattr user.": unix.ENOTSUP},
	} {
		t.Run(name, func(t *testing.T) {
			needRoot(t)
			where := workdir(t, onDisk)
			mkdirs(t, where, "lower", "upper", "work")
			o, err := refuse(answers).Overlay(mounts.Overlay{Lower: []*os.File{opened(t, filepath.Join(where, "lower"))},
				Upper: filepath.Join(where, "upper"), Work: filepath.Join(where, "work")})
			if name == "" {
				if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "setting user.overlay.opaque: operation not supported") {
					t.Errorf("error %v, want that it is not supported", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer closeMount(t, o)
			if o.Marks != name {
				t.Errorf("marks are %s, want %s", o.Marks, name)
			}
		})
	}
}

// TestOverlayBeforeUserxattr plays a kernel that does not know the option.
func TestOverlayBeforeUserxattr(t *testing.T) {
	needRoot(t)
	where := workdir(t, onDisk)
	mkdirs(t, where, "lower", "upper", "work")
	k := refuse(map[string]error{"setxattr trusted.": unix.EPERM, "fsconfig flag userxattr": unix.EINVAL})
	_, err := k.Overlay(mounts.Overlay{Lower: []*os.File{opened(t, filepath.Join(where, "lower"))},
		Upper: filepath.Join(where, "upper"), Work: filepath.Join(where, "work")})
	if unsupported, ok := errors.AsType[*mounts.UnsupportedError](err); !ok || unsupported.What != "overlay" {
		t.Errorf("error %v, want that overlays are not supported", err)
	}
}
