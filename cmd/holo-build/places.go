package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/oci"
)

// place is a file or directory that a build writes to.
type place struct {
	what string // as the user wrote it
	path string // canonical
	// shared is an OCI layout, which holds many images.
	shared bool
}

// checkPlaces makes sure that no two things are written to one place, and nothing into a source, which is never modified.
// tmp is where the staging root will lie.
func checkPlaces(o buildOptions, tmp string) error {
	var list []place
	add := func(what, path string, shared bool) error {
		real, err := canonical(path)
		if err != nil {
			return err
		}
		list = append(list, place{what, real, shared})
		return nil
	}
	for _, ref := range o.outputs {
		name, rest, err := oci.ParseDestination(ref)
		if err != nil {
			return err
		}
		if path := placeOf(name, rest); path != "" {
			if err := add(ref, path, name == oci.NameLayout); err != nil {
				return err
			}
		}
	}
	for _, f := range []struct{ flag, path string }{{"--log ", o.log}, {"--metadata-file ", o.metadata}} {
		if f.path == "" || strings.HasPrefix(f.path, "/dev/") {
			continue
		}
		if err := add(f.flag+f.path, f.path, false); err != nil {
			return err
		}
	}
	for i, a := range list {
		for _, b := range list[:i] {
			if a.path == b.path && !(a.shared && b.shared) {
				return usageError{fmt.Errorf("%s and %s are one place", b.what, a.what)}
			}
		}
	}
	if err := add("the staging root in "+tmp, tmp, false); err != nil {
		return err
	}
	if o.cacheDir != "" {
		if err := checkCachePlace(o, o.cacheDir); err != nil {
			return usageError{err}
		}
	}
	return outsideSource(o.source, list)
}

// checkCachePlace makes sure that the cache lies in nothing that the build reads or writes.
func checkCachePlace(o buildOptions, cacheDir string) error {
	cache, err := canonical(cacheDir)
	if err != nil {
		return err
	}
	dirs := map[string]string{}
	for _, dir := range o.resources {
		dirs["the resource tree "+dir] = dir
	}
	for _, ref := range o.outputs {
		if name, rest, err := oci.ParseDestination(ref); err == nil {
			dirs[ref] = placeOf(name, rest)
		}
	}
	if name, rest, err := oci.ParseSource(o.source); err == nil {
		dirs["the source "+o.source] = placeOf(name, rest)
	}
	for _, what := range slices.Sorted(maps.Keys(dirs)) {
		if dirs[what] == "" {
			continue
		}
		dir, err := canonical(dirs[what])
		if err != nil {
			return err
		}
		if dir != "/" && (cache == dir || strings.HasPrefix(cache, dir+"/")) {
			return fmt.Errorf("the cache %s lies in %s (--cache-dir names another place, --no-cache needs none)", cacheDir, what)
		}
	}
	return nil
}

// placeOf is the file or directory that a destination names; empty for a registry or standard output.
func placeOf(transport, rest string) string {
	switch transport {
	case oci.NameLayout, oci.NameArchive, oci.NameDockerArchive:
		rest, _, _ = strings.Cut(rest, ":")
	case oci.NameTarball, oci.NameRootFS:
	default:
		return ""
	}
	if rest == "-" {
		return ""
	}
	return rest
}

func outsideSource(source string, list []place) error {
	for _, p := range list {
		in, err := inSource(source, p.path)
		if err != nil {
			return err
		}
		if in {
			return usageError{fmt.Errorf("%s lies in the source %s, which is never modified", p.what, source)}
		}
	}
	return nil
}

// inSource reports whether a canonical path lies in a source that is a directory. All lies in "/".
func inSource(source, path string) (bool, error) {
	name, rest, err := oci.ParseSource(source)
	if err != nil || name != oci.NameRootFS {
		return false, err
	}
	dir, err := canonical(rest)
	return err == nil && dir != "/" && (path == dir || strings.HasPrefix(path, dir+"/")), err
}

// canonical returns a path without symlinks, as far as it exists.
func canonical(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(abs)
	if errors.Is(err, fs.ErrNotExist) && abs != "/" {
		dir, err := canonical(filepath.Dir(abs))
		return filepath.Join(dir, filepath.Base(abs)), err
	}
	if err != nil {
		return abs, nil // whoever opens it will say what is wrong
	}
	return real, nil
}
