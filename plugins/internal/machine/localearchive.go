package machine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/holo-build/holo-build/rootfs"
)

// Where the GNU C library has the data of locales: a directory for each, and an archive of all; localedef(1).
const (
	localeDir   = "usr/lib/locale"
	archiveFile = localeDir + "/locale-archive"
)

// installedLocales lists the locales that a root has data for, as they are spelled there. Where there is no place for such
// data, it is fs.ErrNotExist.
func installedLocales(ctx context.Context, root rootfs.Root) ([]string, error) {
	list, err := root.ReadDir(localeDir)
	if err != nil {
		return nil, fmt.Errorf("listing locales: %w", err)
	}
	var names []string
	for _, entry := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if entry.Type == rootfs.Directory || entry.Type == rootfs.Symlink {
			if _, err := root.ReadDir(localeDir + "/" + entry.Name); err == nil {
				names = append(names, entry.Name)
			}
		}
	}
	f, err := root.Open(archiveFile)
	if isMissing(err) {
		return names, nil
	}
	if err == nil {
		defer f.Close()
		var more []string
		if more, err = archived(f); err == nil {
			return append(names, more...), nil
		}
	}
	return nil, fmt.Errorf("listing locales: reading /%s: %w", archiveFile, err)
}

// archiveHead begins a locale archive: offsets and sizes in bytes, but that of the table, which is in entries. The archive is
// the machine's own in its byte order, and tells it by the first number.
type archiveHead struct {
	Magic, Serial                                                    uint32
	NamesOffset, NamesUsed, NamesSize                                uint32
	StringsOffset, StringsUsed, StringsSize                          uint32
	RecordsOffset, RecordsUsed, RecordsSize, SumsOffset, SumsUsed, S uint32
}

const (
	archiveMagic = 0xde020109
	archiveEntry = 12 // hash, offset of the name, offset of the record
	// maxArchiveHead bounds what is read: table and names, which come first. All locales of glibc take less than 1 MiB.
	maxArchiveHead = 16 << 20
)

var errArchive = errors.New("it is no locale archive, or damaged")

// archived lists the names in a locale archive.
func archived(r io.Reader) ([]string, error) {
	raw := make([]byte, binary.Size(archiveHead{}))
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, errArchive
	}
	var order binary.ByteOrder = binary.LittleEndian
	if order.Uint32(raw) != archiveMagic {
		order = binary.BigEndian
	}
	var h archiveHead
	if err := binary.Read(bytes.NewReader(raw), order, &h); err != nil || h.Magic != archiveMagic {
		return nil, errArchive
	}
	end := uint64(h.NamesOffset) + uint64(h.NamesSize)*archiveEntry
	end = max(end, uint64(h.StringsOffset)+uint64(h.StringsUsed))
	if end > maxArchiveHead {
		return nil, errArchive
	}
	if n := int(end) - len(raw); n > 0 {
		rest := make([]byte, n)
		if _, err := io.ReadFull(r, rest); err != nil {
			return nil, errArchive
		}
		raw = append(raw, rest...)
	}
	var names []string
	for i := range int(h.NamesSize) {
		at := raw[int(h.NamesOffset)+i*archiveEntry:][:archiveEntry]
		name, record := order.Uint32(at[4:]), order.Uint32(at[8:])
		if record == 0 {
			continue
		}
		if uint64(name) >= uint64(len(raw)) {
			return nil, errArchive
		}
		text, _, ok := bytes.Cut(raw[name:], []byte{0})
		if !ok || len(text) > 255 {
			return nil, errArchive
		}
		names = append(names, string(text))
	}
	return names, nil
}
