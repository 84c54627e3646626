package oci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Create prepares PATH[:TAG]. A layout that is there keeps all it has but the tag; one that is not appears whole.
func (Layout) Create(_ context.Context, rest string, o CreateOptions) (Destination, error) {
	path, tag, err := splitTag(rest)
	if err != nil {
		return nil, fmt.Errorf("creating oci:%s: %w", rest, err)
	}
	l := &layoutOutput{ref: "oci:" + rest, tag: tag, o: o}
	real, info, err := resolved(path)
	if err == nil {
		l.path = real
		err = l.look(info)
	}
	if err != nil {
		return nil, fmt.Errorf("creating oci:%s: %w", rest, err)
	}
	return l, nil
}

// layoutOutput is an image layout as a destination. Write puts the blobs that are missing into a directory of its own;
// only Commit moves them in, under the layout's lock. So a build that fails takes nothing away from another that
// writes the same blobs at the same time.
type layoutOutput struct {
	ref, path, tag string
	o              CreateOptions
	fresh          bool // the layout is still to be made
	stage          *temp
	blobs          []storedBlob
	image          *Image
	done           bool
}

// look decides whether the layout is to be made. info describes what stands at the path.
func (l *layoutOutput) look(info fs.FileInfo) error {
	if info == nil {
		l.fresh = true
		return checkParent(l.path)
	}
	if !info.IsDir() {
		return errors.New("there is something else than a directory")
	}
	entries, err := os.ReadDir(l.path)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		l.fresh = true
		return checkParent(l.path)
	}
	if err := checkLayoutFile(directory(l.path), l.o.Limits.WithDefaults().Document); err != nil {
		return err
	}
	return checkParent(filepath.Join(l.path, indexFile))
}

// Write stores the blobs that the layout does not have yet.
func (l *layoutOutput) Write(ctx context.Context, r Result) (string, error) {
	digest, err := l.write(ctx, r)
	if err != nil {
		return "", errors.Join(fmt.Errorf("writing %s: %w", l.ref, err), l.Abort())
	}
	return digest, nil
}

func (l *layoutOutput) write(ctx context.Context, r Result) (string, error) {
	img, err := checkImage(r)
	if err != nil {
		return "", err
	}
	if l.blobs, err = blobsOf(img); err != nil {
		return "", err
	}
	dir := l.path
	if l.fresh {
		dir = filepath.Dir(l.path)
	}
	if l.stage, err = newTemp(dir, true); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Join(l.staged(), "blobs", sha256Name), 0o777); err != nil {
		return "", err
	}
	p := &progress{report: l.o.Progress, total: totalSize(l.blobs)}
	for _, b := range l.blobs {
		name, err := blobPath(b.digest)
		if err != nil {
			return "", err
		}
		if !l.fresh && hasSize(filepath.Join(l.path, name), b.size) {
			p.add(b.size)
			continue
		}
		if err := writeBlob(ctx, filepath.Join(l.staged(), name), b, p); err != nil {
			return "", err
		}
	}
	l.image = img
	return img.Digest().String(), nil
}

// staged is the layout in the making.
func (l *layoutOutput) staged() string { return filepath.Join(l.stage.path, "layout") }

// hasSize reports whether a regular file has a size. A blob of another size is a leftover and gets replaced.
func hasSize(file string, size int64) bool {
	info, err := os.Lstat(file)
	return err == nil && info.Mode().IsRegular() && info.Size() == size
}

func writeBlob(ctx context.Context, file string, b storedBlob, p *progress) (err error) {
	rc, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = copyAll(ctx, f, p.reader(rc))
	return errors.Join(err, f.Close())
}

// Commit moves the blobs in and then the tag.
func (l *layoutOutput) Commit(ctx context.Context) error {
	if l.done {
		return nil
	}
	if l.image == nil {
		return fmt.Errorf("writing %s: %w", l.ref, errNotWritten)
	}
	if err := l.commit(ctx); err != nil {
		return fmt.Errorf("writing %s: %w", l.ref, err)
	}
	l.done = true
	return l.stage.remove()
}

func (l *layoutOutput) commit(ctx context.Context) error {
	if l.fresh {
		index, err := setTag(nil, indexEntry(l.image, l.tag), tagOrLatest(l.tag))
		if err != nil {
			return err
		}
		if err := writeSynced(filepath.Join(l.staged(), layoutFile), []byte(layoutHead)); err != nil {
			return err
		}
		if err := writeSynced(filepath.Join(l.staged(), indexFile), index); err != nil {
			return err
		}
		// rename(2) takes the place of an empty directory, and of no other.
		err = unix.Rename(l.staged(), l.path)
		if !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.ENOTEMPTY) {
			return err
		}
		// Another build has made the layout meanwhile.
		if err := checkLayoutFile(directory(l.path), l.o.Limits.WithDefaults().Document); err != nil {
			return err
		}
	}
	unlock, err := lockDir(ctx, l.path)
	if err != nil {
		return err
	}
	return errors.Join(l.merge(), unlock())
}

// merge runs under the layout's lock.
func (l *layoutOutput) merge() (err error) {
	raw, err := readFile(directory(l.path), indexFile, l.o.Limits.WithDefaults().Document)
	if err != nil {
		return err
	}
	index, err := setTag(raw, indexEntry(l.image, l.tag), tagOrLatest(l.tag))
	if err != nil {
		return fmt.Errorf("reading %s: %w", indexFile, err)
	}
	var added []string
	defer func() {
		if err != nil {
			for _, a := range added {
				err = errors.Join(err, os.Remove(a))
			}
		}
	}()
	for _, dir := range []string{"blobs", "blobs/" + sha256Name} {
		if err := realDir(filepath.Join(l.path, dir)); err != nil {
			return err
		}
	}
	for _, b := range l.blobs {
		name, err := blobPath(b.digest)
		if err != nil {
			return err
		}
		target := filepath.Join(l.path, name)
		if hasSize(target, b.size) {
			continue
		}
		if err := os.Rename(filepath.Join(l.staged(), name), target); err != nil {
			return fmt.Errorf("moving blob %s in: %w", b.digest, err)
		}
		added = append(added, target)
	}
	if bytes.Equal(raw, index) {
		return nil
	}
	next := filepath.Join(l.stage.path, indexFile)
	if err := writeSynced(next, index); err != nil {
		return err
	}
	return os.Rename(next, filepath.Join(l.path, indexFile))
}

// realDir makes a directory where none is, and refuses a symlink, which might lead out of the layout.
func realDir(path string) error {
	if err := os.Mkdir(path, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(path)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "writing", Path: path, Err: unix.ENOTDIR}
	}
	return err
}

// writeSynced writes a file whose rename must not come before its content, even if the machine loses power.
func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// lockInterval is how often a lock that another build holds is tried; it is held for some renames only.
const lockInterval = 20 * time.Millisecond

// lockDir locks a directory against other builds. The lock leaves no file behind.
func lockDir(ctx context.Context, dir string) (unlock func() error, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f.Close, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", dir, err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("locking %s: %w", dir, context.Cause(ctx)), f.Close())
		case <-time.After(lockInterval):
		}
	}
}

// Abort removes what Write has left.
func (l *layoutOutput) Abort() error {
	if l.done || l.stage == nil {
		return nil
	}
	stage := l.stage
	l.stage, l.image = nil, nil
	if err := stage.remove(); err != nil {
		return fmt.Errorf("removing what was written for %s: %w", l.ref, err)
	}
	return nil
}
