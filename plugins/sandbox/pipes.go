package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"sync"
	"syscall"
	"time"
)

// drainTime is how long pipes are read after everything is dead: only somebody outside of the call, to whom a
// descriptor was sent, can hold one open then.
const drainTime = time.Second

// pipes are the descriptors of one call.
type pipes struct {
	// child are the program's, 0 to 3, or the helper's, 0 to 5, and 6 for a mount; owned are those of them that have to be
	// closed here.
	child, owned []*os.File
	// control and status are our ends of the helper's pipes.
	control, status *os.File
	// stdin is our end of the program's standard input, nil if it is a file.
	stdin  *os.File
	source io.Reader
	// streams are what the program writes to.
	streams []*stream
}

// stream is one descriptor that the program writes to.
type stream struct {
	path, name string
	r          *os.File
	w          io.Writer
	limit      int64
}

func newPipes(p Process) (_ *pipes, err error) {
	s := &pipes{child: make([]*os.File, 4), source: p.Stdin}
	defer func() {
		if err != nil {
			s.closeChild()
			s.closeOurs()
		}
	}()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	s.owned = append(s.owned, null)
	for i := range 4 {
		s.child[i] = null
	}
	if f, ok := p.Stdin.(*os.File); ok && f != nil {
		s.child[0] = f
	} else if p.Stdin != nil {
		if s.child[0], s.stdin, err = s.pipe(true); err != nil {
			return nil, err
		}
	}
	for i, w := range []io.Writer{1: p.Stdout, 2: p.Stderr, 3: p.FD3} {
		if err := s.stream(p, i, w); err != nil {
			return nil, err
		}
	}
	if p.Direct {
		return s, nil
	}
	s.child = append(s.child, nil, nil)
	if s.child[controlFD], s.control, err = s.pipe(true); err != nil {
		return nil, err
	}
	if s.child[statusFD], s.status, err = s.pipe(false); err != nil {
		return nil, err
	}
	if p.Mount.File != nil {
		s.child = append(s.child, p.Mount.File)
	}
	return s, nil
}

// stream makes what the program writes to descriptor fd go to w.
func (s *pipes) stream(p Process, fd int, w io.Writer) (err error) {
	if w == nil {
		return nil
	}
	if fd == 2 && same(p.Stdout, w) {
		s.child[2] = s.child[1]
		return nil
	}
	if f, ok := w.(*os.File); ok && p.Direct && p.OutputBytes == 0 {
		s.child[fd] = f
		return nil
	}
	t := &stream{path: p.Path, w: w, limit: p.OutputBytes, name: streamName(fd)}
	if s.child[fd], t.r, err = s.pipe(false); err != nil {
		return err
	}
	s.streams = append(s.streams, t)
	return nil
}

// same says whether two writers are one. Only pointers are compared: of other types, not all can be.
func same(a, b io.Writer) bool {
	return a != nil && reflect.TypeOf(a).Kind() == reflect.Pointer && a == b
}

func streamName(fd int) string {
	switch fd {
	case 1:
		return "standard output"
	case 2:
		return "standard error"
	}
	return "file descriptor 3"
}

// pipe makes a pipe and returns the child's end of it first; weWrite says which end is ours.
func (s *pipes) pipe(weWrite bool) (child, ours *os.File, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	if weWrite {
		child, ours = r, w
	} else {
		child, ours = w, r
	}
	s.owned = append(s.owned, child)
	return child, ours, nil
}

func (s *pipes) closeChild() {
	for _, f := range s.owned {
		f.Close()
	}
}

func (s *pipes) closeOurs() {
	for _, f := range []*os.File{s.control, s.status, s.stdin} {
		if f != nil {
			f.Close()
		}
	}
	s.closeStreams()
}

func (s *pipes) closeStreams() {
	for _, t := range s.streams {
		t.r.Close()
	}
}

// copy begins to move bytes, and all are moved when the goroutines of the group are through. What exceeds its limit, or
// cannot be moved, stops the call.
func (s *pipes) copy(stop context.CancelCauseFunc) *sync.WaitGroup {
	wg := new(sync.WaitGroup)
	for _, t := range s.streams {
		wg.Go(func() {
			if err := t.copy(); err != nil {
				stop(err)
			}
		})
	}
	if s.stdin != nil {
		wg.Go(func() {
			_, err := io.Copy(s.stdin, s.source)
			if closed := s.stdin.Close(); err == nil {
				err = closed
			}
			// A program need not read what it is given: the pipe is broken or closed then.
			if err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, os.ErrClosed) {
				stop(fmt.Errorf("feeding standard input: %w", err))
			}
		})
	}
	return wg
}

// drain waits for the rest of the bytes, but no longer than drainTime.
func (s *pipes) drain(wg *sync.WaitGroup) {
	timer := time.AfterFunc(drainTime, s.closeStreams)
	defer timer.Stop()
	wg.Wait()
}

// copy moves what the program writes, up to the limit.
func (t *stream) copy() error {
	w := t.w
	if t.limit > 0 {
		w = &bounded{t.w, t.limit}
	}
	_, err := io.Copy(w, t.r)
	switch {
	case errors.Is(err, errBounded):
		return &OutputError{t.path, t.name, t.limit}
	case err == nil, errors.Is(err, os.ErrClosed): // closed when drainTime is over
		return nil
	}
	return fmt.Errorf("passing on %s: %w", t.name, err)
}

// bounded passes on no more than so many bytes.
type bounded struct {
	w    io.Writer
	left int64
}

var errBounded = errors.New("limit reached")

func (b *bounded) Write(p []byte) (int, error) {
	n := min(int64(len(p)), b.left)
	written, err := b.w.Write(p[:n])
	b.left -= int64(written)
	if err == nil && n < int64(len(p)) {
		err = errBounded
	}
	return written, err
}

// readStatus reads the helper's report, after its end.
func (s *pipes) readStatus() []byte {
	b, _ := io.ReadAll(io.LimitReader(s.status, 2*(reportSize+maxDetail))) // a missing report is noticed by its length
	return b
}
