package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// FuzzLimit: a limit is the number that it says, or wrong use; no other limit changes by it.
func FuzzLimit(f *testing.F) {
	for _, s := range []string{"layer=2T", "file=1", "entries=3K", "name=8M", "xattrs=+2", "document=4G", "output=05", "ratio=9", "layer=99999999T", "=1", "layer=1KK",
		"layer=4194304T", "layer=0x10", "layer=1_000", "file=-1"} {
		f.Add(s)
	}
	number := regexp.MustCompile(`\A\+?([0-9]+)([KMGT]?)\z`)
	f.Fuzz(func(t *testing.T, v string) {
		got, err := parseLimits([]string{v})
		name, text, _ := strings.Cut(v, "=")
		m := number.FindStringSubmatch(text)
		want := new(big.Int)
		if m != nil {
			want.SetString(m[1], 10)
			want.Lsh(want, 10*uint(1+strings.Index("KMGT", m[2]))*uint(len(m[2])))
		}
		was, _ := parseLimits(nil)
		if err != nil {
			if exitStatus(err) != exitUsage || len(m) > 0 && want.Sign() > 0 && want.BitLen() < 62 && setLimit(&was, name, 1) == nil {
				t.Errorf("%q: %v", v, err)
			}
			return
		}
		if !want.IsInt64() || want.Sign() <= 0 {
			t.Fatalf("%q is accepted", v)
		}
		if err := setLimit(&was, name, want.Int64()); err != nil || was != got {
			t.Errorf("%q: %+v, and was to be %+v, %v", v, got, was, err)
		}
	})
}

// FuzzEpoch: what is accepted is that second, and a time that the log can say.
func FuzzEpoch(f *testing.F) {
	for _, s := range []string{"0", "1700000000", "253402300799", "253402300800", "-1", "+5", "1e9", " 1", "0x10", "1_0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, ok, err := sourceDateEpoch(process{environ: []string{"SOURCE_DATE_EPOCH=" + s}})
		if ok == (err != nil) && s != "" || err != nil && exitStatus(err) != exitUsage {
			t.Fatalf("%q: %v, %v, %v", s, at, ok, err)
		}
		if !ok {
			return
		}
		if n, err := strconv.ParseInt(s, 10, 64); err != nil || n != at.Unix() || n < 0 {
			t.Errorf("%q is %v", s, at)
		}
		if again, err := time.Parse(time.RFC3339Nano, timeText(at)); err != nil || !again.Equal(at) || at.Year() > 9999 {
			t.Errorf("%q is written %q: %v", s, timeText(at), err)
		}
	})
}

// wantPrintable wants text that no terminal obeys.
func wantPrintable(t *testing.T, s, keep string) {
	t.Helper()
	for _, r := range s {
		if !unicode.IsPrint(r) && !strings.ContainsRune(keep, r) || r == utf8.RuneError {
			t.Errorf("%q holds %q", s, r)
		}
	}
}

// FuzzPrintable: only what can be printed remains; what could be is as it was, and everything can be told by its bytes.
func FuzzPrintable(f *testing.F) {
	for _, s := range []string{"", "plain \u00e4", "a\x1b[31m\nb\t", "\xff\x80", "\u202e\u200b\ufeff", "\ufffd", "\\x1b"} {
		f.Add(s)
	}
	escape := regexp.MustCompile(`\\x([0-9a-f]{2})`)
	f.Fuzz(func(t *testing.T, s string) {
		for keep, got := range map[string]string{"": printable(s), "\n\t": printableLines(s)} {
			wantPrintable(t, got, keep)
			if len(got) > 4*len(s) || escaped(got, keep) != got {
				t.Errorf("%q became %q", s, got)
			}
			if strings.Contains(s, `\`) {
				continue
			}
			back := escape.ReplaceAllStringFunc(got, func(e string) string {
				n, err := strconv.ParseUint(e[2:], 16, 8)
				if err != nil {
					t.Fatal(err)
				}
				return string([]byte{byte(n)})
			})
			if back != s {
				t.Errorf("%q became %q, which means %q", s, got, back)
			}
		}
	})
}

// FuzzLog prints whatever calls itself an apply log: no line is forged, nothing reaches the terminal that it would obey,
// the text is not much longer than the log, and what was understood prints the same when we write it.
func FuzzLog(f *testing.F) {
	log, err := portableLog(exampleLog())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(log)
	f.Add([]byte(`{"type":"change","path":"/a\nb\u001b","kind":"add","after":{"type":"directory"},"by":[{"kind":"\u202e"}],"class":"\r"}`))
	f.Add([]byte(`{"type":"entity","id":"x\ny","reason":"\u0085","sources":[{"path":"$HOLO_ROOT_DIR/\t"}],"outcome":"\u009b"}` + "\n" + `{"type":"frob"}`))
	f.Add([]byte("{\"Type\":\"build\",\"type\":\"result\"}\n\n{"))
	f.Fuzz(func(t *testing.T, log []byte) {
		var out strings.Builder
		if err := printLog(&out, "Layer 1 of 1", log); err != nil {
			if !strings.HasPrefix(err.Error(), "reading the apply log: ") || out.Len() > 0 {
				t.Errorf("%v, after %q", err, out.String())
			}
			return
		}
		text := out.String()
		wantPrintable(t, text, "\n")
		records := bytes.Count(log, []byte("\n")) + 1
		if len(text) > 8*len(log)+200*records+100 || strings.Count(text, "\n") > 1+5*records+bytes.Count(log, []byte("{")) {
			t.Errorf("%d bytes became %q", len(log), text)
		}
		var again strings.Builder
		if err := printLog(&again, "Layer 1 of 1", rewritten(t, log)); err != nil || again.String() != text {
			t.Errorf("%q, and when it is written again %q: %v", text, again.String(), err)
		}
	})
}

func exampleLog() []record {
	size := int64(3)
	return []record{
		buildRecord{Type: "build", Base: baseRecord{ChainID: "sha256:1"}, Resources: "sha256:2", Epoch: "2020-01-01T00:00:00Z"},
		pluginRecord{Type: "plugin", ID: "files", Bundled: true},
		entityRecord{Type: "entity", ID: "file:/etc/a", Plugin: "files", Reason: "why", Outcome: holo.Applied, Sources: []sourceRecord{{Path: "$HOLO_RESOURCE_DIR/00/etc/a"}}},
		changeRecord{Type: "change", Path: "/etc/a", Kind: rootfs.Modified, After: &fileRecord{Type: "file", Mode: "0644", Size: &size}, By: []byRecord{{Kind: "entity", Entity: "file:/etc/a"}}},
		changeRecord{Type: "change", Path: "/var", Kind: rootfs.Added, After: &fileRecord{Type: "directory", Mode: "0755"}, Class: "state"},
		resultRecord{Type: "result", Unattributed: []string{"/var"}},
	}
}

// rewritten is a log as we write the records that we read.
func rewritten(t *testing.T, log []byte) []byte {
	t.Helper()
	var records []record
	for line := range bytes.Lines(log) {
		var kind struct{ Type string }
		err := json.Unmarshal(line, &kind)
		switch kind.Type {
		case "build":
			err = decode(line, func(r buildRecord) { records = append(records, r) })
		case "plugin":
			err = decode(line, func(r pluginRecord) { records = append(records, r) })
		case "entity":
			err = decode(line, func(r entityRecord) { records = append(records, r) })
		case "change":
			err = decode(line, func(r changeRecord) { records = append(records, r) })
		case "result":
			err = decode(line, func(r resultRecord) { records = append(records, r) })
		default:
			records = append(records, resultRecord{Type: "unknown"})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := writeLog(&b, records); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// FuzzReadLog: of any layer, the log is nothing but the content of a file of that name, and bounded.
func FuzzReadLog(f *testing.F) {
	f.Add([]byte(rootfstest.Tar(f, rootfstest.File(applyLogPath, 0o644, "log"))))
	f.Add([]byte(rootfstest.Tar(f, rootfstest.File("srv/lib/apply-log.jsonl", 0o644, `{"type":"build"}`), rootfstest.File("/"+applyLogPath, 0o644, strings.Repeat("x", 5000)))))
	f.Add([]byte(rootfstest.Tar(f, rootfstest.Symlink(applyLogPath, "/etc/passwd"), rootfstest.Dir("apply-log.jsonl", 0o755))))
	limits := rootfs.Limits{OutputBytes: 4096}
	f.Fuzz(func(t *testing.T, data []byte) {
		layer := rootfstest.Layer(rootfstest.Mend(data))
		log, err := readLog(t.Context(), layer, limits)
		if err != nil || log == nil {
			return
		}
		if int64(len(log)) > limits.OutputBytes {
			t.Errorf("a log of %d bytes", len(log))
		}
		r := tar.NewReader(bytes.NewReader(layer))
		for {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				t.Fatalf("no file holds %q", log)
			}
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if h.Typeflag == tar.TypeReg && path.Base(path.Clean(h.Name)) == "apply-log.jsonl" && bytes.Equal(content, log) {
				return
			}
		}
	})
}
