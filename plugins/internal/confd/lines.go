package confd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxLine bounds a line of a file.
const MaxLine = 1 << 20

// ScanLines is a bufio.SplitFunc for lines that end with a line feed, a carriage return or a NUL byte, or with several of
// them, each of which comes once, a NUL byte as the last.
func ScanLines(data []byte, atEOF bool) (advance int, line []byte, err error) {
	i := bytes.IndexAny(data, "\n\r\x00")
	switch {
	case i < 0 && atEOF && len(data) > 0:
		return len(data), data, nil
	case i < 0:
		return 0, nil, nil
	}
	end := i + 1
	for ; data[end-1] != 0; end++ {
		if end == len(data) {
			if !atEOF {
				return 0, nil, nil
			}
			break
		}
		if c := data[end]; c != '\n' && c != '\r' && c != 0 || bytes.IndexByte(data[i:end], c) >= 0 {
			break
		}
	}
	return end, data[:i], nil
}

// blanks separate words.
const blanks = " \t\n\r"

// EachLine calls f with each line of a file that is neither empty nor a comment, without the blanks around it. Lines count
// from 1.
func EachLine(r io.Reader, f func(number int, line string)) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, MaxLine)
	s.Split(ScanLines)
	n := 0
	for s.Scan() {
		n++
		if line := strings.Trim(s.Text(), blanks); line != "" && line[0] != '#' {
			f(n, line)
		}
	}
	if err := s.Err(); !errors.Is(err, bufio.ErrTooLong) {
		return err
	}
	return fmt.Errorf("line %d is longer than %d bytes", n+1, MaxLine)
}
