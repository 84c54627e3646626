package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// session runs programs one after the other and keeps the largest resident size of them.
type session struct {
	env []string
	rss int64
}

// command runs a program and returns what it prints. The largest resident size is what wait4(2) tells of it. Linux
// counts a child from before its exec, as large as its parent, so this program must stay small.
func (s *session) command(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), s.env...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("running %s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return "", fmt.Errorf("internal error: no rusage of %s", name)
	}
	s.rss = max(s.rss, usage.Maxrss*1024)
	return strings.TrimSpace(stdout.String()), nil
}
