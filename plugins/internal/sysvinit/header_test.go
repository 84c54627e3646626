package sysvinit

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParseHeader: what a comment says, and what is none.
func TestParseHeader(t *testing.T) {
	const begin, end = "#!/bin/sh\n### BEGIN INIT INFO\n", "### END INIT INFO\n"
	for _, tt := range []struct {
		name, text string
		want       Header
	}{
		{"nothing", "#!/bin/sh\nexit 0\n", Header{}},
		{"all", begin + "# Provides: a b\n# Required-Start:\t$remote_fs  x\n# Required-Stop: y\n# Should-Start: s\n# Should-Stop: t\n" +
			"# X-Start-Before: u\n# X-Stop-After: v\n# Default-Start: 2 3\n# Default-Stop:\n# Description: d\n" + end,
			Header{Provides: []string{"a", "b"}, RequiredStart: []string{"$remote_fs", "x"}, RequiredStop: []string{"y"}, ShouldStart: []string{"s"},
				ShouldStop: []string{"t"}, StartBefore: []string{"u"}, StopAfter: []string{"v"}, DefaultStart: []string{"2", "3"}, DefaultStop: []string{}}},
		{"after the end", begin + end + "# Provides: a\n", Header{}},
		{"before the beginning", "# Provides: a\n" + begin + end, Header{}},
		{"no comment", begin + "Provides: a\n#Provides: b\n" + end, Header{}},
		{"no end", begin + "# Provides: a", Header{Provides: []string{"a"}}},
		{"Red Hat", "#!/bin/sh\n# chkconfig: 2345 20 80\n", Header{Red: &Red{"2345", 20, 80}}},
		{"Red Hat, none", "# chkconfig: - 20 80\n", Header{Red: &Red{"-", 20, 80}}},
		{"Red Hat, both", "# chkconfig: 35 1 99\n" + begin + "# Provides: a\n" + end, Header{Provides: []string{"a"}, Red: &Red{"35", 1, 99}}},
		{"Red Hat, wrong levels", "# chkconfig: 2x 20 80\n", Header{}},
		{"Red Hat, wrong number", "# chkconfig: 2 20 100\n", Header{}},
		{"Red Hat, too few", "# chkconfig:\n", Header{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseHeader(strings.NewReader(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// FuzzParseHeader: whatever a script begins with, it can be read, and no number is one that a link's name can't have.
func FuzzParseHeader(f *testing.F) {
	f.Add("### BEGIN INIT INFO\n# Provides: a\n# Default-Start: 2 3 x\n### END INIT INFO\n")
	f.Add("# chkconfig: 2345 20 80\n")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := ParseHeader(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if r := h.Red; r != nil && (r.Start < 0 || r.Start > 99 || r.Stop < 0 || r.Stop > 99) {
			t.Errorf("%v", *r)
		}
		starts, _ := levels(h.DefaultStart)
		for _, level := range starts {
			if strings.IndexByte("0123456789Ss", level) < 0 {
				t.Errorf("level %c", level)
			}
		}
	})
}
