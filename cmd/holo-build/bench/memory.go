package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/oci"
)

// maxMemory is how many times the memory ten times the content may take.
const maxMemory = 1.3

// packMemory measures the largest resident sizes of processes of this program that pack 40 and 400 MiB.
func packMemory(ctx context.Context, w io.Writer, dir string) error {
	small, err := childMemory(ctx, "/proc/self/exe", "-pack", "10", "-in", dir)
	if err != nil {
		return err
	}
	large, err := childMemory(ctx, "/proc/self/exe", "-pack", "100", "-in", dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "memory, 40 and 400 MiB     %8.1f and %.1f MB\n", float64(small)/1e6, float64(large)/1e6)
	return judgeMemory(small, large)
}

// judgeMemory says whether the second one, of ten times the content, is too much.
func judgeMemory(small, large int64) error {
	if small <= 0 || float64(large) > maxMemory*float64(small) {
		return fmt.Errorf("%w: memory grows with the content, from %d to %d bytes", errBound, small, large)
	}
	return nil
}

// childMemory runs a program that ends with reportPeak, and returns what it reports. What wait4(2) tells is no use here:
// Linux counts a child from before its exec, as large as its parent, which has packed a lot by then.
func childMemory(ctx context.Context, name string, args ...string) (int64, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", runtime.GOMAXPROCS(0)))
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("running %s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	n, err := strconv.ParseInt(strings.TrimSpace(stdout.String()), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading what %s reports: %w", name, err)
	}
	return n, nil
}

// packOnly makes a layer of so many files of 4 MiB, and reports the memory that it took.
func packOnly(ctx context.Context, w io.Writer, dir string, files int) error {
	if _, err := pack(ctx, dir, files, 4<<20, oci.Zstd); err != nil {
		return err
	}
	return reportPeak(w)
}

// reportPeak writes the largest resident size that this program has had so far, in bytes: VmHWM of proc_pid_status(5),
// which begins anew with exec.
func reportPeak(w io.Writer) error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			kib, err := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 64)
			if err != nil {
				return fmt.Errorf("reading VmHWM: %w", err)
			}
			_, err = fmt.Fprintln(w, kib*1024)
			return err
		}
	}
	return errors.New("reading VmHWM: /proc/self/status has none")
}
