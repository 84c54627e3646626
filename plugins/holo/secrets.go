package holo

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Secrets are files for processes, each by its ID, whose content stands in nothing that is kept.
type Secrets struct {
	dir    string
	values map[string][]byte
	hide   neutral
}

// seenSecrets is where processes that have a root of their own see secrets, and secretsVar names the directory, wherever it
// is; systemd.exec(5), "CREDENTIALS".
const (
	seenSecrets = "/run/secrets"
	secretsVar  = "CREDENTIALS_DIRECTORY"
)

// Redacted stands in the place of a secret.
const Redacted = "REDACTED"

// leastSecret is how short a line of a secret may be that is not searched for by itself: what is shorter is part of ordinary
// text.
const leastSecret = 8

// NewSecrets writes secrets to files of a new directory dir, which only the caller can read.
func NewSecrets(dir string, values map[string][]byte) (*Secrets, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("writing secrets out: %w", err)
	}
	s := &Secrets{dir: dir, values: values}
	for id, value := range values {
		if err := os.WriteFile(filepath.Join(dir, id), value, 0o400); err != nil {
			return nil, fmt.Errorf("writing secret %s out: %w", id, err)
		}
		parts := append([][]byte{bytes.TrimSpace(value)}, bytes.Split(value, []byte("\n"))...)
		for i, part := range parts {
			if part = bytes.TrimSpace(part); len(part) >= leastSecret || i == 0 && len(part) > 0 {
				s.hide = append(s.hide, replacement{string(part), Redacted, false})
				if quoted, err := json.Marshal(string(part)); err == nil && len(quoted) != len(part)+2 {
					s.hide = append(s.hide, replacement{string(quoted[1 : len(quoted)-1]), Redacted, false}) // as the log would have it
				}
			}
		}
	}
	// The whole before its lines, and what contains another before that.
	slices.SortStableFunc(s.hide, func(a, b replacement) int { return cmp.Compare(len(b.from), len(a.from)) })
	return s, nil
}

// neutral replaces secrets in what processes say.
func (s *Secrets) neutral() neutral {
	if s == nil {
		return nil
	}
	return s.hide
}

// Redact returns a text without secrets.
func (s *Secrets) Redact(text string) string { return s.neutral().text(text) }

// In names a secret that stands in a text; empty for none.
func (s *Secrets) In(text []byte) string {
	for _, id := range slices.Sorted(maps.Keys(s.values)) {
		if part := bytes.TrimSpace(s.values[id]); len(part) > 0 && bytes.Contains(text, part) {
			return id
		}
	}
	return ""
}

// InStream is In for what is read, in pieces.
func (s *Secrets) InStream(r io.Reader) (string, error) {
	longest := 0
	for _, v := range s.values {
		longest = max(longest, len(v))
	}
	buf := make([]byte, max(1<<20, 2*longest))
	kept := 0 // of the piece before: a secret may stand in both
	for {
		n, err := io.ReadFull(r, buf[kept:])
		if id := s.In(buf[:kept+n]); id != "" {
			return id, nil
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		kept = copy(buf, buf[len(buf)-longest:])
	}
}
