package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/holo-build/holo-build/rootfs"
)

// The small files of a cache are lines: a title, then words with their values, in a fixed order, then "sum" and the
// SHA-256 of the lines before. There is one way to write each.
const (
	blobTitle = "holo-build blob 1"
	treeTitle = "holo-build tree 1"
	// recordMax is more than any of them has.
	recordMax = 1 << 10
)

// errRecord is a small file that is not as it was written.
var errRecord = fmt.Errorf("record: %w", rootfs.ErrDamaged)

// record is what a stored blob was when it was read.
type record struct {
	blob v1.Hash
	// stored and plain are its sizes, as it is stored and as a tar.
	stored, plain int64
	// diffID is that which it really had.
	diffID v1.Hash
	// summary is that of the layer that was made of it.
	summary rootfs.Summary
}

func (r record) lines() []string {
	return []string{
		blobTitle,
		"blob " + r.blob.String(),
		"stored " + strconv.FormatInt(r.stored, 10),
		"plain " + strconv.FormatInt(r.plain, 10),
		"diffid " + r.diffID.String(),
		"index " + strconv.FormatInt(r.summary.Index, 10),
		"data " + strconv.FormatInt(r.summary.Data, 10),
		"indexsum " + hex.EncodeToString(r.summary.Sum[:]),
	}
}

// parseRecord reads a record. What it accepts is what lines would write.
func parseRecord(b []byte) (r record, err error) {
	v, err := unseal(b, r.lines())
	if err != nil {
		return r, err
	}
	p := fieldParser{}
	r = record{
		blob: p.hash(v[1]), stored: p.number(v[2]), plain: p.number(v[3]), diffID: p.hash(v[4]),
		summary: rootfs.Summary{Index: p.number(v[5]), Data: p.number(v[6])},
	}
	copy(r.summary.Sum[:], p.sum(v[7]))
	if p.bad || string(seal(r.lines())) != string(b) {
		return record{}, errRecord
	}
	return r, nil
}

// treeRecord is what a tree was when it was written.
type treeRecord struct {
	name string // in trees
	size int64
	sum  [sha256.Size]byte
}

func (r treeRecord) lines() []string {
	return []string{treeTitle, "name " + r.name, "size " + strconv.FormatInt(r.size, 10), "content " + hex.EncodeToString(r.sum[:])}
}

func parseTreeRecord(b []byte) (r treeRecord, err error) {
	v, err := unseal(b, r.lines())
	if err != nil {
		return r, err
	}
	p := fieldParser{}
	r = treeRecord{name: v[1], size: p.number(v[2])}
	copy(r.sum[:], p.sum(v[3]))
	if p.bad || string(seal(r.lines())) != string(b) {
		return treeRecord{}, errRecord
	}
	return r, nil
}

// seal joins lines and their sum.
func seal(lines []string) []byte {
	text := strings.Join(lines, "\n") + "\n"
	sum := sha256.Sum256([]byte(text))
	return []byte(text + "sum " + hex.EncodeToString(sum[:]) + "\n")
}

// unseal checks the sum and returns the values of lines that begin with the same words as those of like.
func unseal(b []byte, like []string) ([]string, error) {
	lines := strings.Split(string(b), "\n")
	if len(b) > recordMax || len(lines) != len(like)+2 || string(seal(lines[:len(like)])) != string(b) || lines[0] != like[0] {
		return nil, errRecord
	}
	values := make([]string, len(like))
	for i, want := range like[1:] {
		word, value, _ := strings.Cut(lines[i+1], " ")
		if wanted, _, _ := strings.Cut(want, " "); word != wanted {
			return nil, errRecord
		}
		values[i+1] = value
	}
	return values, nil
}

// fieldParser reads values and remembers whether one was bad.
type fieldParser struct{ bad bool }

func (p *fieldParser) number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	p.bad = p.bad || err != nil || n < 0
	return n
}

func (p *fieldParser) sum(s string) []byte {
	b, err := hex.DecodeString(s)
	p.bad = p.bad || err != nil || len(b) != sha256.Size
	return b
}

func (p *fieldParser) hash(s string) v1.Hash {
	h, err := parseHash(s)
	p.bad = p.bad || err != nil
	return h
}

// parseHash reads a digest in the one form that is used for names.
func parseHash(s string) (v1.Hash, error) {
	digits, ok := strings.CutPrefix(s, "sha256:")
	if !ok || !isHex(digits) {
		return v1.Hash{}, errors.New("no SHA-256 digest")
	}
	return hashOf(digits), nil
}

func hashOf(digits string) v1.Hash { return v1.Hash{Algorithm: "sha256", Hex: digits} }

// isHex reports whether a name is the hexadecimal part of a SHA-256 digest, in lower case.
func isHex(s string) bool {
	return len(s) == 2*sha256.Size && strings.Trim(s, "0123456789abcdef") == ""
}
