package rootfstest

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Raw is one entry of a tar as bytes that archive/tar would not write.
type Raw struct {
	Name, Link string
	Type       byte
	// Fields are written verbatim, in place of an octal zero: "uid", "gid", "size", "mtime", "devmajor", "devminor".
	Fields map[string]string
	// PAX records come before, in a header of their own.
	PAX  map[string]string
	Body string
}

// rawFields are offset and length of the fields of a ustar header: POSIX.1, pax.
var rawFields = map[string][2]int{
	"uid": {108, 8}, "gid": {116, 8}, "size": {124, 12}, "mtime": {136, 12}, "devmajor": {329, 8}, "devminor": {337, 8},
}

// Bytes returns the entry's blocks.
func (r Raw) Bytes() []byte {
	var out []byte
	if r.PAX != nil {
		var body string
		for _, key := range slices.Sorted(maps.Keys(r.PAX)) {
			body += paxRecord(key, r.PAX[key])
		}
		out = Raw{Name: "PaxHeaders/x", Type: tar.TypeXHeader, Body: body}.Bytes()
	}
	block := make([]byte, 512)
	copy(block[0:100], r.Name)
	copy(block[100:108], "0000644\x00")
	for name, at := range rawFields {
		value, ok := r.Fields[name]
		if !ok {
			value = fmt.Sprintf("%0*o\x00", at[1]-1, 0)
			if name == "size" {
				value = fmt.Sprintf("%011o\x00", len(r.Body))
			}
		}
		copy(block[at[0]:at[0]+at[1]], value)
	}
	block[156] = r.Type
	copy(block[157:257], r.Link)
	copy(block[257:265], "ustar\x0000")
	copy(block[148:156], "        ")
	sum := 0
	for _, b := range block {
		sum += int(b)
	}
	copy(block[148:156], fmt.Sprintf("%06o\x00 ", sum))
	out = append(append(out, block...), r.Body...)
	return append(out, make([]byte, -len(r.Body)&511)...)
}

// paxRecord is "LENGTH KEY=VALUE\n", of which the length counts itself.
func paxRecord(key, value string) string {
	rest := " " + key + "=" + value + "\n"
	n := len(rest)
	for len(fmt.Sprint(n))+len(rest) != n {
		n = len(fmt.Sprint(n)) + len(rest)
	}
	return fmt.Sprint(n) + rest
}

// RawTar puts entries together, with the two zero blocks that end a tar.
func RawTar(entries ...Raw) Layer {
	var out bytes.Buffer
	for _, e := range entries {
		out.Write(e.Bytes())
	}
	out.Write(make([]byte, 1024))
	return out.Bytes()
}

// SparseRaw is a file that is all hole, in GNU's sparse format 1.0: GNU tar manual, "PAX 1".
func SparseRaw(name string, size int64) Raw {
	return Raw{Name: name, Type: tar.TypeReg, Body: "0\n" + strings.Repeat("\x00", 510), PAX: map[string]string{
		"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": name, "GNU.sparse.realsize": fmt.Sprint(size)}}
}
