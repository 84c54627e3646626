package rootfs

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"math"
	"slices"
	"time"
)

// The index of an unpacked layer says what the entries of its tar say, in their order:
//
//	indexMagic, then for each entry
//	  type      one byte, tar's type flag
//	  flags     one byte: 1 for an access control list as text
//	  name, link target    each a length and its bytes
//	  mode, owner, group, device major and minor    signed
//	  seconds   signed; nanoseconds
//	  size, offset    of the content in the data file
//	  digest    32 bytes, SHA-256 of the content, where the size is not 0
//	  number of extended attributes, then name and value of each, by name
//	end, one byte 0, number of entries, size of the data file, SHA-256 of all that stands before it
//
// Numbers are varints as encoding/binary has them. Another layout gets another magic.
const indexMagic = "holo-build layer 1\n"

// indexEnd takes the place of a type. Tar's oldest type of a file is 0 as well, but archive/tar does not return it.
const indexEnd = 0

// indexedEntry is one entry of a layer. Of the header's records only the extended attributes are kept.
type indexedEntry struct {
	tar.Header
	// offset is where the content begins in the data file, digest is its SHA-256; both are zero without content.
	offset int64
	digest [32]byte
	// textACL says that there was an access control list as text.
	textACL bool
}

// indexWriter writes an index.
type indexWriter struct {
	w     *bufio.Writer
	hash  hash.Hash
	buf   []byte
	count uint64
}

func newIndexWriter(w io.Writer) *indexWriter {
	h := sha256.New()
	i := &indexWriter{w: bufio.NewWriterSize(io.MultiWriter(w, h), 64<<10), hash: h}
	// A bufio.Writer keeps its first error for Flush.
	_, _ = i.w.WriteString(indexMagic)
	return i
}

func (i *indexWriter) add(e *indexedEntry) error {
	b := append(i.buf[:0], e.Typeflag, 0)
	if e.textACL {
		b[1] = 1
	}
	b = appendString(appendString(b, e.Name), e.Linkname)
	for _, n := range []int64{e.Mode, int64(e.Uid), int64(e.Gid), e.Devmajor, e.Devminor, e.ModTime.Unix()} {
		b = binary.AppendVarint(b, n)
	}
	b = binary.AppendUvarint(b, uint64(e.ModTime.Nanosecond()))
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(e.Size)), uint64(e.offset))
	if e.Size != 0 {
		b = append(b, e.digest[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(e.PAXRecords)))
	for _, name := range slices.Sorted(maps.Keys(e.PAXRecords)) {
		b = appendString(appendString(b, name), e.PAXRecords[name])
	}
	i.buf = b
	i.count++
	_, err := i.w.Write(b)
	return err
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// finish writes the end of the index.
func (i *indexWriter) finish(w io.Writer, dataSize int64) error {
	b := binary.AppendUvarint([]byte{indexEnd}, i.count)
	if _, err := i.w.Write(binary.AppendUvarint(b, uint64(dataSize))); err != nil {
		return err
	}
	if err := i.w.Flush(); err != nil {
		return err
	}
	_, err := w.Write(i.hash.Sum(nil))
	return err
}

// ErrDamaged is an unpacked layer that is not what was written: cut off, altered, or of another version.
var ErrDamaged = errors.New("damaged")

// indexReader reads an index. What it returns may be used for good only when it has returned io.EOF.
type indexReader struct {
	r     *bufio.Reader
	hash  hash.Hash
	count uint64
	// dataSize is the size that the data file must have, known at the end.
	dataSize int64
	err      error
}

func newIndexReader(r io.Reader) *indexReader {
	i := &indexReader{r: bufio.NewReaderSize(r, 64<<10), hash: sha256.New()}
	magic := i.bytes(len(indexMagic))
	if i.err == nil && string(magic) != indexMagic {
		i.err = fmt.Errorf("%w: it does not begin as an index", ErrDamaged)
	}
	return i
}

// next returns the next entry, or io.EOF after the last one. Errors are ErrDamaged or those of reading.
func (i *indexReader) next() (*indexedEntry, error) {
	kind := i.byte()
	if i.err == nil && kind == indexEnd {
		i.end()
	}
	if i.err != nil {
		return nil, i.err
	}
	e := &indexedEntry{}
	e.Typeflag = kind
	e.textACL = i.byte() == 1
	e.Name, e.Linkname = i.string(), i.string()
	e.Mode, e.Uid, e.Gid, e.Devmajor, e.Devminor = i.varint(), int(i.varint()), int(i.varint()), i.varint(), i.varint()
	seconds := i.varint()
	e.ModTime = time.Unix(seconds, int64(i.uvarint()%1e9)).UTC()
	e.Size, e.offset = i.size(), i.size()
	if e.Size != 0 {
		copy(e.digest[:], i.bytes(len(e.digest)))
	}
	for n := i.uvarint(); n > 0 && i.err == nil; n-- {
		if e.PAXRecords == nil {
			e.PAXRecords = map[string]string{}
		}
		name := i.string()
		e.PAXRecords[name] = i.string()
	}
	i.count++
	return e, i.err
}

// end checks the numbers and the digest.
func (i *indexReader) end() {
	if i.uvarint() != i.count && i.err == nil {
		i.err = fmt.Errorf("%w: another number of entries", ErrDamaged)
	}
	i.dataSize = i.size()
	want := i.hash.Sum(nil)
	if got := i.bytes(len(want)); i.err == nil && !bytes.Equal(got, want) {
		i.err = fmt.Errorf("%w: it has another digest", ErrDamaged)
	}
	if i.err == nil {
		i.err = io.EOF
	}
}

// fail keeps the first error; an end is none here.
func (i *indexReader) fail(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: it is cut off", ErrDamaged)
	}
	if i.err == nil {
		i.err = err
	}
}

func (i *indexReader) byte() byte {
	if i.err != nil {
		return 0
	}
	b, err := i.r.ReadByte()
	if err != nil {
		i.fail(err)
		return 0
	}
	i.hash.Write([]byte{b})
	return b
}

// ReadByte is for binary.ReadUvarint.
func (i *indexReader) ReadByte() (byte, error) {
	b := i.byte()
	return b, i.err
}

func (i *indexReader) uvarint() uint64 {
	n, err := binary.ReadUvarint(i)
	if err != nil && i.err == nil {
		i.err = fmt.Errorf("%w: a number is too long", ErrDamaged)
	}
	return n
}

func (i *indexReader) varint() int64 {
	n, err := binary.ReadVarint(i)
	if err != nil && i.err == nil {
		i.err = fmt.Errorf("%w: a number is too long", ErrDamaged)
	}
	return n
}

func (i *indexReader) size() int64 {
	n := i.uvarint()
	if n > math.MaxInt64 && i.err == nil {
		i.err = fmt.Errorf("%w: a size of %d bytes", ErrDamaged, n)
	}
	return int64(n)
}

// bytes returns the next n bytes, in pieces that grow with what is really there.
func (i *indexReader) bytes(n int) []byte {
	var b bytes.Buffer
	if i.err == nil {
		if _, err := io.CopyN(&b, i.r, int64(n)); err != nil {
			i.fail(err)
		}
	}
	i.hash.Write(b.Bytes())
	return b.Bytes()
}

func (i *indexReader) string() string {
	n := i.size()
	if n > math.MaxInt32 {
		i.fail(io.ErrUnexpectedEOF)
		return ""
	}
	if i.err == nil && int(n) <= i.r.Buffered() { // nearly always: no detour by a buffer of its own
		b, _ := i.r.Peek(int(n))
		i.hash.Write(b)
		s := string(b)
		_, _ = i.r.Discard(int(n))
		return s
	}
	return string(i.bytes(int(n)))
}
