package oci

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

var errNotWritten = errors.New("internal error: committing what was not written")

// fileOutput is a destination that is one file, or stdout. Write goes to a file beside it, which Commit renames; for
// stdout to a scratch file, which Commit copies, so that a build that fails writes nothing there.
type fileOutput struct {
	ref    string // of the whole destination, for messages
	target string // "-" is stdout
	o      CreateOptions
	temp   *temp
	spool  string
	done   bool
	// write writes the file and returns the digest to print; the zero digest means the file's own.
	write func(ctx context.Context, w io.Writer, r Result) (v1.Hash, error)
}

// newFileOutput checks that a file can be written.
func newFileOutput(ref, target string, o CreateOptions, write func(context.Context, io.Writer, Result) (v1.Hash, error)) (*fileOutput, error) {
	f := &fileOutput{ref: ref, target: target, o: o, write: write}
	if target == "-" {
		if o.Stdout == nil {
			return nil, fmt.Errorf("creating %s: there is no standard output", ref)
		}
		return f, nil
	}
	real, info, err := resolved(target)
	if err == nil && info != nil && !info.Mode().IsRegular() {
		err = errors.New("there is something else than a regular file")
	}
	if err == nil {
		err = checkParent(real)
	}
	if err != nil {
		return nil, fmt.Errorf("creating %s: %w", ref, err)
	}
	f.target = real
	return f, nil
}

// Write writes the whole file under no name yet.
func (f *fileOutput) Write(ctx context.Context, r Result) (string, error) {
	digest, err := f.writeTemp(ctx, r)
	if err != nil {
		return "", errors.Join(fmt.Errorf("writing %s: %w", f.ref, err), f.Abort())
	}
	return digest.String(), nil
}

func (f *fileOutput) writeTemp(ctx context.Context, r Result) (digest v1.Hash, err error) {
	file, err := f.openTemp()
	if err != nil {
		return v1.Hash{}, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	buf := bufio.NewWriterSize(file, 256<<10)
	m := &meter{w: ctxWriter(ctx, buf), hash: sha256.New()}
	if digest, err = f.write(ctx, m, r); err != nil {
		return v1.Hash{}, err
	}
	if digest == (v1.Hash{}) {
		digest = sumOf(m.hash)
	}
	return digest, buf.Flush()
}

func (f *fileOutput) openTemp() (*os.File, error) {
	if f.target == "-" {
		file, err := os.CreateTemp(f.o.Dir, "stdout-")
		if err == nil {
			f.spool = file.Name()
		}
		return file, err
	}
	var err error
	if f.temp, err = newTemp(filepath.Dir(f.target), false); err != nil {
		return nil, err
	}
	return os.OpenFile(f.temp.path, os.O_WRONLY, 0)
}

// Commit puts the file in its place.
func (f *fileOutput) Commit(ctx context.Context) error {
	if f.done {
		return nil
	}
	if err := f.commit(ctx); err != nil {
		return fmt.Errorf("writing %s: %w", f.ref, err)
	}
	f.done = true
	return nil
}

func (f *fileOutput) commit(ctx context.Context) error {
	switch {
	case f.spool != "":
		in, err := os.Open(f.spool)
		if err != nil {
			return err
		}
		_, err = copyAll(ctx, f.o.Stdout, in)
		return errors.Join(err, in.Close(), os.Remove(f.spool))
	case f.temp == nil:
		return errNotWritten
	}
	if err := os.Rename(f.temp.path, f.target); err != nil {
		return err
	}
	err := f.temp.lock.Close()
	f.temp = nil
	return err
}

// Abort removes what Write has left.
func (f *fileOutput) Abort() error {
	if f.done {
		return nil
	}
	var err error
	if f.temp != nil {
		err = f.temp.remove()
		f.temp = nil
	}
	if f.spool != "" {
		if rerr := os.Remove(f.spool); !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
		f.spool = ""
	}
	if err != nil {
		return fmt.Errorf("removing what was written for %s: %w", f.ref, err)
	}
	return nil
}
