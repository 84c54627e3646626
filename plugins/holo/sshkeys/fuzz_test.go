package sshkeys

import (
	"slices"
	"strings"
	"testing"
)

// FuzzAuthorized: in whatever stands in an authorized_keys file, the entity gets its keys, and nothing else changes. What
// was done once needs not be done again, and can be undone.
func FuzzAuthorized(f *testing.F) {
	f.Add("# c\n\n"+keyA+" x\n"+keyA+mark+"no end", true, true)
	f.Add(keyB+mark+"\t"+keyB+mark, true, false)
	f.Add("\xff\r\n"+keyA+" holo=ssh-keyset:app/k2\n", false, true)
	f.Fuzz(func(t *testing.T, text string, a, b bool) {
		var want []key
		for line, wanted := range map[string]bool{keyA: a, keyB: b} {
			if k, err := parseKey(line); err == nil && wanted {
				want = append(want, k)
			}
		}
		others := func(list []string) []string {
			x := authorized{list, markPrefix + "ssh-keyset:app/k"}
			return slices.DeleteFunc(slices.Clone(list), func(line string) bool { _, own := x.own(line); return own })
		}
		before := newAuthorized(text, "ssh-keyset:app/k")
		after := newAuthorized(whole(before.with(want)), "ssh-keyset:app/k")
		var got, expected []string
		for _, k := range after.keys() {
			got = append(got, k.identity())
		}
		for _, k := range want {
			expected = append(expected, k.identity())
		}
		slices.Sort(got)
		slices.Sort(expected)
		if !slices.Equal(got, expected) {
			t.Errorf("%q has keys %q, want %q", after.lines, got, expected)
		}
		if !slices.Equal(others(before.lines), others(after.lines)) {
			t.Errorf("%q became %q", before.lines, after.lines)
		}
		if !slices.Equal(after.with(want), after.lines) {
			t.Errorf("%q is not the end of it: %q", after.lines, after.with(want))
		}
		if undone := after.with(nil); !slices.Equal(undone, others(before.lines)) {
			t.Errorf("%q, undone, is %q", after.lines, undone)
		}
		if strings.Count(text, "\n") > 0 && len(before.lines) == 0 {
			t.Errorf("%q has no lines", text)
		}
	})
}
