package oci_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// TestHostileDirMetadata holds owners, times, attributes and devices. What takes root is left out for others.
func TestHostileDirMetadata(t *testing.T) {
	t.Parallel()
	root := os.Geteuid() == 0
	owner := fmt.Sprintf("%d:%d", os.Geteuid(), os.Getegid())
	dir := t.TempDir()
	make := func(name string, at time.Time) string {
		file := filepath.Join(dir, name)
		must(t, os.WriteFile(file, nil, 0o644), os.Chtimes(file, at, at))
		return file
	}
	now := time.Unix(1e9, 0)
	attrs := make("attrs", now)
	err := unix.Setxattr(attrs, "user.k", []byte("v"), 0)
	if errors.Is(err, unix.ENOTSUP) {
		t.Skip("the file system of TMPDIR has no extended attributes: set TMPDIR to one that has")
	}
	must(t, err, unix.Setxattr(attrs, "user.overlay.opaque", []byte("y"), 0))
	want := []string{fmt.Sprintf(`0 0644 %s attrs @2001-09-09T01:46:40 "" user.k=76`, owner)}
	if root {
		v2 := "\x01\x00\x00\x02\x00\x04" + strings.Repeat("\x00", 14)
		v3 := "\x01\x00\x00\x03\x00\x04" + strings.Repeat("\x00", 14) + "\x39\x30\x00\x00"
		must(t, unix.Setxattr(attrs, "trusted.k", []byte("v"), 0), unix.Setxattr(attrs, "trusted.overlay.opaque", []byte("y"), 0),
			unix.Setxattr(make("cap2", now), "security.capability", []byte(v2), 0), unix.Setxattr(make("cap3", now), "security.capability", []byte(v3), 0),
			unix.Mknod(filepath.Join(dir, "disk"), unix.S_IFBLK|0o600, int(unix.Mkdev(8, 0))), os.Chtimes(filepath.Join(dir, "disk"), now, now),
			unix.Mknod(filepath.Join(dir, "none"), unix.S_IFCHR|0o600, 0), os.Chtimes(filepath.Join(dir, "none"), now, now),
			os.Lchown(make("owner", now), 1<<31, 1<<32-2))
		want[0] = `0 0644 0:0 attrs @2001-09-09T01:46:40 "" trusted.k=76 user.k=76`
		want = append(want, fmt.Sprintf(`0 0644 0:0 cap2 @2001-09-09T01:46:40 "" security.capability=%x`, v2),
			fmt.Sprintf(`0 0644 0:0 cap3 @2001-09-09T01:46:40 "" security.capability=%x`, v3),
			"4 0600 0:0 disk @2001-09-09T01:46:40 8,0", "3 0600 0:0 none @2001-09-09T01:46:40 0,0",
			`0 0644 2147483648:4294967294 owner @2001-09-09T01:46:40 ""`)
	}
	make("t-1969", time.Date(1969, 12, 31, 23, 59, 58, 999999999, time.UTC))
	make("t-2100", time.Date(2100, 1, 1, 0, 0, 0, 1, time.UTC))
	want = append(want, fmt.Sprintf(`0 0644 %s t-1969 @1969-12-31T23:59:58.999999999 ""`, owner), fmt.Sprintf(`0 0644 %s t-2100 @2100-01-01T00:00:00.000000001 ""`, owner))

	inside := opened(t, dir)
	var tar bytes.Buffer
	must(t, rootfs.TarDir(t.Context(), dir, &tar, rootfs.TarDirOptions{}))
	if names := inside(); slices.Contains(names, "disk") || slices.Contains(names, "none") {
		t.Errorf("a device was opened: %q", names)
	}
	if d := cmp.Diff(want, rootfstest.List(t, tar.Bytes())[1:]); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
	s, err := stageDir(t, dir)
	must(t, err)
	var tree bytes.Buffer
	must(t, (rootfs.Tree{Staging: s, Epoch: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)}).WriteTar(t.Context(), &tree))
	if !root {
		return // who owns the files is in the list above
	}
	for i, l := range rootfstest.List(t, tree.Bytes())[1:] {
		if !strings.Contains(l, " t-2100 ") && l != want[i] { // a time to come is the epoch at most
			t.Errorf("staged: %s, want %s", l, want[i])
		}
	}
}

// TestHostileDirSwapped reads a directory in which somebody swaps another one for a symlink to what must not be read.
func TestHostileDirSwapped(t *testing.T) {
	t.Parallel()
	outside := rootfstest.Canary(t)
	dir := t.TempDir()
	d := filepath.Join(dir, "d")
	must(t, os.MkdirAll(d+"/sub", 0o755), os.WriteFile(d+"/secret", []byte("mine"), 0o644), os.WriteFile(d+"/sub/file", []byte("mine"), 0o644))
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				_ = errors.Join(os.Rename(d, d+".away"), os.Symlink(outside, d), os.Remove(d), os.Rename(d+".away", d))
			}
		}
	}()
	beyond := opened(t, outside, filepath.Join(outside, "sub"))
	for range 500 {
		img, err := oci.RootFS{}.Open(t.Context(), dir, oci.OpenOptions{})
		must(t, err)
		rc, err := img.Layers[0].Open(t.Context())
		must(t, err)
		b, err := io.ReadAll(rc)
		if bytes.Contains(b, []byte("SECRET")) {
			t.Error("read what is outside")
		}
		must(t, rc.Close())
		if _, named := errors.AsType[*fs.PathError](err); err != nil && !named {
			t.Errorf("no file is named: %v", err)
		}
	}
	close(stop)
	<-done
	if names := beyond(); names != nil {
		t.Errorf("outside was opened: %q", names)
	}
}
