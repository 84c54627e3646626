package holotest

import (
	"fmt"
	"testing"
)

// TestCasesSideBySide: cases run at the same time, each needs the other here. The time that a call may take bounds the wait.
func TestCasesSideBySide(t *testing.T) {
	w := newWorld(t, "")
	want := ""
	for _, of := range [][2]string{{"a", "b"}, {"b", "a"}} {
		name, other := of[0], of[1]
		w.write(name+"/source-tree", fmt.Sprintf("file 0644 ./etc/do\n: >'%[1]s/%[2]s.here'; until [ -e '%[1]s/%[3]s.here' ]; do sleep 0.01; done\n-\n", w.dir, name, other))
		want += name + ": tree(missing) scan-output(missing) diff-output(missing) apply-output(missing)\n"
	}
	w.o.Jobs = 2
	w.expect(want, "a", "b")
}
