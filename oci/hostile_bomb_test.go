package oci_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// bombSize is what a bomb inflates to, nominally: 4 GiB.
const bombSize = 4 << 30

// gzipBomb is a tar's beginning and then zeros, about 1000 to 1: one compressed piece again and again, as members.
func gzipBomb(t *testing.T, head []byte) []byte {
	t.Helper()
	const piece = 16 << 20
	return append(gzipped(t, head), bytes.Repeat(gzipped(t, make([]byte, piece)), bombSize/piece)...)
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	must(t, err, w.Close())
	return out.Bytes()
}

// zstdFrame is a frame without a checksum whose window is 2^(10+log) bytes: RFC 8878, 3.1.1.
func zstdFrame(log byte, blocks ...[]byte) []byte {
	return append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, log << 3}, bytes.Join(blocks, nil)...)
}

// zstdBlock is a block of a frame: kind 0 holds its content, kind 1 one byte that is repeated size times.
func zstdBlock(kind, size, last int, content ...byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(size<<3|kind<<1|last))[:3], content...)
}

// zstdBomb is a tar's beginning and then zeros, 32768 to 1.
func zstdBomb(_ *testing.T, head []byte) []byte {
	const block = 128 << 10
	zeros := bytes.Repeat(zstdBlock(1, block, 0, 0), bombSize/block-1)
	return zstdFrame(7, zstdBlock(0, len(head), 0, head...), zeros, zstdBlock(1, block, 1, 0))
}

// many is a tar of a million entries without content, compressed: ten thousand of them again and again.
func many(t *testing.T, name func(int) string) []byte {
	t.Helper()
	var plain []byte
	for i := range 10_000 {
		plain = append(plain, rootfstest.Raw{Name: name(i), Type: tar.TypeReg}.Bytes()...)
	}
	return bytes.Repeat(gzipped(t, plain), 100)
}

// attributes is a tar of 4000 files with 90 KB of attributes each.
func attributes(t *testing.T) []byte {
	t.Helper()
	f := rootfstest.Raw{Name: "f", Type: tar.TypeReg, PAX: map[string]string{"SCHILY.xattr.user.a": strings.Repeat("x", 90_000)}}
	return bytes.Repeat(gzipped(t, f.Bytes()), 4000)
}

// stageImage stages an archive of an image with one layer, stored as given, and returns an error about that layer.
func stageImage(t *testing.T, tr oci.Transport, stored []byte, l rootfs.Limits) error {
	t.Helper()
	config := []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:` + strings.Repeat("0", 64) + `"]}}`)
	digest, size, err := v1.SHA256(bytes.NewReader(config))
	must(t, err)
	layer, n, err := v1.SHA256(bytes.NewReader(stored))
	must(t, err)
	manifest, err := json.Marshal(v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1,
		Config: v1.Descriptor{MediaType: types.OCIConfigJSON, Digest: digest, Size: size},
		Layers: []v1.Descriptor{{MediaType: types.OCILayer, Digest: layer, Size: n}}})
	must(t, err)
	top, size, err := v1.SHA256(bytes.NewReader(manifest))
	must(t, err)
	index, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, Manifests: []v1.Descriptor{{MediaType: types.OCIManifestSchema1, Digest: top, Size: size}}})
	must(t, err)
	blob := "blobs/sha256/"
	file := putBytes(t, ocitest.Tar(t, // both kinds in one
		ocitest.File("oci-layout", `{"imageLayoutVersion":"1.0.0"}`), ocitest.File("index.json", string(index)), ocitest.File(blob+top.Hex, string(manifest)),
		ocitest.File("manifest.json", `[{"Config":"`+blob+digest.Hex+`","Layers":["`+blob+layer.Hex+`"]}]`),
		ocitest.File(blob+digest.Hex, string(config)), ocitest.File(blob+layer.Hex, string(stored))))
	return stageFile(t, tr, file, l)
}

func stageTarball(t *testing.T, stored []byte, l rootfs.Limits) error {
	t.Helper()
	return stageFile(t, oci.Tarball{}, putBytes(t, stored), l)
}

func stageFile(t *testing.T, tr oci.Transport, file string, l rootfs.Limits) error {
	t.Helper()
	img, err := tr.Open(t.Context(), file, oci.OpenOptions{Dir: t.TempDir(), Limits: l})
	must(t, err)
	_, err = rootfs.ReadBase(t.Context(), layersOf(img), t.TempDir(), rootfs.BaseOptions{Limits: l})
	if _, ok := errors.AsType[*rootfs.LayerError](err); !ok {
		t.Fatalf("no LayerError: %v", err)
	}
	return err
}

// bomb is what a child process is to survive: it takes a way in, and returns the error it got there.
type bomb struct {
	run func(t *testing.T) error
	is  error
}

// of is a tar's beginning, an entry that claims a size.
func of(kind byte, size string) []byte {
	return rootfstest.Raw{Name: "blobs/x", Type: kind, Fields: map[string]string{"size": "\x80\x00\x00\x00\x00\x00" + size}}.Bytes()
}

func bombs() map[string]bomb {
	const nominal, tera = "\x00\x01\x00\x00\x00\x00", "\x01\x00\x00\x00\x00\x00"
	end := rootfstest.RawTar(rootfstest.Raw{Name: "f", Type: tar.TypeReg})
	small := rootfs.Limits{LayerBytes: 64 << 20}
	image := func(tr oci.Transport, make func(*testing.T, []byte) []byte, head []byte, l rootfs.Limits) bomb {
		return bomb{func(t *testing.T) error { return stageImage(t, tr, make(t, head), l) }, rootfs.ErrLimit}
	}
	tarball := func(make func(*testing.T, []byte) []byte, head []byte, l rootfs.Limits) bomb {
		return bomb{func(t *testing.T) error { return stageTarball(t, make(t, head), l) }, rootfs.ErrLimit}
	}
	as := func(_ *testing.T, b []byte) []byte { return b }
	out := map[string]bomb{
		"file of gzip, oci-archive":    image(oci.Archive{}, gzipBomb, of(tar.TypeReg, nominal), small),
		"file of gzip, docker-archive": image(oci.DockerArchive{}, gzipBomb, of(tar.TypeReg, nominal), small),
		"file of zstd, oci-archive":    image(oci.Archive{}, zstdBomb, of(tar.TypeReg, nominal), small),
		"file of zstd, docker-archive": image(oci.DockerArchive{}, zstdBomb, of(tar.TypeReg, nominal), small),
		"file of gzip, tarball":        tarball(gzipBomb, of(tar.TypeReg, nominal), small),
		"file of zstd, tarball":        tarball(zstdBomb, of(tar.TypeReg, nominal), small),
		// With the limits as they are only the ratio stands against these.
		"padding, ratio":          image(oci.DockerArchive{}, zstdBomb, end, rootfs.Limits{}),
		"padding, ratio, tarball": tarball(zstdBomb, end, rootfs.Limits{}),
		"padding":                 image(oci.Archive{}, gzipBomb, end, small),
		"record of a terabyte":    image(oci.Archive{}, zstdBomb, of(tar.TypeXHeader, tera), rootfs.Limits{}),
		"name of a terabyte":      tarball(zstdBomb, of(tar.TypeGNULongName, tera), rootfs.Limits{}),
		"100000 directories in each other": image(oci.Archive{}, as,
			rootfstest.RawTar(rootfstest.Raw{Type: tar.TypeReg, PAX: map[string]string{"path": strings.Repeat("d/", 100_000) + "f"}}), rootfs.Limits{}),
		"window of 256 MiB":    {tarball(as, zstdFrame(18, zstdBlock(1, 1, 1, 0)), rootfs.Limits{}).run, rootfs.ErrLimit},
		"window of 2^41 bytes": {image(oci.Archive{}, as, zstdFrame(31, zstdBlock(1, 1, 1, 0)), rootfs.Limits{}).run, zstd.ErrWindowSizeExceeded},
	}
	few := rootfs.Limits{Entries: 5000}
	for name, run := range map[string]func(t *testing.T) error{
		"a million entries":   func(t *testing.T) error { return stageImage(t, oci.Archive{}, many(t, strconv.Itoa), few) },
		"a million times one": func(t *testing.T) error { return stageTarball(t, many(t, func(int) string { return "f" }), few) },
		"attributes": func(t *testing.T) error {
			return stageImage(t, oci.DockerArchive{}, attributes(t), rootfs.Limits{XattrBytes: 100_000})
		},
		"archive in zstd": func(t *testing.T) error {
			return openBomb(t, oci.Archive{}, zstdBomb(t, of(tar.TypeReg, nominal)), small)
		},
		"archive in gzip": func(t *testing.T) error {
			return openBomb(t, oci.DockerArchive{}, gzipBomb(t, of(tar.TypeReg, nominal)), small)
		},
		"archive, ratio": func(t *testing.T) error {
			return openBomb(t, oci.Archive{}, zstdBomb(t, of(tar.TypeReg, nominal)), rootfs.Limits{})
		},
		"told by its content": func(t *testing.T) error {
			_, _, err := oci.ParseSource(putBytes(t, zstdBomb(t, of(tar.TypeReg, tera))))
			return err
		},
	} {
		out[name] = bomb{run, rootfs.ErrLimit}
	}
	return out
}

// openBomb opens an archive, which is on standard input.
func openBomb(t *testing.T, tr oci.Transport, stored []byte, l rootfs.Limits) error {
	t.Helper()
	_, err := tr.Open(t.Context(), "-", oci.OpenOptions{Dir: t.TempDir(), Limits: l, Stdin: bytes.NewReader(stored)})
	return err
}

// TestHostileBombs runs each bomb in a process of its own, and looks at how large that has become.
func TestHostileBombs(t *testing.T) {
	if name := os.Getenv("OCI_TEST_BOMB"); name != "" {
		b := bombs()[name]
		if err := b.run(t); !errors.Is(err, b.is) {
			t.Fatalf("got %v, want %v", err, b.is)
		}
		return
	}
	for name := range bombs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestHostileBombs$", "-test.timeout", time.Minute.String())
			cmd.Env = append(os.Environ(), "OCI_TEST_BOMB="+name, "TMPDIR="+t.TempDir())
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %.3000s", err, out)
			}
			if used := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10; used > 150 {
				t.Errorf("it took %d MiB of memory", used)
			}
		})
	}
}
