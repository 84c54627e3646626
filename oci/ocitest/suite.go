package ocitest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/holo-build/holo-build/oci"
)

// Suite says what the suite is to know about a transport for images.
type Suite struct {
	Transport oci.Transport
	// Rest returns the rest of a reference at a new place. Everything that is written for it lies in dir, which is empty
	// if nothing of it lies on this machine's disk.
	Rest func(t *testing.T) (rest, dir string)
	// NoManifest says that the transport keeps configuration and layers only.
	NoManifest bool
}

// Run runs all tests of the suite.
func (s Suite) Run(t *testing.T) {
	t.Run("round trip", s.roundTrip)
	t.Run("write alone is not seen", s.writeAlone)
	t.Run("abort leaves nothing", s.abort)
	t.Run("written anew", s.anew)
	t.Run("wrong digest is not written", s.broken)
	t.Run("cancelled", s.cancelled)
	t.Run("truncated", s.truncated)
	t.Run("overwritten", s.overwritten)
	t.Run("two writers", s.twoWriters)
	t.Run("wrong platform", s.platform)
}

func (s Suite) roundTrip(t *testing.T) {
	for name, o := range map[string]Options{
		"gzip": {}, "zstd": {Compression: oci.Zstd}, "none": {Compression: oci.None}, "docker": {Docker: true},
		"docker none": {Docker: true, Compression: oci.None},
	} {
		t.Run(name, func(t *testing.T) {
			img := Small(t, o)
			rest, _ := s.Rest(t)
			digest := Write(t, s.Transport, rest, oci.Result{Image: img})
			got := Open(t, s.Transport, rest)
			if s.NoManifest {
				SameTree(t, img, got)
				if want := img.ConfigDigest().String(); digest != want {
					t.Errorf("digest %s, want %s", digest, want)
				}
				return
			}
			Same(t, img, got)
			if want := img.Digest().String(); digest != want {
				t.Errorf("digest %s, want %s", digest, want)
			}
		})
	}
}

func (s Suite) create(t *testing.T, rest string) oci.Destination {
	t.Helper()
	var last, total int64
	d, err := s.Transport.Create(t.Context(), rest, oci.CreateOptions{
		Dir: t.TempDir(), Progress: func(d, t int64) { last, total = d, t },
	})
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	t.Cleanup(func() {
		if total > 0 && last > total {
			t.Errorf("progress: %d bytes of %d", last, total)
		}
	})
	return d
}

func (s Suite) writeAlone(t *testing.T) {
	rest, dir := s.Rest(t)
	d := s.create(t, rest)
	if _, err := d.Write(t.Context(), oci.Result{Image: Small(t, Options{})}); err != nil {
		t.Fatalf("Write: %v", err)
	}
	if img, err := s.Transport.Open(t.Context(), rest, oci.OpenOptions{Dir: t.TempDir()}); err == nil {
		t.Errorf("Open before Commit found %s", img.Ref)
	}
	if err := d.Commit(t.Context()); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	s.noLitter(t, dir)
	Open(t, s.Transport, rest)
}

// noLitter fails if an unfinished file stayed.
func (s Suite) noLitter(t *testing.T, dir string) {
	t.Helper()
	if dir == "" {
		return
	}
	for p := range snapshot(t, dir) {
		if m, err := filepath.Match(".holo-build-*", filepath.Base(p)); err != nil || m {
			t.Errorf("%s stayed", p)
		}
	}
}

func (s Suite) abort(t *testing.T) {
	rest, dir := s.Rest(t)
	if dir == "" {
		t.Skip("a registry keeps blobs that no tag refers to until it collects them")
	}
	Unchanged(t, dir, func() {
		d := s.create(t, rest)
		if _, err := d.Write(t.Context(), oci.Result{Image: Small(t, Options{})}); err != nil {
			t.Fatalf("Write: %v", err)
		}
		if err := d.Abort(); err != nil {
			t.Fatalf("Abort: %v", err)
		}
	})
	Unchanged(t, dir, func() {
		if err := s.create(t, rest).Abort(); err != nil {
			t.Fatalf("Abort before Write: %v", err)
		}
	})
}

// anew writes another image after Abort, and after an image that cannot be written.
func (s Suite) anew(t *testing.T) {
	for name, first := range map[string]*oci.Image{"whole": Image(t, Options{}, []Entry{File("first", "1")}), "broken": Broken(t, Options{})} {
		t.Run(name, func(t *testing.T) {
			rest, dir := s.Rest(t)
			d := s.create(t, rest)
			if _, err := d.Write(t.Context(), oci.Result{Image: first}); (err != nil) != (name == "broken") {
				t.Fatalf("Write: %v", err)
			}
			if err := d.Abort(); err != nil {
				t.Fatalf("Abort: %v", err)
			}
			second := Small(t, Options{})
			_, err := d.Write(t.Context(), oci.Result{Image: second})
			if err = errors.Join(err, d.Commit(t.Context()), d.Abort()); err != nil {
				t.Fatalf("anew: %v", err)
			}
			SameTree(t, second, Open(t, s.Transport, rest))
			s.noLitter(t, dir)
		})
	}
}

func (s Suite) broken(t *testing.T) {
	for name, o := range map[string]Options{"gzip": {}, "zstd": {Compression: oci.Zstd}, "none": {Compression: oci.None}} {
		t.Run(name, func(t *testing.T) {
			img := Broken(t, o)
			rest, dir := s.Rest(t)
			s.failing(t, t.Context(), rest, dir, img, oci.ErrDigest)
		})
	}
}

func (s Suite) cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	rest, dir := s.Rest(t)
	s.failing(t, ctx, rest, dir, Small(t, Options{}), context.Canceled)
}

// failing writes what cannot be written, and looks for what is left.
func (s Suite) failing(t *testing.T, ctx context.Context, rest, dir string, img *oci.Image, want error) {
	t.Helper()
	do := func() {
		d := s.create(t, rest)
		if _, err := d.Write(ctx, oci.Result{Image: img}); !errors.Is(err, want) {
			t.Errorf("Write: %v, want %v", err, want)
		}
		if err := d.Commit(t.Context()); err == nil {
			t.Error("Commit after a Write that failed succeeded")
		}
		if err := d.Abort(); err != nil {
			t.Errorf("Abort: %v", err)
		}
	}
	if dir == "" {
		do()
	} else {
		Unchanged(t, dir, do)
	}
	if _, err := s.Transport.Open(t.Context(), rest, oci.OpenOptions{Dir: t.TempDir()}); err == nil {
		t.Error("the image can be opened")
	}
}

// truncated cuts each file of a written image in two, in turns.
func (s Suite) truncated(t *testing.T) {
	rest, dir := s.Rest(t)
	if dir == "" {
		t.Skip("there is no file to truncate")
	}
	Write(t, s.Transport, rest, oci.Result{Image: Small(t, Options{})})
	for file, content := range snapshot(t, dir) {
		if content == "directory" {
			continue
		}
		if err := os.WriteFile(file, []byte(content[:len(content)/2]), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := readWhole(t, s.Transport, rest); err == nil {
			t.Errorf("%s is truncated, and nothing was noticed", file)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := readWhole(t, s.Transport, rest); err != nil {
		t.Errorf("reading what was restored: %v", err)
	}
}

// readWhole opens an image and reads all its layers.
func readWhole(t *testing.T, tr oci.Transport, rest string) error {
	img, err := tr.Open(t.Context(), rest, oci.OpenOptions{Dir: t.TempDir()})
	if err != nil {
		return err
	}
	for _, l := range img.Layers {
		if err := ReadLayer(t.Context(), l); err != nil {
			return err
		}
	}
	return nil
}

func (s Suite) overwritten(t *testing.T) {
	rest, dir := s.Rest(t)
	Write(t, s.Transport, rest, oci.Result{Image: Small(t, Options{})})
	second := Image(t, Options{}, []Entry{File("second", "2")})
	Write(t, s.Transport, rest, oci.Result{Image: second})
	SameTree(t, second, Open(t, s.Transport, rest))
	s.noLitter(t, dir)
}

// twoWriters write to one place at the same time, with one layer in common. One is last, and all of it is there.
func (s Suite) twoWriters(t *testing.T) {
	rest, dir := s.Rest(t)
	common := []Entry{File("common", "both")}
	images := []*oci.Image{
		Image(t, Options{}, common, []Entry{File("a", "a")}),
		Image(t, Options{}, common, []Entry{File("b", "b")}),
	}
	var wg sync.WaitGroup
	errs := make([]error, len(images))
	for i, img := range images {
		d := s.create(t, rest)
		wg.Go(func() {
			if _, errs[i] = d.Write(t.Context(), oci.Result{Image: img}); errs[i] == nil {
				errs[i] = d.Commit(t.Context())
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if err := readWhole(t, s.Transport, rest); err != nil {
		t.Fatal(err)
	}
	got := Open(t, s.Transport, rest).ConfigDigest()
	if got != images[0].ConfigDigest() && got != images[1].ConfigDigest() {
		t.Errorf("configuration %s is neither writer's", got)
	}
	s.noLitter(t, dir)
}

func (s Suite) platform(t *testing.T) {
	rest, _ := s.Rest(t)
	Write(t, s.Transport, rest, oci.Result{Image: Small(t, Options{Platform: "linux/arm64"})})
	if _, err := s.Transport.Open(t.Context(), rest, oci.OpenOptions{Dir: t.TempDir(), Platform: "linux/amd64"}); !errors.Is(err, oci.ErrPlatform) {
		t.Errorf("Open for another platform: %v, want ErrPlatform", err)
	}
	if _, err := s.Transport.Open(t.Context(), rest, oci.OpenOptions{Dir: t.TempDir(), Platform: "linux/arm64/v8"}); err != nil {
		t.Errorf("Open for its platform: %v", err)
	}
}
