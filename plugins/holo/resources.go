package holo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// resourceDir is where a root file system keeps its resources, one directory for each plugin ID; holo(8).
const resourceDir = "usr/share/holo"

// Names below the resource directory that are no plugin IDs.
const (
	generatorsName = "generators"
	mocksName      = "mocks"
)

// generatedMark stands between a generator and what it made; holo(8).
const generatedMark = "::"

// Resources is the merged resource tree of one build: what the image has below /usr/share/holo, with the directories
// of the builder laid over it. Names are slash-separated and begin with a plugin ID: "files/00-base/etc/motd".
type Resources struct {
	byName  map[string]*resource
	names   []string // sorted, so that a directory comes before what is in it
	notices []string
	limits  rootfs.Limits
	// live says that the root is the running system, whose own code is trusted.
	live bool
	// inRoot decides on the image's own code, and runsCode says that there is some, and it runs.
	inRoot   *InRoot
	runsCode bool
	digest   string
}

// resource is one file, directory or symlink of a resource tree.
type resource struct {
	name   string
	kind   rootfs.Type // Regular, Directory or Symlink
	exec   bool        // of a regular file: its owner may execute it
	target string      // of a symlink
	size   int64
	digest [sha256.Size]byte
	from   string // for messages: the directory as the builder wrote it, or "the image"
	image  bool   // it is the image's own
	// generator is the name of the generator that made it, and mode what that gave it.
	generator string
	mode      uint32
	open      func() (io.ReadCloser, error)
}

func (r *resource) same(o *resource) bool {
	return r.kind == o.kind && r.exec == o.exec && r.target == o.target && r.size == o.size && r.digest == o.digest
}

// ReadResources merges the image's own resources, read through root, with the directories dirs of the building host.
// Of two trees that have the same name, a directory of dirs wins over the image, which is told by Notices; two of dirs
// must agree. Symlinks in dirs are resources themselves and never followed.
func ReadResources(ctx context.Context, root rootfs.Root, dirs []string, l rootfs.Limits) (*Resources, error) {
	return readResources(ctx, root, dirs, l, &Resources{})
}

// ReadLiveResources is ReadResources for the running system: generators and scripts that are there already are as good as
// the builder's own.
func ReadLiveResources(ctx context.Context, root rootfs.Root, dirs []string, l rootfs.Limits) (*Resources, error) {
	return readResources(ctx, root, dirs, l, &Resources{live: true})
}

// ReadResourcesFor is ReadResources where the image's own code may run inside the staging root: its generators do then.
func ReadResourcesFor(ctx context.Context, root rootfs.Root, dirs []string, l rootfs.Limits, in *InRoot) (*Resources, error) {
	return readResources(ctx, root, dirs, l, &Resources{inRoot: in})
}

func readResources(ctx context.Context, root rootfs.Root, dirs []string, l rootfs.Limits, r *Resources) (*Resources, error) {
	b := &resourceBudget{limits: l.WithDefaults()}
	r.byName, r.limits = make(map[string]*resource), b.limits
	for _, dir := range dirs {
		found, notices, err := readHostResources(ctx, dir, b)
		if err != nil {
			return nil, fmt.Errorf("reading resources in %s: %w", dir, err)
		}
		r.notices = append(r.notices, notices...)
		if err := r.add(found); err != nil {
			return nil, err
		}
	}
	r.digest = digestOf(r.sorted())
	found, notices, err := readImageResources(ctx, root, r.trusts, b)
	if err != nil {
		return nil, fmt.Errorf("reading resources of the image: %w", err)
	}
	r.notices = append(r.notices, notices...)
	if err := r.addImage(found); err != nil {
		return nil, err
	}
	r.rename()
	return r, nil
}

// rename lists the names anew.
func (r *Resources) rename() { r.names = slices.Sorted(maps.Keys(r.byName)) }

// add merges one of the builder's directories with those before it.
func (r *Resources) add(found []*resource) error {
	for _, n := range found {
		old, ok := r.byName[n.name]
		switch {
		case !ok:
			r.byName[n.name] = n
		case old.same(n):
		case old.kind != n.kind:
			return fmt.Errorf("resource %q is a %s in %s and a %s in %s", n.name, old.kind, old.from, n.kind, n.from)
		default:
			return fmt.Errorf("resource %q differs between %s and %s", n.name, old.from, n.from)
		}
	}
	return nil
}

// addImage lays what the image has under what the builder brought.
func (r *Resources) addImage(found []*resource) error {
	for _, n := range found {
		old, ok := r.byName[n.name]
		switch {
		case !ok:
			r.byName[n.name] = n
		case old.same(n):
		case old.kind == rootfs.Directory || n.kind == rootfs.Directory:
			return fmt.Errorf("resource %q is a %s in %s and a %s in %s", n.name, old.kind, old.from, n.kind, n.from)
		default:
			r.notices = append(r.notices, fmt.Sprintf("resource %q of %s replaces the image's own", n.name, old.from))
		}
	}
	return nil
}

// sorted returns all resources in byte order of their names.
func (r *Resources) sorted() []*resource {
	all := make([]*resource, 0, len(r.byName))
	for _, name := range slices.Sorted(maps.Keys(r.byName)) {
		all = append(all, r.byName[name])
	}
	return all
}

// digestOf hashes a canonical listing: one line for each resource, its type, then its name quoted as in Go, then the
// digest of its content or its link target.
func digestOf(all []*resource) string {
	h := sha256.New()
	for _, n := range all {
		switch {
		case n.kind == rootfs.Directory:
			fmt.Fprintf(h, "directory %q\n", n.name)
		case n.kind == rootfs.Symlink:
			fmt.Fprintf(h, "symlink %q %q\n", n.name, n.target)
		case n.exec:
			fmt.Fprintf(h, "executable %q %x\n", n.name, n.digest)
		default:
			fmt.Fprintf(h, "file %q %x\n", n.name, n.digest)
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// IDs lists the plugin IDs that have a resource directory, sorted.
func (r *Resources) IDs() []string { return r.ids(func(*resource) bool { return true }) }

// Brought lists the plugin IDs for which the builder brought a resource directory, sorted.
func (r *Resources) Brought() []string { return r.ids(func(n *resource) bool { return !n.image }) }

func (r *Resources) ids(want func(*resource) bool) []string {
	var ids []string
	for _, name := range r.names {
		if !strings.Contains(name, "/") && name != generatorsName && name != mocksName && want(r.byName[name]) {
			ids = append(ids, name)
		}
	}
	return ids
}

// HasFiles reports whether the resource directory of a plugin holds anything but directories.
func (r *Resources) HasFiles(id string) bool {
	return slices.ContainsFunc(r.names, func(name string) bool {
		return strings.HasPrefix(name, id+"/") && r.byName[name].kind != rootfs.Directory
	})
}

// ImageFilters reports whether the image has holoscripts of its own, which are run to apply the resource that they stand for.
func (r *Resources) ImageFilters() bool {
	return slices.ContainsFunc(r.names, func(name string) bool {
		return r.byName[name].exec && r.FromImage(name) && strings.HasSuffix(name, ".holoscript")
	})
}

// SourceDigest is the SHA-256 of a resource's content, or of a symlink's target, as "sha256:" and hexadecimal digits. It
// is empty for what is neither. A generated resource goes by the name that Translate gives it, too.
func (r *Resources) SourceDigest(name string) string {
	if _, made, ok := strings.Cut(name, generatedMark); ok && strings.HasPrefix(name, generatorsName+"/") {
		name = made
	}
	n := r.byName[name]
	if n == nil || n.kind == rootfs.Directory {
		return ""
	}
	sum := n.digest
	if n.kind == rootfs.Symlink {
		sum = sha256.Sum256([]byte(n.target))
	}
	return "sha256:" + hex.EncodeToString(sum[:])
}

// FromImage reports whether a resource is the image's own, so that executing it would run the image's code. That is
// said of every name which the builder did not bring, unknown ones included. A symlink of the builder's counts as the
// builder's, wherever it leads.
func (r *Resources) FromImage(name string) bool {
	n, ok := r.byName[path.Clean(name)]
	return !r.live && (!ok || n.image)
}

// trusts reports whether a generator of the root may stand, or why not: the builder brought one of its name, it is the
// running system's, or it runs inside the root.
func (r *Resources) trusts(generator string) (ok bool, why string) {
	if _, brought := r.byName[generator]; brought || r.live {
		return true, ""
	}
	ok, why = r.inRoot.code()
	r.runsCode = r.runsCode || ok
	return ok, why
}

// Digest is a SHA-256, as "sha256:" and hexadecimal digits, over the names, types, execute bits, contents and link
// targets of what the builder brought. The image's own resources are in the digest of the image.
func (r *Resources) Digest() string { return r.digest }

// Notices tells what the builder should know of the merge, one sentence each.
func (r *Resources) Notices() []string { return r.notices }

// Translate turns a path that begins with $HOLO_RESOURCE_DIR, the virtual resource directory of plugin id, into the
// path that the resource has in the root, or for one that was generated, into that of its generator and its own name
// below the virtual resource root, with "::" between them; holo(8) shows them so. Other paths are returned as they are.
func (r *Resources) Translate(id, p string) string {
	rest, ok := strings.CutPrefix(p, "$HOLO_RESOURCE_DIR")
	if !ok || rest != "" && rest[0] != '/' {
		return p
	}
	name := id + rest
	if n := r.byName[path.Clean(name)]; n != nil && n.generator != "" {
		name = n.generator + generatedMark + name
	}
	return "$" + rootVar + "/" + resourceDir + "/" + name
}

// validResourceID reports whether an ID has the form [a-z0-9][a-z0-9-]* that holo-plugin-interface(7) demands.
func validResourceID(id string) bool {
	return id != "" && id[0] != '-' && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// resourceBudget counts what was read, against the limits.
type resourceBudget struct {
	limits  rootfs.Limits
	entries int
	bytes   int64
}

// name counts one name.
func (b *resourceBudget) name(name string) error {
	if b.entries++; b.entries > b.limits.Entries {
		return fmt.Errorf("%q: more than %d resources: %w", name, b.limits.Entries, rootfs.ErrLimit)
	}
	if len(resourceDir)+1+len(name) > b.limits.NameBytes {
		return fmt.Errorf("resource name of %d bytes: %w", len(name), rootfs.ErrLimit)
	}
	return nil
}

// content counts a file's bytes. Size, of which only an estimate need be known, and digest are filled in by reading it,
// unless the digest is known.
func (b *resourceBudget) content(ctx context.Context, n *resource) error {
	allowed := min(b.limits.FileBytes, b.limits.LayerBytes-b.bytes)
	if n.digest == [sha256.Size]byte{} && n.size <= allowed {
		f, err := n.open()
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		if n.size, err = io.Copy(h, io.LimitReader(stopReader{f, ctx.Err}, allowed+1)); err != nil {
			return fmt.Errorf("reading resource %q: %w", n.name, err)
		}
		h.Sum(n.digest[:0])
	}
	if n.size > allowed {
		return fmt.Errorf("resource %q has more than %d bytes: %w", n.name, allowed, rootfs.ErrLimit)
	}
	b.bytes += n.size
	return nil
}

// opened opens a resource for copying. A file that is no longer what it was when it was merged ends in an error, since
// digest and notices speak of what was read then.
func (n *resource) opened(ctx context.Context) (io.ReadCloser, error) {
	f, err := n.open()
	if err != nil {
		return nil, err
	}
	return &unchangedReader{ReadCloser: f, stop: ctx.Err, n: n, h: sha256.New()}, nil
}

type unchangedReader struct {
	io.ReadCloser
	stop func() error
	n    *resource
	h    hash.Hash
}

func (u *unchangedReader) Read(p []byte) (int, error) {
	k, err := stopReader{u.ReadCloser, u.stop}.Read(p)
	u.h.Write(p[:k])
	if err == io.EOF && [sha256.Size]byte(u.h.Sum(nil)) != u.n.digest {
		return k, fmt.Errorf("reading resource %q of %s: it changed during the build", u.n.name, u.n.from)
	}
	return k, err
}

// stopReader fails as soon as stop, a context's Err, says so: one file can be large.
type stopReader struct {
	r    io.Reader
	stop func() error
}

func (s stopReader) Read(p []byte) (int, error) {
	if err := s.stop(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}
