package mounts_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/holo-build/holo-build/rootfs/internal/mounts"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// childVariable makes the test binary one of the children.
const childVariable = "MOUNTS_TEST_CHILD"

func TestMain(m *testing.M) {
	children := map[string]func(where string) error{"attach": attachChild, "hold": holdChild, "user": userChild}
	child, ok := children[os.Getenv(childVariable)]
	if !ok {
		os.Exit(rootfstest.Run(m, os.Stderr))
	}
	if err := child(os.Args[1]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func child(t *testing.T, what, where string) *exec.Cmd {
	t.Helper()
	c := exec.Command("/proc/self/exe", where)
	c.Env = append(os.Environ(), childVariable+"="+what)
	return c
}

// attachChild attaches the mount it was handed, in its own mount namespace, and uses it.
func attachChild(where string) error {
	if err := mounts.Attach(os.NewFile(3, "mount"), where); err != nil {
		return err
	}
	got, err := os.ReadFile(filepath.Join(where, "dir/below"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(where, "written"), got, 0o600); err != nil {
		return err
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); fields[4] == where {
			fmt.Println(fields[5])
		}
	}
	return nil
}

// TestAttachInChild hands clones of one mount to two children, one after the other.
func TestAttachInChild(t *testing.T) {
	for name, kernel := range olderKernels() {
		t.Run(name, func(t *testing.T) {
			where := workdir(t, onDisk)
			mkdirs(t, where, "upper", "work", "root")
			k := kernel()
			lower := mounted(t, k, where)
			o := overlaid(t, k, mounts.Overlay{Lower: []*os.File{lower.File()},
				Upper: filepath.Join(where, "upper"), Work: filepath.Join(where, "work")})
			for range 2 {
				clone, err := o.Clone()
				if err != nil {
					t.Fatal(err)
				}
				c := child(t, "attach", filepath.Join(where, "root"))
				c.ExtraFiles = []*os.File{clone}
				c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
				out, err := c.CombinedOutput()
				clone.Close()
				if err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				if got := string(out); !strings.Contains(got, "nosuid") || !strings.Contains(got, "nodev") {
					t.Errorf("mounted with %q", got)
				}
				if got := mustRead(t, filepath.Join(where, "upper/written")); got != content {
					t.Errorf("content %q of the upper file", got)
				}
				if err := os.Remove(at(o.File(), "written")); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// holdChild makes mounts in all ways and keeps them.
func holdChild(where string) error {
	var kept []*mounts.Mount
	for name, kernel := range olderKernels() {
		k := kernel()
		image, device := filepath.Join(where, "image"), filepath.Join(where, "device")
		i, err := os.Open(image)
		if err != nil {
			return err
		}
		d, err := os.Open(device)
		if err != nil {
			return err
		}
		lower, err := k.ErofsImage(i, []*os.File{d})
		if err != nil {
			return err
		}
		i.Close()
		d.Close()
		upper, work := filepath.Join(where, "upper "+name), filepath.Join(where, "work "+name)
		if err := errors.Join(os.Mkdir(upper, 0o755), os.Mkdir(work, 0o755)); err != nil {
			return err
		}
		o, err := k.Overlay(mounts.Overlay{Lower: []*os.File{lower.File()}, Upper: upper, Work: work})
		if err != nil {
			return err
		}
		if _, err := o.Clone(); err != nil {
			return err
		}
		kept = append(kept, lower, o)
	}
	fmt.Println("holding", len(kept))
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// TestKilled ends a process with its mounts by SIGKILL: nothing of them is left.
func TestKilled(t *testing.T) {
	for _, in := range []string{onDisk, inMemory} {
		t.Run(in, func(t *testing.T) {
			where := workdir(t, in)
			needRoot(t)
			image, device := storeImage(t, where, where)
			m, err := mounts.Kernel{}.ErofsImage(image, []*os.File{device})
			image.Close()
			device.Close()
			skipUnsupported(t, err)
			if err != nil {
				t.Fatal(err)
			}
			closeMount(t, m)
			c := child(t, "hold", where)
			stdin, err := c.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer stdin.Close()
			stdout, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(stdout).ReadString('\n')
			if err != nil || line != "holding 8\n" {
				t.Errorf("the child says %q, %v", line, err)
			}
			if !rootfstest.Held(t, filepath.Join(where, "image")) {
				t.Error("the child does not hold the image: nothing is tested")
			}
			if err := c.Process.Kill(); err != nil {
				t.Error(err)
			}
			if err := c.Wait(); err == nil {
				t.Error("the child ended by itself")
			}
			if left := leftovers(t, where); len(left) > 0 {
				t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
			}
		})
	}
}
