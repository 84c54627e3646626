package main

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

// timed is a result of so many milliseconds a run.
func timed(ms ...time.Duration) *result {
	r := &result{}
	for _, d := range ms {
		r.readings = append(r.readings, reading{wall: d * time.Millisecond, rss: int64(d) * 1e6})
	}
	return r
}

func TestJudge(t *testing.T) {
	results := map[string]*result{
		"ours": timed(100, 90, 500), "ours too": timed(81), "umoci": timed(450, 400, 401), "buildah": timed(399, 990, 380),
		"thousand": timed(1099), "broken": {err: errors.New("exit status 1")}, "empty": {}, "weightless": timed(0),
	}
	own, peers := []string{"ours"}, []string{"umoci", "buildah"}
	for _, c := range []struct {
		name                   string
		row                    row
		figure, other, verdict string
	}{
		{"fast enough", row{ours: own, peers: peers, target: target{faster, 3.99}}, "3.99", "buildah 399 ms [380 ms..990 ms]", "ok"},
		{"too slow", row{ours: own, peers: peers, target: target{faster, 4}}, "3.99", "buildah 399 ms [380 ms..990 ms]", "MISSED"},
		{"told", row{ours: own, peers: peers[:1], target: target{told, 0}}, "4.01", "umoci 401 ms [400 ms..450 ms]", "-"},
		{"within", row{ours: peers[:1], peers: own, target: target{within, 4.01}}, "4.01", "ours 100 ms [90.0 ms..500 ms]", "ok"},
		{"not within", row{ours: peers[:1], peers: own, target: target{within, 4}}, "4.01", "ours 100 ms [90.0 ms..500 ms]", "MISSED"},
		{"memory", row{ours: []string{"ours too"}, target: target{memory, 81}}, "81.0 MB", "-", "ok"},
		{"too large once", row{ours: []string{"ours too", "ours"}, target: target{memory, 499}}, "500.0 MB", "-", "MISSED"},
		{"no memory", row{ours: []string{"weightless"}, target: target{memory, 80}}, "0.0 MB", "-", "MISSED"},
		{"each", row{ours: []string{"thousand"}, peers: own, target: target{each, 1.001}}, "1.000 ms", "ours 100 ms [90.0 ms..500 ms]", "ok"},
		{"each too slow", row{ours: []string{"thousand"}, peers: own, target: target{each, 1}}, "1.000 ms", "ours 100 ms [90.0 ms..500 ms]", "MISSED"},
		{"each whole", row{ours: []string{"thousand"}, target: target{eachWhole, 0}}, "1.099 ms", "-", "-"},
		{"ours broken", row{ours: []string{"broken"}, peers: peers, target: target{told, 0}}, "-", "-", "MISSED"},
		{"peer broken", row{ours: own, peers: []string{"umoci", "broken"}, target: target{faster, 1}}, "-", "-", "MISSED"},
		{"not run", row{ours: own, peers: []string{"nobody"}, target: target{faster, 1}}, "-", "-", "MISSED"},
		{"no readings", row{ours: []string{"empty"}, target: target{memory, 80}}, "-", "-", "MISSED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := c.row.judge("tmpfs", results)
			if f.figure != c.figure || f.peers != c.other || f.verdict != c.verdict {
				t.Errorf("got %q, %q, %q, want %q, %q, %q", f.figure, f.peers, f.verdict, c.figure, c.other, c.verdict)
			}
			if f.missed() != (c.verdict == "MISSED") {
				t.Errorf("missed is %v", f.missed())
			}
			if c.figure == "-" && !strings.Contains(f.String(), "tmpfs (") {
				t.Errorf("no reason in %q", f)
			}
		})
	}
}

// TestVerdictNaN: what is no number holds for nothing.
func TestVerdictNaN(t *testing.T) {
	for _, k := range []targetKind{faster, within, memory, each} {
		if got := (target{k, 1}).verdict(math.NaN()); got != "MISSED" {
			t.Errorf("kind %d: %s", k, got)
		}
	}
}
