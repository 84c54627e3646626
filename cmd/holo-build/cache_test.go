package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holo-build/holo-build/oci/cache"
	"github.com/holo-build/holo-build/oci/ocitest"
)

// TestCacheVerbs looks after a cache that has something in it.
func TestCacheVerbs(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	dir := filepath.Join(t.TempDir(), "cache")
	c, err := cache.Open(dir, cache.Options{Now: func() time.Time { return now }})
	t.Cleanup(func() { _ = c.Close() })
	if err != nil {
		t.Fatal(err)
	}
	img := ocitest.Small(t, ocitest.Options{})
	for i := range img.Layers {
		list, err := c.Unpack(t.Context(), img.Layers[i:i+1], cache.UnpackOptions{Dir: t.TempDir()})
		if err == nil {
			err = list[0].Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(24 * time.Hour)
	}
	verb := func(status int, args ...string) (stdout, stderr string) {
		t.Helper()
		var out, told bytes.Buffer
		p := process{stdin: strings.NewReader(""), stdout: &out, stderr: &told, environ: []string{"XDG_CACHE_HOME=/nowhere"},
			signals: func() (context.Context, context.CancelFunc) { return context.WithCancel(t.Context()) },
			now:     func() time.Time { return now }}
		if got := run(append([]string{"holo-build", "cache"}, append(args, "--cache-dir", dir)...), p); got != status {
			t.Errorf("%q: exit status %d\n%s%s", args, got, &out, &told)
		}
		return out.String(), told.String()
	}

	var want []string
	for i, line := range []string{"4.4 kB  24 h ago", "135 kB  2 days ago"} {
		want = append(want, "layer  "+img.Layers[1-i].DiffID.String()+"  "+line)
	}
	text, told := verb(0, "ls")
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		fields := strings.Fields(line)
		if wanted := strings.Fields(want[i]); len(fields) < 5 || fields[1] != wanted[1] || strings.Join(fields[4:], " ") != strings.Join(wanted[4:], " ") {
			t.Errorf("line %q, want like %q", line, want[i])
		}
	}
	if !strings.HasPrefix(told, "2 entries in "+dir+": ") {
		t.Errorf("standard error has %q", told)
	}
	text, _ = verb(0, "ls", "--format", "json")
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		var e listedEntry
		l := img.Layers[1-i]
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.ID != l.DiffID.String() || len(e.Blobs) != 1 ||
			e.Blobs[0].Digest != l.Descriptor.Digest.String() || e.Blobs[0].Stored != l.Descriptor.Size || e.Blobs[0].Plain%512 != 0 {
			t.Errorf("line %q: %v", line, err)
		}
	}
	if out, told := verb(0, "verify"); out != "" || !strings.HasPrefix(told, "2 entries whole, ") {
		t.Errorf("verify: %q, %q", out, told)
	}
	if out, _ := verb(0, "prune", "--older-than", "3d"); !strings.HasPrefix(out, "0 entries removed, 0 bytes; ") {
		t.Errorf("prune: %q", out)
	}
	if out, _ := verb(0, "prune", "--older-than", "36h"); !strings.HasPrefix(out, "1 entry removed, ") {
		t.Errorf("prune: %q", out)
	}
	index := filepath.Join(dir, "v1/layers", img.Layers[1].DiffID.Hex, "index")
	content, err := os.ReadFile(index)
	if err = errors.Join(err, os.WriteFile(index, content[1:], 0o600)); err != nil {
		t.Fatal(err)
	}
	// The record does not fit it any more, either.
	if out, _ := verb(3, "verify", "--dry-run"); strings.Count(out, "damaged "+dir) != 2 {
		t.Errorf("verify: %q", out)
	}
	if out, _ := verb(3, "verify"); !strings.Contains(out, "removed "+filepath.Dir(index)+": ") {
		t.Errorf("verify: %q", out)
	}
	if out, told := verb(0, "verify"); out != "" || told != "0 entries whole, 0 bytes\n" {
		t.Errorf("verify: %q, %q", out, told)
	}
}
