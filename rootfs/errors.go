package rootfs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Questions that callers ask of an error with errors.Is.
var (
	// ErrName is a name that no root file system may hold or be asked for: empty, with "..", with a NUL byte, too long.
	ErrName = errors.New("unacceptable name")
	// ErrEscape is a name that would have led out of the root, or a tree that changed under a lookup.
	ErrEscape = errors.New("leads out of the root")
	// ErrLimit is an input larger than its limit allows.
	ErrLimit = errors.New("limit exceeded")
	// ErrFormat is a layer that is no valid tar, or says what no layer can say.
	ErrFormat = errors.New("malformed layer")
)

// LayerError says which entry of which layer could not be read into the tree.
type LayerError struct {
	// Layer counts from 0, the oldest.
	Layer int
	// Entry is the name as the layer has it; empty if the layer itself is the trouble.
	Entry string
	Err   error
}

func (e *LayerError) Error() string {
	if e.Entry == "" {
		return fmt.Sprintf("layer %d: %s", e.Layer+1, legible(e.Err))
	}
	return fmt.Sprintf("layer %d, entry %.200q: %s", e.Layer+1, e.Entry, legible(e.Err))
}

// legible is the text of an error that can quote names of the image, which can be long, and can hold what a terminal or
// a log would obey.
func legible(err error) string {
	var b strings.Builder
	for _, r := range fmt.Sprintf("%.1000v", err) {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

func (e *LayerError) Unwrap() error { return e.Err }
