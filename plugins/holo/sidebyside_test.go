package holo

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// TestScansSideBySide: Go values scan at the same time, executables one at a time, and what is told is in the order of
// loading.
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
			s := shellPlugin(t, `mkdir "$HOLO_ROOT_DIR/in" || exit; echo ">> from `+id+`" >&2; sleep 0.05; echo "ENTITY: met:`+id+`"; rmdir "$HOLO_ROOT_DIR/in"`)
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
}
