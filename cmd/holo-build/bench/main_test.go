package main

import (
	"io"
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

func TestWrongUse(t *testing.T) {
	for _, args := range [][]string{
		{"x"}, {"-rounds", "0"}, {"-frob"}, {"-case", "cold-frob"}, {"-case", "["}, {"-case", ""}, {"-on", "ntfs"}, {"-on", ""},
	} {
		if got := run(t.Context(), args, io.Discard, io.Discard); got != 2 {
			t.Errorf("run(%q) = %d, want 2", args, got)
		}
	}
}
