package oci

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// The names of the transports, as references have them before the first colon.
const (
	NameRegistry      = "docker"
	NameLayout        = "oci"
	NameArchive       = "oci-archive"
	NameDockerArchive = "docker-archive"
	NameRootFS        = "rootfs"
	NameTarball       = "tar"
	NameScratch       = "scratch"
)

// available lists the forms in the order in which messages name them.
const available = "docker://HOST/NAME, oci:PATH, oci-archive:FILE, docker-archive:FILE, rootfs:DIR, tar:FILE, scratch"

// ParseSource splits a reference to a source into transport and rest. A source may leave its transport out: an
// existing directory with a file oci-layout is oci, any other rootfs; an existing file is told by its content; what
// looks like a path and does not exist is an error; and the rest is a registry reference.
//
// An error that matches [ErrReference] is wrong use; any other comes from looking at the file.
func ParseSource(s string) (transport, rest string, err error) {
	if s == "" {
		return "", "", misused("empty source")
	}
	if s == NameScratch {
		return NameScratch, "", nil
	}
	transport, rest, found := strings.Cut(s, ":")
	if found {
		known, err := knownTransport(transport)
		if err != nil {
			return "", "", err
		}
		if known {
			return checked(transport, rest, false)
		}
	}
	info, err := os.Stat(s)
	switch {
	case err == nil:
		return detect(s, info)
	case strings.HasPrefix(s, "./"), strings.HasPrefix(s, "../"), strings.HasPrefix(s, "/"):
		return "", "", misused("source %q: %w", s, err)
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) && !isNameError(err):
		return "", "", fmt.Errorf("looking at source %q: %w", s, err)
	}
	rest = "//" + s
	if err := checkRest(NameRegistry, rest, false); err != nil {
		return "", "", fmt.Errorf("%w (and there is no file or directory of that name)", err)
	}
	return NameRegistry, rest, nil
}

// ParseDestination splits a reference to a destination, which always names its transport.
func ParseDestination(s string) (transport, rest string, err error) {
	transport, rest, found := strings.Cut(s, ":")
	if transport == NameScratch {
		return "", "", misused("destination %q: scratch is a source only", s)
	}
	known, err := knownTransport(transport)
	if err != nil {
		return "", "", err
	}
	if !found || !known {
		return "", "", misused("destination %q names no transport; there are %s", s,
			strings.TrimSuffix(available, ", scratch"))
	}
	return checked(transport, rest, true)
}

// checked returns a split reference if the form of its rest is right.
func checked(transport, rest string, destination bool) (string, string, error) {
	if err := checkRest(transport, rest, destination); err != nil {
		return "", "", err
	}
	return transport, rest, nil
}

// knownTransport fails for the transports that have a name but are not to be had.
func knownTransport(name string) (bool, error) {
	switch name {
	case NameRegistry, NameLayout, NameArchive, NameDockerArchive, NameRootFS, NameTarball, NameScratch:
		return true, nil
	case "containers-storage":
		return false, misused("transport containers-storage is not available in this version; there are %s. "+
			"Write an oci-archive: and use `podman load -i FILE` or `skopeo copy oci-archive:FILE containers-storage:NAME`, "+
			"or the other way round", available)
	case "squashfs", "erofs", "ext4", "docker-daemon":
		return false, misused("transport %s is reserved and not available; there are %s", name, available)
	}
	return false, nil
}

// checkRest looks at the form of a rest, not at what it names.
func checkRest(transport, rest string, destination bool) error {
	var err error
	switch transport {
	case NameRegistry:
		_, err = parseRegistry(rest)
	case NameLayout, NameArchive:
		_, _, err = splitTag(rest)
	case NameDockerArchive:
		_, _, err = splitName(rest)
	case NameRootFS:
		err = checkPath(rest)
		if destination && err == nil && filepath.Clean(rest) == "/" {
			err = misused("the root directory is no new directory")
		}
	case NameTarball:
		err = checkPath(rest)
	case NameScratch:
		if rest != "" {
			err = misused("nothing follows scratch")
		}
	}
	if err != nil {
		return fmt.Errorf("reference %q: %w", transport+":"+rest, err)
	}
	return nil
}

func checkPath(path string) error {
	if path == "" {
		return misused("no file is named")
	}
	if strings.ContainsRune(path, 0) {
		return misused("a path has no NUL byte")
	}
	return nil
}

// refName is the grammar of org.opencontainers.image.ref.name (image-spec, annotations.md).
var refName = regexp.MustCompile(`^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$`)

// splitTag splits PATH[:TAG] at the first colon, as skopeo does; a path with a colon in it cannot be named. The tag is
// empty if there is none.
func splitTag(rest string) (path, tag string, err error) {
	path, tag, found := strings.Cut(rest, ":")
	if err := checkPath(path); err != nil {
		return "", "", err
	}
	if found && (len(tag) > 255 || !refName.MatchString(tag)) {
		return "", "", misused("tag %q: letters, digits and single separators are what a tag has", tag)
	}
	return path, tag, nil
}

// splitName splits FILE[:NAME:TAG] at the first colon. A name without a tag has the tag latest.
func splitName(rest string) (path, name string, err error) {
	path, name, found := strings.Cut(rest, ":")
	if err := checkPath(path); err != nil {
		return "", "", err
	}
	if !found {
		return path, "", nil
	}
	name, err = checkTagName(name)
	return path, name, err
}

// isNameError reports whether a path could not even be looked up, for its form or for a file in the place of a
// directory: it names nothing.
func isNameError(err error) bool {
	return errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG)
}
