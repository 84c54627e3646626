package cache

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
)

func sample() record {
	return record{
		blob: hashOf(strings.Repeat("0a", 32)), stored: 157, plain: 1 << 40, diffID: hashOf(strings.Repeat("f9", 32)),
		summary: rootfs.Summary{Index: 99, Data: 0, Sum: [32]byte{1, 2, 3}},
	}
}

// FuzzRecord: what is accepted as a record is what is written of it, and it speaks of digests that can be names.
func FuzzRecord(f *testing.F) {
	whole := seal(sample().lines())
	f.Add(whole)
	f.Add(seal(treeRecord{name: strings.Repeat("0a", 32) + ".tree", size: 5}.lines()))
	for _, change := range [][2]string{
		{"stored 157", "stored 0157"}, {"stored 157", "stored +157"}, {"stored 157", "stored -157"}, {"stored 157", "stored 99999999999999999999"},
		{"diffid sha256:f9", "diffid sha256:F9"}, {"blob sha256:0a", "blob sha256:/a"}, {"blob ", "diffid "}, {"blob 1", "blob 2"}, {"data 0", "data 0 "},
	} {
		// Beyond the sum, which is right.
		lines := strings.Split(strings.Replace(string(whole), change[0], change[1], 1), "\n")
		f.Add(seal(lines[:len(lines)-2]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if lines := strings.Split(string(b), "\n"); len(lines) > 2 { // beyond the sum
			b = seal(lines[:len(lines)-2])
		}
		switch r, err := parseRecord(b); {
		case err != nil && !errors.Is(err, rootfs.ErrDamaged):
			t.Errorf("untyped: %v", err)
		case err == nil && (!bytes.Equal(seal(r.lines()), b) || !isHex(r.blob.Hex) || !isHex(r.diffID.Hex) || r.stored < 0 || r.plain < 0):
			t.Errorf("%q is %+v", b, r)
		}
		if r, err := parseTreeRecord(b); err == nil && !bytes.Equal(seal(r.lines()), b) {
			t.Errorf("%q is %+v", b, r)
		}
	})
}

// TestRecord: a record is read as it was written, and not if one byte is another.
func TestRecord(t *testing.T) {
	whole := seal(sample().lines())
	if r, err := parseRecord(whole); err != nil || r != sample() {
		t.Errorf("%+v, %v", r, err)
	}
	for at := range whole {
		b := bytes.Clone(whole)
		b[at] ^= 4
		if _, err := parseRecord(b); !errors.Is(err, rootfs.ErrDamaged) {
			t.Errorf("flipped at %d: %v", at, err)
		}
		if _, err := parseRecord(whole[:at]); !errors.Is(err, rootfs.ErrDamaged) {
			t.Errorf("cut at %d: %v", at, err)
		}
	}
	if _, err := parseRecord(append(whole, '\n')); err == nil {
		t.Error("what is longer is taken for whole")
	}
}

func TestTempName(t *testing.T) {
	if name := tempName(); !isTempName(name) {
		t.Errorf("%q is not known again", name)
	}
	for _, name := range []string{"", "x", strings.Repeat("a", 26), strings.Repeat("A", 27), strings.Repeat("1", 26)} {
		if isTempName(name) {
			t.Errorf("%q would be swept", name)
		}
	}
}
