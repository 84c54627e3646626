package imageconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// ID is the plugin's.
const ID = "image-config"

// Settings are those of an image, by the names of the entities without "image-config:": lists of arguments for entrypoint
// and cmd, one string for the others, and an empty list for ports and volumes.
type Settings map[string][]string

// Image is what the file image.json in the plugin's state says.
type Image struct {
	Settings Settings `json:"settings"`
	// Given are the names of settings that were given on the command line, sorted.
	Given []string `json:"given,omitempty"`
}

// The files in the plugin's state, and the size that each may have.
const (
	imageFile = "image.json"
	booksFile = "settings.json"
	maxFile   = 4 << 20
)

// ReadImage reads image.json from the plugin's state directory. Where there is none, no setting is known.
func ReadImage(state rootfs.Root) (Image, error) {
	i := Image{Settings: Settings{}}
	err := readJSON(state, imageFile, &i)
	if i.Settings == nil {
		i.Settings = Settings{}
	}
	return i, err
}

// WriteImage writes image.json, unless it is there as it should be.
func WriteImage(state rootfs.Root, i Image) error { return writeJSON(state, imageFile, i) }

// books are what the plugin remembers of each setting, by name.
type books map[string]book

type book struct {
	// Base is the value before the first definition, and Last what was provisioned last; null if it was not set.
	Base []string `json:"base"`
	Last []string `json:"last"`
}

func readBooks(state rootfs.Root) (books, error) {
	b := books{}
	err := readJSON(state, booksFile, &b)
	if b == nil {
		b = books{}
	}
	return b, err
}

func (b books) write(state rootfs.Root) error { return writeJSON(state, booksFile, b) }

func readJSON(state rootfs.Root, name string, v any) error {
	text, err := readFile(state, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return fmt.Errorf("reading %s in the state of %s: %w", name, ID, err)
	}
	return nil
}

// readFile reads a file whole.
func readFile(d rootfs.Root, name string) ([]byte, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it has more than %d bytes", maxFile)
	}
	return text, err
}

// writeJSON writes a file whole, if it is another one. Whoever owns the directory owns it.
func writeJSON(state rootfs.Root, name string, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	if old, err := readFile(state, name); err == nil && bytes.Equal(old, b.Bytes()) {
		return nil
	}
	return putFile(state, name, b.Bytes())
}

func putFile(d rootfs.Root, name string, content []byte) error {
	owner, err := d.Lstat(".")
	if err != nil {
		return err
	}
	m := rootfs.Meta{Type: rootfs.Regular, Mode: 0o644, UID: owner.UID, GID: owner.GID, Size: int64(len(content))}
	return d.Put(name, m, bytes.NewReader(content))
}

// same reports whether two values are the same; no value is not an empty one.
func same(a, b []string) bool { return (a == nil) == (b == nil) && slices.Equal(a, b) }

// entityPrefix begins the IDs of the plugin's entities.
const entityPrefix = "image-config:"

var _ holo.Plugin = Plugin{}
