package rootfstest

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Mend makes a tar of any bytes, for fuzzing: what stands where a header is read gets the right checksum, and the end
// its blocks of zeros. Without that, nearly all of what a fuzzer tries ends at the first checksum.
func Mend(data []byte) []byte {
	out := bytes.Clone(data)
	out = append(out, make([]byte, -len(out)&511+1024)...)
	for at := 0; at+512 <= len(out)-1024; {
		block := out[at : at+512]
		at += 512
		if len(bytes.Trim(block, "\x00")) == 0 {
			continue
		}
		copy(block[148:156], "        ")
		sum := 0
		for _, b := range block {
			sum += int(b)
		}
		copy(block[148:156], fmt.Sprintf("%06o\x00 ", sum))
		if kind := block[156]; kind >= '1' && kind <= '6' {
			continue // archive/tar reads no content of these, whatever their size: POSIX.1, pax
		}
		size, err := strconv.ParseInt(strings.Trim(string(block[124:136]), " \x00"), 8, 64)
		if err == nil && size > 0 && size < int64(len(out)) {
			at += int(size+511) &^ 511
		}
	}
	return out
}
