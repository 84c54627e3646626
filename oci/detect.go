package oci

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// The two files that tell archives of images from other tar files (image-spec, image-layout.md; `docker save`).
const (
	layoutFile     = "oci-layout"
	dockerManifest = "manifest.json"
)

// detect tells the transport of an existing file or directory.
func detect(file string, info fs.FileInfo) (transport, rest string, err error) {
	if info.IsDir() {
		transport = NameRootFS
		if m, err := os.Lstat(filepath.Join(file, layoutFile)); err == nil && m.Mode().IsRegular() {
			transport = NameLayout
		}
	} else if transport, err = detectFile(file, info); err != nil {
		return "", "", fmt.Errorf("looking at source %q: %w", file, err)
	}
	if transport != NameRootFS && transport != NameTarball && strings.Contains(file, ":") {
		return "", "", misused("source %q: the path of an %s has no colon, rename it or make a link to it",
			file, transport)
	}
	return transport, file, nil
}

// detectFile tells the transport of a tar file.
func detectFile(file string, info fs.FileInfo) (transport string, err error) {
	if !info.Mode().IsRegular() {
		return "", misused("neither a file nor a directory")
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	head := make([]byte, sniffLen)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return "", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	c, err := sniff(head[:n])
	if err != nil {
		return "", err
	}
	if c == None {
		return detectTar(f, false)
	}
	plain, err := inflate(f)
	if err != nil {
		return "", err
	}
	transport, err = detectTar(limitReader(plain, "the tar file", rootfs.Limits{}.Layer(info.Size())), true)
	return transport, errors.Join(err, plain.Close())
}

// detectTar looks for the files of an archive of an image. In a compressed tar it stops at the first name that no such
// archive has, since a root file system would otherwise be inflated to its end for nothing.
func detectTar(r io.Reader, compressed bool) (string, error) {
	found := NameTarball
	t := tar.NewReader(r)
	for i := 0; i < maxArchiveEntries; i++ {
		h, err := t.Next()
		if err == io.EOF {
			if i == 0 {
				return "", misused("an empty file or an empty tar")
			}
			return found, nil
		}
		if err != nil && i == 0 {
			return "", misused("it is no tar file, plain or compressed with gzip or zstd (%w)", err)
		}
		if err != nil {
			return "", fmt.Errorf("reading the tar file: %w", err)
		}
		switch name := path.Clean(h.Name); {
		case name == layoutFile && h.Typeflag == tar.TypeReg:
			return NameArchive, nil
		case name == dockerManifest && h.Typeflag == tar.TypeReg:
			found = NameDockerArchive
		case compressed && !archiveName(name):
			return NameTarball, nil
		}
	}
	return found, nil
}

// archiveName reports whether an archive of an image may hold a name: those of the image layout, and those that
// `docker save`, skopeo, bazel and others give to configurations, layers and their directories.
func archiveName(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	switch first {
	case ".", "blobs", "index.json", "repositories", "config.json":
		return true
	}
	first = strings.TrimPrefix(first, "sha256:")
	return len(first) >= 64 && isHex64(first[:64])
}
