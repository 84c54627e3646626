package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// compareTrees compares two trees on disk by all that a layer can say of a file, and fails with what differs. It asks the
// kernel directly, so that it shares no code with what it judges.
func compareTrees(t *testing.T, want, got string) {
	t.Helper()
	expected, actual := describeTree(t, want), describeTree(t, got)
	all := maps.Clone(expected)
	maps.Copy(all, actual)
	const most = 20
	n := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if expected[name] == actual[name] {
			continue
		}
		if n++; n <= most {
			t.Errorf("%s:\n  in %s: %s\n  in %s: %s", name, want, expected[name], got, actual[name])
		}
	}
	if n > most {
		t.Errorf("%d more files differ", n-most)
	}
	if len(expected) < 2 {
		t.Errorf("%s is empty", want)
	}
}

// describeTree returns a line for each file below a directory, and for the directory itself.
func describeTree(t *testing.T, root string) map[string]string {
	t.Helper()
	lines := map[string]string{}
	firstName := map[uint64]string{}
	err := filepath.WalkDir(root, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		var s unix.Stat_t
		if err := unix.Lstat(p, &s); err != nil {
			return fmt.Errorf("asking for %s: %w", p, err)
		}
		line, err := describeFile(p, &s)
		if err != nil {
			return err
		}
		if s.Mode&unix.S_IFMT != unix.S_IFDIR && s.Nlink > 1 {
			// Names come in byte order, so the first of a link group is the same in equal trees.
			if _, seen := firstName[s.Ino]; !seen {
				firstName[s.Ino] = name
			}
			line += fmt.Sprintf(" links %d with %s", s.Nlink, firstName[s.Ino])
		}
		lines[name] = line
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func describeFile(name string, s *unix.Stat_t) (string, error) {
	line := fmt.Sprintf("%o %d:%d %d.%09d", s.Mode, s.Uid, s.Gid, s.Mtim.Sec, s.Mtim.Nsec)
	switch s.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		content, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		line += fmt.Sprintf(" size %d sha256 %x", len(content), sha256.Sum256(content))
	case unix.S_IFLNK:
		target, err := os.Readlink(name)
		if err != nil {
			return "", err
		}
		line += " -> " + target
	case unix.S_IFCHR, unix.S_IFBLK:
		line += fmt.Sprintf(" device %d,%d", unix.Major(s.Rdev), unix.Minor(s.Rdev))
	}
	attributes, err := describeXattrs(name)
	return line + attributes, err
}

// describeXattrs lists extended attributes, but for those that the file system or a security module adds by itself.
func describeXattrs(name string) (string, error) {
	list := make([]byte, 64<<10)
	n, err := unix.Llistxattr(name, list)
	if err != nil {
		return "", fmt.Errorf("listing attributes of %s: %w", name, err)
	}
	var found []string
	for attr := range bytes.SplitSeq(list[:n], []byte{0}) {
		if len(attr) == 0 || string(attr) == "security.selinux" {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(name, string(attr), value)
		if err != nil {
			return "", fmt.Errorf("reading attribute %s of %s: %w", attr, name, err)
		}
		found = append(found, fmt.Sprintf(" %s=%x", attr, value[:n]))
	}
	slices.Sort(found)
	return strings.Join(found, ""), nil
}

// TestCompareTreesNotices shows that the comparer tells trees apart by each property that a plain user can set.
func TestCompareTreesNotices(t *testing.T) {
	base := func(dir string) error {
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o644); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "other"), []byte("content"), 0o644); err != nil {
			return err
		}
		if err := os.Symlink("file", filepath.Join(dir, "link")); err != nil {
			return err
		}
		return settle(dir)
	}
	for name, change := range map[string]func(dir string) error{
		"mode":    func(dir string) error { return os.Chmod(filepath.Join(dir, "file"), 0o600) },
		"content": func(dir string) error { return os.WriteFile(filepath.Join(dir, "file"), []byte("CONTENT"), 0o644) },
		"missing": func(dir string) error { return os.Remove(filepath.Join(dir, "file")) },
		"target": func(dir string) error {
			link := filepath.Join(dir, "link")
			return errors.Join(os.Remove(link), os.Symlink("elsewhere", link))
		},
		"linked": func(dir string) error {
			other := filepath.Join(dir, "other")
			return errors.Join(os.Remove(other), os.Link(filepath.Join(dir, "file"), other))
		},
	} {
		t.Run(name, func(t *testing.T) {
			one, two := t.TempDir(), t.TempDir()
			for _, err := range []error{base(one), base(two)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			if a, b := describeTree(t, one), describeTree(t, two); !maps.Equal(a, b) {
				t.Fatalf("equal trees differ: %v, %v", a, b)
			}
			if err := errors.Join(change(two), settle(two)); err != nil {
				t.Fatal(err)
			}
			if a, b := describeTree(t, one), describeTree(t, two); maps.Equal(a, b) {
				t.Errorf("different trees are described alike: %v", a)
			}
		})
	}
}

// settle gives everything in a tree one time, so that times are no difference.
func settle(dir string) error {
	return filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at := []unix.Timespec{{Sec: 1}, {Sec: 1}}
		return unix.UtimesNanoAt(unix.AT_FDCWD, p, at, unix.AT_SYMLINK_NOFOLLOW)
	})
}
