package mock

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
)

// FuzzRequest: what is a request for the build is one that a stand-in can send, and no other.
func FuzzRequest(f *testing.F) {
	for _, a := range []asked{{"/", []string{"useradd", "a"}, []string{"A=1"}}, {"", []string{""}, nil}} {
		_, body := a.bytes()
		f.Add(body)
	}
	f.Add([]byte("/\x003\x00a\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := parseRequest(body)
		if err != nil {
			return
		}
		length, again := a.bytes()
		b, err := parseRequest(again)
		if err != nil || a.dir != b.dir || !slices.Equal(a.argv, b.argv) || !slices.Equal(a.env, b.env) {
			t.Errorf("%+v, and back: %+v, %v", a, b, err)
		}
		if n := binary.BigEndian.Uint32(length); int(n) != len(again) || !bytes.HasSuffix(again, []byte{0}) {
			t.Errorf("length %d of %q", n, again)
		}
	})
}
