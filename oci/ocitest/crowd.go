package ocitest

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// Noise is content that no compressor makes smaller, the same for each seed.
func Noise(seed byte, n int) string {
	b := make([]byte, n)
	// It never fails.
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return string(b)
}

// NoisyLayers are layers that take some time to read, each with a file of its own.
func NoisyLayers() [][]Entry {
	var list [][]Entry
	for i := range byte(4) {
		name := string('a' + i)
		list = append(list, []Entry{Dir("etc"), Dir("tmp"), File("etc/os-release", "ID=debian\n"), File("etc/hostname", name), File(name, Noise(i, 300_000))})
	}
	return list
}

// Crowd is ten processes that are at work at once, of which one is killed at random.
type Crowd struct {
	Chance *rand.Rand
	// Within is how long that one has at most.
	Within time.Duration
	// Command returns the nth process, which is not started yet.
	Command func(n int) *exec.Cmd
	// Ended is told what came of each that was not killed, by several at once.
	Ended func(n int, err error, stdout, stderr string)
}

// Run runs them, and reports whether one was killed before it was done.
func (c Crowd) Run(t testing.TB) (killed bool) {
	t.Helper()
	const size = 10
	victim, after := c.Chance.IntN(size), time.Duration(c.Chance.Int64N(int64(c.Within)))
	var group sync.WaitGroup
	for n := range size {
		cmd := c.Command(n)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Start(); err != nil {
			t.Error(err)
			continue
		}
		if n == victim {
			timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
			defer timer.Stop()
		}
		group.Go(func() {
			err := cmd.Wait()
			if n == victim && err != nil && cmd.ProcessState.ExitCode() == -1 {
				killed = true
				return
			}
			c.Ended(n, err, stdout.String(), stderr.String())
		})
	}
	group.Wait()
	return killed
}
