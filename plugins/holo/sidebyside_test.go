package holo

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
)

// meeting is a plugin whose scan can't end before those of all others in the meeting have begun.
type meeting struct {
	notes
	id    string
	begun chan<- struct{}
	all   <-chan struct{}
}

func (m meeting) Scan(ctx context.Context, env *Env) ([]Entity, error) {
	fmt.Fprintln(env.Stderr, ">> from", m.id)
	m.begun <- struct{}{}
	select {
	case <-m.all:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return []Entity{{ID: "met:" + m.id}}, nil
}

// meet is the scan of an executable that can't end before that of the other has begun.
const meet = `echo ">> from $0" >&2; : >"$HOLO_ROOT_DIR/$0"; n=0
until [ -e "$HOLO_ROOT_DIR/exec-1" ] && [ -e "$HOLO_ROOT_DIR/exec-2" ]; do sleep 0.01; n=$((n+1)); [ $n -lt 3000 ] || exit; done
echo "ENTITY: met:$0"`

// TestScansSideBySide: plugins scan at the same time, Go values and executables; what is told is in the order of loading;
// and what executables have changed, which they should not, is told of all of them.
func TestScansSideBySide(t *testing.T) {
	ids := []string{"b", "exec-2", "a", "exec-1", "c"}
	w := newWorld(t, map[string]string{"a/x": "", "b/x": "", "c/x": "", "exec-1/x": "", "exec-2/x": ""})
	begun, all := make(chan struct{}), make(chan struct{})
	go func() {
		for range 3 {
			<-begun
		}
		close(all)
	}()
	var specs []Spec
	var want []string
	for i, id := range ids {
		want = append(want, fmt.Sprintf("%d of 5: %s", i+1, id))
		if strings.HasPrefix(id, "exec-") {
			s := shellPlugin(t, strings.ReplaceAll(meet, "$0", id))
			specs = append(specs, Spec{ID: id, Binary: s.Binary})
		} else {
			specs = append(specs, Spec{ID: id, Plugin: meeting{id: id, begun: begun, all: all}})
		}
	}
	var told []string
	w.options.Events = func(e Event) {
		if e.Kind == "scanned" {
			told = append(told, fmt.Sprintf("%d of %d: %s", e.N, e.M, e.Plugin))
		}
	}
	w.host = NewHost(w.options)
	w.fill()
	w.load(specs...)
	before := len(w.stage.rescans)
	scans, err := w.host.Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range scans {
		id := ids[i]
		if s.Err != nil || s.ID != id || len(s.Entities) != 1 || s.Entities[0].ID != "met:"+id || string(s.Stderr) != ">> from "+id+"\n" {
			t.Errorf("%s: %+v", id, s)
		}
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	both := []rootfs.Actor{{Kind: "plugin", Plugin: "exec-1, exec-2"}}
	if diff := cmp.Diff(both, w.stage.rescans[before:]); diff != "" {
		t.Error(diff)
	}
}
