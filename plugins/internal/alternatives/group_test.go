package alternatives

import (
	"strings"
	"testing"
)

// FuzzParse: what was read is written so that it is read again, and is the same.
func FuzzParse(f *testing.F) {
	f.Add("auto\n/usr/bin/x\n\n/usr/bin/a\n10\n\n")
	f.Add("manual\n/usr/bin/x\ny\n/usr/bin/y\nz\n/usr/bin/z\n\n/usr/bin/a\n-10\n/usr/bin/b\n\n/usr/bin/b\n2147483647\n\n\n\n")
	f.Add("auto\n/usr/bin/x\n\n/usr/bin/a\n99999999999\n\n")
	f.Add("auto")
	f.Fuzz(func(t *testing.T, text string) {
		g, err := Parse("x", strings.NewReader(text))
		if err != nil {
			return
		}
		again, err := Parse("x", strings.NewReader(g.String()))
		if err != nil {
			t.Fatalf("%q: %v", g.String(), err)
		}
		if again.String() != g.String() {
			t.Errorf("%q and then %q", g.String(), again.String())
		}
	})
}
