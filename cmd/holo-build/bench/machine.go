package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ticks are the sums of all processors since the machine's start: all time, and that when a hypervisor ran others.
type ticks struct{ all, steal uint64 }

func readTicks() (ticks, error) {
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return ticks{}, err
	}
	return parseTicks(raw)
}

// parseTicks reads the first line of proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal; guests, which
// come after, are in user and nice already.
func parseTicks(stat []byte) (t ticks, err error) {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := strings.Fields(string(line))
	if len(fields) < 9 || fields[0] != "cpu" {
		return t, fmt.Errorf("reading /proc/stat: a line %q", line)
	}
	for i, field := range fields[1:9] {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return t, fmt.Errorf("reading /proc/stat: %w", err)
		}
		t.all += n
		if i == 7 {
			t.steal = n
		}
	}
	return t, nil
}

// stolen is the part of the time between that went to others, in per cent.
func stolen(before, after ticks) float64 {
	if after.all <= before.all {
		return 0
	}
	return 100 * float64(after.steal-before.steal) / float64(after.all-before.all)
}

// printMachine prints what it was measured on.
func printMachine(w io.Writer, before, after ticks) error {
	cpuinfo, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return err
	}
	model, err := cpuModel(cpuinfo)
	if err != nil {
		return err
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return fmt.Errorf("asking for the kernel: %w", err)
	}
	_, err = fmt.Fprintf(w, "machine: %d cores, %s, Linux %s, %.1f %% of the time stolen\n",
		runtime.NumCPU(), model, unix.ByteSliceToString(u.Release[:]), stolen(before, after))
	return err
}

// cpuModel reads proc_cpuinfo(5), whose names depend on the architecture.
func cpuModel(cpuinfo []byte) (string, error) {
	for _, name := range []string{"model name", "Model", "CPU part", "uarch"} {
		for line := range strings.Lines(string(cpuinfo)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
				return strings.TrimSpace(value), nil
			}
		}
	}
	return "", errors.New("reading /proc/cpuinfo: no model")
}
