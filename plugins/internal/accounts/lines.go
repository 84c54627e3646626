package accounts

import (
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// maxBytes bounds one database. A passwd of a million users has about 80 MiB.
const maxBytes = 256 << 20

// noID is 2^32-1, which is no ID: chown(2) takes it for "leave as it is".
const noID = 1<<32 - 1

// readText reads a whole database, which was said to have so many bytes. A missing file is fs.ErrNotExist.
func readText(root rootfs.Root, name string, size int64) (string, error) {
	f, err := root.Open(name)
	if err != nil {
		return "", fmt.Errorf("reading /%s: %w", name, err)
	}
	defer f.Close()
	text, err := readBounded(f, maxBytes, size)
	if err != nil {
		return "", fmt.Errorf("reading /%s: %w", name, err)
	}
	return text, nil
}

// readBounded reads all, unless it is more than so many bytes. The size is what it was said to be.
func readBounded(r io.Reader, most, size int64) (string, error) {
	var b strings.Builder
	b.Grow(int(min(max(size, 0), most)))
	n, err := io.Copy(&b, io.LimitReader(r, most+1))
	if err == nil && n > most {
		err = fmt.Errorf("it has more than %d bytes", most)
	}
	return b.String(), err
}

// lines yields the lines of a text without their ends; the last may have none.
func lines(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			if !yield(strings.TrimSuffix(line, "\n")) {
				return
			}
		}
	}
}

// isRecord says whether a line can be one of an account: comments, NIS lines and empty ones can't.
func isRecord(line string) bool { return line != "" && !strings.ContainsRune("#+-", rune(line[0])) }

// cut splits a line into exactly len(fields) fields.
func cut(line string, fields []string) bool {
	for i := range fields[:len(fields)-1] {
		var ok bool
		if fields[i], line, ok = strings.Cut(line, ":"); !ok {
			return false
		}
	}
	fields[len(fields)-1] = line
	return !strings.Contains(line, ":")
}

// ParseID reads a user or group ID: decimal digits, and less than 2^32-1.
func ParseID(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n < noID
}

func formatID(id uint32) string { return strconv.FormatUint(uint64(id), 10) }

// members splits a comma-separated list; empty names are left out.
func members(list string) []string {
	var out []string
	for name := range strings.SplitSeq(list, ",") {
		if name != "" {
			out = append(out, name)
		}
	}
	return out
}
