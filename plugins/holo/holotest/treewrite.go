package holotest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/holo-build/holo-build/rootfs"
)

// Write writes the dump.
func (t *Tree) Write(w io.Writer) error {
	var b bytes.Buffer
	switch t.Format {
	case Full:
		b.WriteString(fullMark + "\n")
	case Changes:
		b.WriteString(changesMark + "\n")
	}
	for _, e := range t.Entries {
		e.write(&b, t.Format)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (e Entry) write(b *bytes.Buffer, f Format) {
	encoding := ""
	if f != Plain {
		encoding = e.encoding()
	}
	b.WriteString(e.header(f, encoding) + "\n")
	switch {
	case e.Deleted || e.Large:
	case e.Meta.Type == rootfs.Regular:
		e.writeContent(b, encoding)
	case e.Meta.Type == rootfs.Symlink && f == Plain:
		b.WriteString(e.Meta.Target + "\n")
	case e.Meta.Type == rootfs.Symlink:
		b.WriteString(quoted(e.Meta.Target) + "\n")
	case e.Meta.Type == rootfs.CharDevice, e.Meta.Type == rootfs.BlockDevice:
		fmt.Fprintf(b, "%d,%d\n", e.Meta.Major, e.Meta.Minor)
	}
	b.WriteString(separator + "\n")
}

func (e Entry) header(f Format, encoding string) string {
	name := "./" + e.Name
	if e.Name == "." {
		name = "."
	}
	if e.Meta.Type == rootfs.Directory && !e.Deleted {
		name += "/"
	}
	if f != Plain {
		name = quoted(name)
	}
	if e.Deleted {
		return fmt.Sprintf("%-9s %s", deletedName, name)
	}
	columns := []string{fmt.Sprintf("%-9s 0%s", typeNames[e.Meta.Type], strconv.FormatUint(uint64(e.Meta.Mode), 8))}
	if f != Plain {
		columns = append(columns, e.owner())
		for _, x := range slices.Sorted(maps.Keys(e.Meta.Xattrs)) {
			columns = append(columns, quotedName("xattr."+x)+"="+strconv.Quote(e.Meta.Xattrs[x]))
		}
		if e.Large {
			columns = append(columns, fmt.Sprintf("%s%x", digestAttr, e.Meta.Digest))
		} else if encoding != "" {
			columns = append(columns, encoding)
		}
	}
	return strings.Join(append(columns, name), " ")
}

// quotedName quotes the name of an attribute that would end at its equals sign.
func quotedName(s string) string {
	if special(s) || strings.Contains(s, "=") {
		return strconv.Quote(s)
	}
	return s
}

func (e Entry) owner() string {
	if e.Mine {
		return "-"
	}
	return fmt.Sprintf("%d:%d", e.Meta.UID, e.Meta.GID)
}

// The attributes that say how the content is written.
const (
	noEOL      = "noeol"
	base64Attr = "base64"
	digestAttr = "sha256="
)

// encoding returns the attribute by which the content can be read back; none for text.
func (e Entry) encoding() string {
	if e.Meta.Type != rootfs.Regular || e.Deleted || e.Large || len(e.Content) == 0 {
		return ""
	}
	if !utf8.Valid(e.Content) || bytes.ContainsFunc(e.Content, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }) {
		return base64Attr
	}
	for line := range bytes.SplitSeq(e.Content, []byte("\n")) {
		if dashes(string(line)) {
			return base64Attr
		}
	}
	if e.Content[len(e.Content)-1] != '\n' {
		return noEOL
	}
	return ""
}

func (e Entry) writeContent(b *bytes.Buffer, encoding string) {
	switch encoding {
	case base64Attr:
		text := base64.StdEncoding.EncodeToString(e.Content)
		for len(text) > 0 {
			n := min(len(text), 76)
			b.WriteString(text[:n] + "\n")
			text = text[n:]
		}
	case noEOL:
		b.Write(e.Content)
		b.WriteString("\n")
	default:
		b.Write(e.Content)
	}
}
