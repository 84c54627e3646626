package oci

import (
	"bytes"
	stdgzip "compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// expected are the questions that an error about an input answers.
var expected = []error{ErrReference, ErrDigest, ErrPlatform, ErrDocument, ErrMediaType, rootfs.ErrLimit, fs.ErrNotExist, io.ErrUnexpectedEOF}

func isExpected(err error) bool {
	for _, e := range expected {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func FuzzReference(f *testing.F) {
	for _, test := range references {
		f.Add(test.in)
	}
	f.Chdir(f.TempDir())
	f.Fuzz(func(t *testing.T, s string) {
		transport, rest, err := ParseDestination(s)
		if err != nil {
			if !errors.Is(err, ErrReference) {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		// What is a destination is the same as a source, and parses as the same again.
		again, rest2, err := ParseSource(transport + ":" + rest)
		if err != nil || again != transport || rest2 != rest || transport+":"+rest != s {
			t.Errorf("%q: %q, %q, then %q, %q, %v", s, transport, rest, again, rest2, err)
		}
	})
}

// FuzzRegistry: the full form of a reference means the same, and can be put into a URL or a log as it is.
func FuzzRegistry(f *testing.F) {
	for _, s := range []string{"//a", "//localhost:5000/a/b:c@" + zeroDigest, "//index.docker.io/library/x", "//docker.io/x:y", "//[::1]:5/a", "//A/b", "a",
		"//index.example.org/x", "//index.docker.\x82o/l"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := parseRegistry(s)
		if err != nil {
			if !errors.Is(err, ErrReference) {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		full := r.String()
		if strings.ContainsFunc(full, func(c rune) bool { return c <= ' ' || c > '~' }) {
			t.Errorf("%q is written %q", s, full)
		}
		again, err := parseRegistry(strings.TrimPrefix(full, "docker:"))
		if err != nil || again.String() != full || again.reference().Name() != r.reference().Name() {
			t.Errorf("%q is written %q, which means %v, %v", s, full, again, err)
		}
		if r.digest != (v1.Hash{}) && !strings.HasSuffix(s, r.digest.String()) || r.tag == "" && r.digest == (v1.Hash{}) {
			t.Errorf("%q has tag %q and digest %v", s, r.tag, r.digest)
		}
	})
}

func FuzzPlatform(f *testing.F) {
	for _, s := range []string{"linux/amd64", "linux/arm64/v8", "linux/arm/v6", "/", "a/b/c/d", "linux//v8", "windows/amd64/v1"} {
		f.Add(s, "linux/arm64")
	}
	f.Fuzz(func(t *testing.T, s, other string) {
		p, ok := parsePlatform(s)
		if n := strings.Count(s, "/"); ok != (n > 0 && n < 3 && !strings.Contains("/"+s+"/", "//")) || ok && p.String() != s {
			t.Fatalf("%q: %v, %q", s, ok, p)
		}
		q, qok := parsePlatform(other)
		if !ok || !qok {
			return
		}
		if !p.serves(p) || p.normal().normal() != p.normal() || p.serves(q) && (p.os != q.os || p.arch != q.arch) {
			t.Errorf("%v, for %v", p, q)
		}
		if p.normal() == q.normal() && !(p.serves(q) && q.serves(p)) {
			t.Errorf("%v and %v are one, and do not serve each other", p, q)
		}
	})
}

// FuzzDigest: what is accepted is the one canonical form, and its path stays below blobs.
func FuzzDigest(f *testing.F) {
	for _, s := range []string{zeroDigest, "sha512:" + zeroDigest[7:], strings.ToUpper(zeroDigest), "sha256:../../" + zeroDigest[13:], "sha256", ":"} {
		f.Add(s)
	}
	canonical := regexp.MustCompile(`\Asha256:[0-9a-f]{64}\z`)
	f.Fuzz(func(t *testing.T, s string) {
		algorithm, hex, _ := strings.Cut(s, ":")
		p, err := blobPath(v1.Hash{Algorithm: algorithm, Hex: hex})
		if (err == nil) != canonical.MatchString(s) || err != nil && !errors.Is(err, ErrDocument) {
			t.Errorf("%q: %v", s, err)
		}
		if err == nil && (!fs.ValidPath(p) || p != "blobs/"+strings.Replace(s, ":", "/", 1)) {
			t.Errorf("%q lies at %q", s, p)
		}
		if raw, merr := json.Marshal(s); merr == nil {
			if _, derr := parseDescriptor([]byte(`{"mediaType":"a","size":1,"digest":` + string(raw) + `}`)); (derr == nil) != (err == nil) {
				t.Errorf("%q: as part of a descriptor %v, else %v", s, derr, err)
			}
		}
	})
}

// FuzzInflate: a layer is inflated to the bytes that the standard library reads of it, and to no more than its limit.
func FuzzInflate(f *testing.F) {
	for _, c := range []Compression{Gzip, Zstd, None} {
		var b bytes.Buffer
		w, err := deflate(&b, c)
		if err != nil {
			f.Fatal(err)
		}
		if _, err := io.Copy(w, strings.NewReader("seed")); err != nil {
			f.Fatal(err)
		}
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
		f.Add(append(b.Bytes(), b.Bytes()...))
		f.Add(append(b.Bytes(), 0, 0, 0))
	}
	f.Fuzz(func(t *testing.T, stored []byte) {
		const max = 1 << 20
		l := bytesLayer(stored, nil)
		l.DiffID, l.max = v1.Hash{}, max
		var got bytes.Buffer
		err := readAll(t.Context(), l, &got)
		if got.Len() > max {
			t.Errorf("%d bytes passed the limit", got.Len())
		}
		switch c, serr := sniff(stored); {
		case serr != nil:
			if !errors.Is(err, ErrMediaType) {
				t.Errorf("%v, and %v", serr, err)
			}
		case c == None:
			if err != nil || !bytes.Equal(got.Bytes(), stored) {
				t.Errorf("plain bytes became %q, %v", got.Bytes(), err)
			}
		case c == Gzip && len(stored) > 2:
			want, stdErr := ungzip(stored, max)
			if err != nil && reservedFlags(stored) {
				return // the standard library does not look at them
			}
			if (err == nil) != (stdErr == nil) || err == nil && !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%d bytes, %v; the standard library has %d, %v", got.Len(), err, len(want), stdErr)
			}
		}
	})
}

// reservedFlags says whether there may be a header with flags that must be an error: RFC 1952, 2.3.1.2.
func reservedFlags(stored []byte) bool {
	for {
		_, after, ok := bytes.Cut(stored, []byte("\x1f\x8b\b"))
		if !ok || len(after) == 0 {
			return false
		}
		if after[0]&0xe0 != 0 {
			return true
		}
		stored = after
	}
}

// ungzip inflates all members with the standard library; zeros may follow.
func ungzip(stored []byte, max int64) ([]byte, error) {
	in := bytes.NewReader(stored)
	var out bytes.Buffer
	for {
		z, err := stdgzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		z.Multistream(false)
		n, err := io.Copy(&out, io.LimitReader(z, max+1-int64(out.Len())))
		if err != nil {
			return nil, err
		}
		if n == max+1 || int64(out.Len()) > max {
			return nil, rootfs.ErrLimit
		}
		rest := stored[len(stored)-in.Len():]
		if len(bytes.Trim(rest, "\x00")) == 0 {
			return out.Bytes(), nil
		}
		if rest[0] == 0 {
			return nil, stdgzip.ErrHeader
		}
	}
}

// FuzzArchive opens any file as every archive that it could be: an error of a kind that callers can ask for, or an
// image whose layers are what they promise. What is no error is recognised without its transport, too.
func FuzzArchive(f *testing.F) {
	for _, name := range []string{"../testdata/images/oci.tar", "../testdata/images/docker.tar"} {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, false)
	}
	layer := tarBytes(f, "etc/", "x")
	config := `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["` + hashOf(layer).String() + `"]}}`
	docker := rootfstest.RawTar(rootfstest.Raw{Name: "c", Type: '0', Body: config}, rootfstest.Raw{Name: "l", Type: '0', Body: string(layer)},
		rootfstest.Raw{Name: "m/x", Type: '2', Link: "../l"}, rootfstest.Raw{Name: "manifest.json", Type: '0', Body: `[{"Config":"c","Layers":["m/x"]}]`})
	f.Add([]byte(docker), true)
	f.Add([]byte("\x1f\x8b"), false)
	f.Add(tarBytes(f, "blobs/", "index.json", "oci-layout"), true)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, mend bool) {
		if mend {
			data = rootfstest.Mend(data)
		}
		file := dir + "/file"
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		opened := map[string]bool{}
		o := OpenOptions{Dir: t.TempDir(), Limits: rootfs.Limits{Document: 1 << 16, LayerBytes: 1 << 20, Entries: 100}}
		for name, tr := range map[string]Transport{NameArchive: Archive{}, NameDockerArchive: DockerArchive{}, NameTarball: Tarball{}} {
			img, err := tr.Open(t.Context(), file, o)
			opened[name] = err == nil
			if err == nil {
				readLayers(t, img)
			}
		}
		links := bytes.ContainsAny(data, "12") // an archive may hold its documents as links; they are not looked for
		found, rest, err := ParseSource(file)
		switch {
		case err != nil:
			opened[NameTarball] = false
		case rest != file:
			t.Errorf("%q became %q", file, rest)
		}
		if c, serr := sniff(data[:min(len(data), sniffLen)]); serr == nil && c == None && !links &&
			(opened[NameArchive] && found != NameArchive || opened[NameDockerArchive] && found != NameDockerArchive && found != NameArchive) {
			t.Errorf("opened are %v, found is %q, %v", opened, found, err)
		}
	})
}

// readLayers reads all layers: what comes without an error is what the image says.
func readLayers(t *testing.T, img *Image) {
	t.Helper()
	for i, l := range img.Layers {
		var plain bytes.Buffer
		if err := readAll(t.Context(), l, &plain); err != nil {
			continue
		}
		if got := hashOf(plain.Bytes()); got != l.diffID() {
			t.Errorf("layer %d: %v, and was to be %v", i, got, l.diffID())
		}
	}
}

func tarBytes(f *testing.F, names ...string) []byte {
	var out []byte
	for _, n := range names {
		kind := byte('0')
		if strings.HasSuffix(n, "/") {
			kind = '5'
		}
		out = append(out, rootfstest.Raw{Name: n, Type: kind}.Bytes()...)
	}
	return append(out, make([]byte, 1024)...)
}
