package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
)

// floor is what no program can do without that checks what it reads: inflating the layers and hashing both forms.
type floor struct {
	of string // the image
}

func (f floor) image() string        { return f.of }
func (f floor) programs() []string   { return nil }
func (f floor) often() int           { return 1 }
func (f floor) prepare(*place) error { return nil }
func (f floor) check(*place) error   { return nil } // it checks itself
func (f floor) clean(*place) error   { return nil }

// run is a process, as the other sides are.
func (f floor) run(ctx context.Context, p *place) (int64, error) {
	var s session
	_, err := s.command(ctx, "/proc/self/exe", "-floor", p.base(f.of))
	return s.rss, err
}

// inflateAndHash reads the layers of an image, two at a time, and compares their digests and DiffIDs.
func inflateAndHash(ctx context.Context, layout, tag string) error {
	m, err := manifestOf(layout, tag)
	if err != nil {
		return err
	}
	var config struct {
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	if err := readJSON(blobPath(layout, m.Config.Digest), &config); err != nil {
		return err
	}
	if len(config.RootFS.DiffIDs) != len(m.Layers) {
		return fmt.Errorf("%d DiffIDs of %d layers", len(config.RootFS.DiffIDs), len(m.Layers))
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for i, l := range m.Layers {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := inflateLayer(blobPath(layout, l.Digest), l.Digest, config.RootFS.DiffIDs[i]); err != nil {
				return fmt.Errorf("reading layer %s: %w", l.Digest, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// inflateLayer reads one layer.
func inflateLayer(name, digest, diffID string) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	packed, plain := sha256.New(), sha256.New()
	source := bufio.NewReaderSize(io.TeeReader(f, packed), 256<<10)
	z, err := gzip.NewReader(source)
	if err != nil {
		return err
	}
	if _, err := io.Copy(plain, z); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, source); err != nil {
		return err
	}
	for _, c := range []struct {
		want string
		sum  []byte
	}{{digest, packed.Sum(nil)}, {diffID, plain.Sum(nil)}} {
		if got := "sha256:" + hex.EncodeToString(c.sum); got != c.want {
			return fmt.Errorf("digest is %s, want %s", got, c.want)
		}
	}
	return nil
}
