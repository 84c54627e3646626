package main

import (
	"fmt"
	"slices"
	"time"
)

// target is what must hold for a case.
type target struct {
	kind  targetKind
	bound float64
}

type targetKind int

const (
	told      targetKind = iota // the ratio is only told
	faster                      // so many times faster than the fastest of the others
	within                      // no more than so many times the other
	memory                      // no more than so many MB, ever
	each                        // less than so many ms for each entity after the first
	eachWhole                   // the whole time by the number of entities, only told
)

// String is the target as the table has it.
func (t target) String() string {
	switch t.kind {
	case faster:
		return fmt.Sprintf(">= %g", t.bound)
	case within:
		return fmt.Sprintf("<= %g", t.bound)
	case memory:
		return fmt.Sprintf("<= %g MB", t.bound)
	case each:
		return fmt.Sprintf("< %g ms", t.bound)
	}
	return "-"
}

// finding is a case as measured, ready to print.
type finding struct {
	name, system        string
	ours, peers, figure string
	target              target
	verdict             string // ok, MISSED, or - where nothing is asked
	reason              error  // why it could not be measured
}

// String names a case that was missed.
func (f finding) String() string {
	if f.reason != nil {
		return fmt.Sprintf("%s on %s (%v)", f.name, f.system, f.reason)
	}
	return fmt.Sprintf("%s on %s (%s, want %v)", f.name, f.system, f.figure, f.target)
}

// missed says whether this is a reason to fail, as a case is that could not be measured.
func (f finding) missed() bool { return f.verdict == "MISSED" }

// judge compares what was measured on a file system with the target.
func (r row) judge(system string, results map[string]*result) finding {
	f := finding{name: r.name, system: system, target: r.target, ours: "-", peers: "-", figure: "-", verdict: "MISSED"}
	for _, name := range slices.Concat(r.ours, r.peers) {
		if res := results[name]; res == nil {
			f.reason = fmt.Errorf("%s was not run", name)
		} else if res.err != nil {
			f.reason = fmt.Errorf("%s gave up", name)
		} else if len(res.readings) == 0 {
			f.reason = fmt.Errorf("%s has no readings", name)
		}
		if f.reason != nil {
			return f
		}
	}
	own := results[r.ours[0]]
	f.ours = spread(own.walls())
	if r.target.kind == memory {
		return r.judgeMemory(f, results)
	}
	value := own.median().Seconds() * 1000 / entityCount
	if len(r.peers) > 0 {
		best := r.peers[0]
		for _, name := range r.peers[1:] {
			if results[name].median() < results[best].median() {
				best = name
			}
		}
		f.peers = best + " " + spread(results[best].walls())
		value = r.value(own.median(), results[best].median())
	}
	f.figure = fmt.Sprintf("%.2f", value)
	if r.target.kind == each || r.target.kind == eachWhole {
		f.figure = fmt.Sprintf("%.3f ms", value)
	}
	f.verdict = r.target.verdict(value)
	return f
}

// value is the figure that the target is about.
func (r row) value(own, peer time.Duration) float64 {
	switch r.target.kind {
	case within:
		return own.Seconds() / peer.Seconds()
	case each:
		return (own - peer).Seconds() * 1000 / (entityCount - 1)
	}
	return peer.Seconds() / own.Seconds()
}

// judgeMemory takes the largest size of any run.
func (r row) judgeMemory(f finding, results map[string]*result) finding {
	var sizes []float64
	for _, name := range r.ours {
		for _, reading := range results[name].readings {
			sizes = append(sizes, float64(reading.rss)/1e6)
		}
	}
	low, high := sizes[0], sizes[0]
	for _, s := range sizes {
		low, high = min(low, s), max(high, s)
	}
	f.ours = fmt.Sprintf("%.1f MB [%.1f..%.1f]", median(sizes), low, high)
	f.figure = fmt.Sprintf("%.1f MB", high)
	f.verdict = r.target.verdict(high)
	if low <= 0 { // a size of nothing was not measured
		f.verdict = "MISSED"
	}
	return f
}

// verdict is ok only for a number that holds: a NaN does not.
func (t target) verdict(value float64) string {
	holds := false
	switch t.kind {
	case told, eachWhole:
		return "-"
	case faster:
		holds = value >= t.bound
	case within, memory:
		holds = value <= t.bound
	case each:
		holds = value < t.bound
	}
	if holds {
		return "ok"
	}
	return "MISSED"
}
