package main

import (
	"io"
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   []time.Duration
		want time.Duration
	}{
		{[]time.Duration{5}, 5},
		{[]time.Duration{9, 1, 5}, 5},
		{[]time.Duration{8, 2, 4, 100}, 6},
	} {
		if got := median(c.in); got != c.want {
			t.Errorf("median(%v) = %d, want %d", c.in, got, c.want)
		}
	}
}

func TestJudge(t *testing.T) {
	seconds := func(n ...time.Duration) []time.Duration {
		for i := range n {
			n[i] *= time.Second
		}
		return n
	}
	for _, c := range []struct {
		name, want string
		in         outcome
	}{
		{"holds", "", outcome{ours: seconds(2, 1, 2), theirs: seconds(4, 4, 9), rss: maxRSS - 1}},
		{"slow", "only 1.33 times faster", outcome{ours: seconds(3, 3, 1), theirs: seconds(4, 4, 9), rss: 1}},
		{"large", "peak memory of 100000000", outcome{ours: seconds(1), theirs: seconds(4), rss: maxRSS}},
		{"unmeasured", "peak memory of 0", outcome{ours: seconds(1), theirs: seconds(4)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if err := c.in.judge(); err != nil {
				got = err.Error()
			}
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWrongUse(t *testing.T) {
	for _, args := range [][]string{{"x"}, {"-rounds", "0"}, {"-frob"}} {
		if got := run(t.Context(), args, io.Discard, io.Discard); got != 2 {
			t.Errorf("run(%q) = %d, want 2", args, got)
		}
	}
}
