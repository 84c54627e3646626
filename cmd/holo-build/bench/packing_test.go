package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// growing is set in a child that must hold so many bytes at once.
const growing = "BENCH_TEST_HOLD"

// TestMain is also the child of TestChildMemory.
func TestMain(m *testing.M) {
	n, err := strconv.Atoi(os.Getenv(growing))
	if err != nil {
		os.Exit(m.Run())
	}
	held := make([]byte, n)
	for i := 0; i < n; i += os.Getpagesize() {
		held[i] = 1
	}
	if err := reportPeak(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	runtime.KeepAlive(held)
}

// TestChildMemory: growth of a child is seen, though its parent is larger.
func TestChildMemory(t *testing.T) {
	const step, large = 64 << 20, 400 << 20
	hold := make([]byte, large)
	for i := 0; i < large; i += os.Getpagesize() {
		hold[i] = 1
	}
	var peaks []int64
	for _, n := range []int{0, step} {
		t.Setenv(growing, strconv.Itoa(n))
		got, err := childMemory(t.Context(), "/proc/self/exe")
		if err != nil {
			t.Fatal(err)
		}
		peaks = append(peaks, got)
	}
	runtime.KeepAlive(hold)
	if grown := peaks[1] - peaks[0]; peaks[0] <= 0 || grown < step*9/10 || peaks[1] > large/2 {
		t.Errorf("peaks of %d bytes: want the second %d larger, and both far below the parent's %d", peaks, step, large)
	}
	if err := judgeMemory(peaks[0], peaks[1]); err == nil {
		t.Errorf("from %d to %d bytes, and no complaint", peaks[0], peaks[1])
	}
	if err := judgeMemory(peaks[0], peaks[0]); err != nil {
		t.Error(err)
	}
	t.Setenv(growing, "-1")
	if got, err := childMemory(t.Context(), "/proc/self/exe"); err == nil {
		t.Errorf("a child that dies reports %d", got)
	}
}

func TestJudgeGrowth(t *testing.T) {
	power := func(factor, e float64) []sample {
		var list []sample
		for _, s := range sizes() {
			list = append(list, sample{s.files, time.Duration(factor * math.Pow(float64(s.files), e))})
		}
		return list
	}
	jump := power(1e5, 1)
	jump[1].best = jump[0].best * 16
	for _, c := range []struct {
		name, want string
		in         []sample
	}{
		{"linear", "", power(1e5, 1)},
		{"less", "", power(1e6, 0.6)},
		{"a little more", "power of 1.20", power(1e5, 1.2)},
		{"square", "power of 2.00", power(1e3, 2)},
		{"jump", "100 files take 16.0 times as long as 10", jump},
		{"no time at all", "power of NaN", make([]sample, 4)},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := judgeGrowth(c.in)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasSuffix(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
