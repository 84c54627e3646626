package frontend

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/holo-build/holo-build/plugins/holo"
)

const (
	// maxPaths bounds a plugin's answer to diff: two paths, which the kernel takes up to 4096 bytes of.
	maxPaths = 1 << 20
	// maxDiff is the size from which on a file is shown like a binary one.
	maxDiff = 8 << 20
)

const nullPath = "/dev/null"

// diff is the operation diff; 1.8.
func (r *run) diff(ctx context.Context, entities []entity) {
	for _, e := range entities {
		if r.over(ctx) {
			return
		}
		r.bare(r.stdout, r.diffOf(ctx, e))
		r.endParagraph()
	}
}

// diffOf returns an entity's diff, in colours. What goes wrong is told.
func (r *run) diffOf(ctx context.Context, e entity) string {
	answer := &collected{stream: "file descriptor 3", limit: maxPaths}
	said := r.stderrLines()
	err := r.call(ctx, e.plugin, invocation{args: []string{"diff", e.ID}, stderr: said, fd3: answer,
		stdout: writerFunc(func(b []byte) { r.write(r.stdout, b) })})
	said.end()
	if ctx.Err() != nil || said.toldBy(err) {
		return ""
	}
	var text []byte
	if err == nil {
		text, err = r.compare(ctx, answer.all)
	}
	if err != nil {
		if ctx.Err() == nil {
			r.complain("cannot diff " + e.ID + ": " + reason(err))
		}
		return ""
	}
	return inColours(text)
}

// compare renders the diff of the two files that a plugin's answer names, if it names any.
func (r *run) compare(ctx context.Context, answer []byte) ([]byte, error) {
	from, to, ok := holo.ParsePaths(answer)
	if !ok {
		return nil, nil
	}
	a, err := r.side(ctx, from)
	if err != nil {
		return nil, err
	}
	b, err := r.side(ctx, to)
	if err != nil {
		return nil, err
	}
	return holo.RenderDiff(a, b), nil
}

// side reads one of the files. A missing one is as good as /dev/null.
func (r *run) side(ctx context.Context, path string) (holo.DiffFile, error) {
	d := holo.DiffFile{Name: r.names.translate(path), Given: path}
	if path == nullPath {
		d.Missing = true
		return d, nil
	}
	i, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		d.Missing = true
		return d, nil
	case err != nil:
		return d, err
	case i.Mode().Type() == fs.ModeSymlink:
		target, err := os.Readlink(path)
		d.Link, d.Content = true, []byte(target)
		return d, err
	case !i.Mode().IsRegular():
		return d, wrongType(path)
	}
	f, err := openRegular(path)
	if err != nil {
		return d, err
	}
	defer f.Close()
	d.Executable = i.Mode()&0o100 != 0
	d.Content, d.Large, err = content(ctx, f)
	return d, err
}

// content reads a file; of a large one, as much as tells it from another.
func content(ctx context.Context, f *os.File) (b []byte, large bool, err error) {
	b, err = io.ReadAll(io.LimitReader(f, maxDiff+1))
	if err != nil || len(b) <= maxDiff {
		return b, false, err
	}
	h := sha256.New()
	h.Write(b)
	size := int64(len(b))
	for {
		if ctx.Err() != nil {
			return nil, false, ctx.Err()
		}
		n, err := io.CopyN(h, f, copyPart)
		size += n
		if err == io.EOF {
			return fmt.Appendf(nil, "%d %x", size, h.Sum(nil)), true, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
}

// inColours colours whole lines by what they begin with.
func inColours(text []byte) string {
	var b strings.Builder
	for line := range bytes.Lines(text) {
		if c := colourOf(string(line)); c != "" {
			b.WriteString(coloured(c, string(line)))
		} else {
			b.Write(line)
		}
	}
	return b.String()
}

func colourOf(line string) string {
	for _, prefix := range []string{"diff ", "new ", "deleted ", "--- ", "+++ "} {
		if strings.HasPrefix(line, prefix) {
			return bold
		}
	}
	switch {
	case strings.HasPrefix(line, "@@ "):
		return cyan
	case strings.HasPrefix(line, "-"):
		return red
	case strings.HasPrefix(line, "+"):
		return green
	}
	return ""
}
