package imageconfig

import (
	"slices"
	"strconv"
	"strings"
)

// signalNames are the names of Linux's signals without "SIG"; signal(7), "Standard signals". Those of which no machine
// that Linux runs on today has a number are not among them.
var signalNames = []string{
	"ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL", "PROF", "PWR", "QUIT",
	"RTMAX", "RTMIN", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH",
	"XCPU", "XFSZ",
}

const (
	// lastSignal is the highest number of a signal.
	lastSignal = 64
	// realTime is how far SIGRTMAX is above SIGRTMIN: 34, as C libraries have it, to 64.
	realTime = lastSignal - 34
)

// isSignal reports whether a runtime knows a signal: by its number, or by its name with or without "SIG", as in SIGTERM,
// TERM, SIGRTMIN+3 and SIGRTMAX-1 (image-spec, config.md, "StopSignal").
func isSignal(s string) bool {
	if n, err := strconv.Atoi(s); err == nil {
		return 1 <= n && n <= lastSignal && strconv.Itoa(n) == s
	}
	s = strings.TrimPrefix(s, "SIG")
	if slices.Contains(signalNames, s) {
		return true
	}
	distance, ok := strings.CutPrefix(s, "RTMIN+")
	if !ok {
		distance, ok = strings.CutPrefix(s, "RTMAX-")
	}
	n, err := strconv.Atoi(distance)
	return ok && err == nil && 0 <= n && n <= realTime && strconv.Itoa(n) == distance
}
