package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

var (
	judged = flag.Int("judged", 200, "how many random histories umoci and podman judge")
	// The default is none of the seeds that package rootfs tries by itself.
	firstJudged = flag.Uint64("first-judged", 1_000_000, "the seed of the first of them")
)

// judgedAtOnce is how many histories lie side by side in one image.
const judgedAtOnce = 50

// TestRealHistories changes many random bases at random, many in one image, and has that image unpacked by programs that
// know nothing of holo-build. What they unpack must be the tree that holo-build writes as a directory.
func TestRealHistories(t *testing.T) {
	w := newWorkshop(t)
	need(t, "umoci", "podman", "runc")
	for done := 0; done < *judged; done += judgedAtOnce {
		first := *firstJudged + uint64(done)
		histories := map[string]rootfstest.History{}
		for seed := first; seed < first+uint64(min(judgedAtOnce, *judged-done)); seed++ {
			h := rootfstest.NewHistory(seed, rootfstest.HistoryOptions{Foreign: true, Bundled: true})
			if !marksThroughLink(h) {
				histories[fmt.Sprintf("h%d", seed)] = h
			}
		}
		if !t.Run(fmt.Sprintf("seeds from %d", first), func(t *testing.T) { w.judgeAll(t, histories) }) {
			return
		}
	}
}

// judgeAll asks all judges, and finds out what the histories are with which one does not agree.
func (w *workshop) judgeAll(t *testing.T, histories map[string]rootfstest.History) {
	r, err := w.replay(t, histories)
	if err != nil {
		t.Fatal(err)
	}
	if files := len(describeTree(t, r.dir)); files < 5*len(histories) {
		t.Errorf("only %d files from %d histories", files, len(histories))
	}
	for _, j := range judges {
		err := j.judge(t, w, r)
		if err == nil {
			continue
		}
		t.Errorf("%s: %v", j.name, err)
		for _, name := range slices.Sorted(maps.Keys(histories)) {
			if w.disagrees(t, j, histories[name]) == nil {
				continue
			}
			small := histories[name].Shrink(func(h rootfstest.History) bool { return w.disagrees(t, j, h) != nil })
			t.Fatalf("of %s remains\n%v\n%v", name, small, w.disagrees(t, j, small))
		}
	}
}

// disagreement is what a judge says of an image that holo-build has made.
type disagreement struct{ text string }

func (d *disagreement) Error() string { return d.text }

// disagrees returns the disagreement of a judge with one history, if there is one.
func (w *workshop) disagrees(t *testing.T, j judge, h rootfstest.History) (d *disagreement) {
	t.Run("shrinking", func(t *testing.T) {
		r, err := w.replay(t, map[string]rootfstest.History{"h": h})
		if err == nil && errors.As(j.judge(t, w, r), &d) {
			return
		}
	})
	return d
}

// compareDescribed compares what two trees are described as.
func compareDescribed(want, got map[string]string) error {
	all := maps.Clone(want)
	maps.Copy(all, got)
	var broken []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if w, g := emptyXattr.ReplaceAllString(want[name], "$1"), emptyXattr.ReplaceAllString(got[name], "$1"); w != g {
			broken = append(broken, fmt.Sprintf("%s:\n  want %s\n  got  %s", name, w, g))
		}
	}
	if len(broken) == 0 {
		return nil
	}
	const most = 10
	if n := len(broken) - most; n > 0 {
		broken = append(broken[:most], fmt.Sprintf("%d more files differ", n))
	}
	return &disagreement{strings.Join(broken, "\n")}
}
