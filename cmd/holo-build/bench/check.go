package main

import (
	"archive/tar"
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// checkImage sees to it that the changed image has one layer more than the base, and that this one has all files.
func checkImage(layout string, baseLayers int, files map[string]string) error {
	m, err := manifestOf(layout, "changed")
	if err != nil {
		return err
	}
	if len(m.Layers) != baseLayers+1 {
		return fmt.Errorf("image has %d layers, want %d and one more", len(m.Layers), baseLayers)
	}
	top := m.Layers[baseLayers]
	if err := checkLayer(blobPath(layout, top.Digest), strings.HasSuffix(top.MediaType, "gzip"), files); err != nil {
		return fmt.Errorf("reading the top layer: %w", err)
	}
	return nil
}

// checkLayer looks for files in a layer.
func checkLayer(name string, zipped bool, files map[string]string) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var r io.Reader = bufio.NewReader(f)
	if zipped {
		if r, err = gzip.NewReader(r); err != nil {
			return err
		}
	}
	found := map[string]bool{}
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		want, ok := files[strings.TrimPrefix(h.Name, "./")]
		if !ok {
			continue
		}
		content, err := io.ReadAll(io.LimitReader(t, int64(len(want))+1))
		if err != nil {
			return fmt.Errorf("reading %s: %w", h.Name, err)
		}
		if string(content) == want {
			found[strings.TrimPrefix(h.Name, "./")] = true
		}
	}
	if n := len(files) - len(found); n > 0 {
		return fmt.Errorf("%d files of the change are missing or wrong", n)
	}
	return nil
}

// checkBlame sees to it that the apply log names, for each file, the entity that made it: docs/apply-log.md.
func checkBlame(log string, files map[string]string) (err error) {
	f, err := os.Open(log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	blamed := 0
	for d := json.NewDecoder(bufio.NewReader(f)); ; {
		var record struct {
			Type, Path string
			By         []struct{ Kind, Entity string }
		}
		if err := d.Decode(&record); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("reading the apply log: %w", err)
		}
		if _, ours := files[strings.TrimPrefix(record.Path, "/")]; record.Type != "change" || !ours {
			continue
		}
		if len(record.By) == 1 && record.By[0].Kind == "entity" && record.By[0].Entity == "file:"+record.Path {
			blamed++
		}
	}
	if blamed != len(files) {
		return fmt.Errorf("the apply log blames the right entity for %d of %d files", blamed, len(files))
	}
	return nil
}
