package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// ui is what a person sees of a build on standard error: progress while it lasts, and the report.
type ui struct {
	mu    sync.Mutex
	w     io.Writer
	mode  string // "tty", "plain", "json" or "none"
	quiet bool
	color bool
	now   func() time.Time
	bar   *progressbar.ProgressBar
	phase string
	last  time.Time
	// warned are the warnings so far.
	warned map[string]bool
}

// newUI decides what standard error gets. mode is the value of --progress.
func newUI(p process, mode string, quiet bool) (*ui, error) {
	u := &ui{w: p.stderr, mode: mode, quiet: quiet, now: p.now}
	terminal := p.isTerminal(p.stderr)
	switch mode {
	case "auto":
		if u.mode = "plain"; terminal {
			u.mode = "tty"
		}
	case "tty", "plain", "json", "none":
	default:
		return nil, usageError{fmt.Errorf("--progress %q: it is one of auto, tty, plain, json, none", mode)}
	}
	u.color = p.colorOf(p.stderr) && u.mode != "json"
	return u, nil
}

// isTerminal reports whether what is written goes to a person.
func (p process) isTerminal(w io.Writer) bool {
	f, isFile := w.(*os.File)
	return isFile && term.IsTerminal(int(f.Fd())) && p.getenv("TERM") != "dumb"
}

// colorOf reports whether what is written may be in colours; https://no-color.org.
func (p process) colorOf(w io.Writer) bool { return p.isTerminal(w) && p.getenv("NO_COLOR") == "" }

// begin starts a phase of the work.
func (u *ui) begin(phase string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.clear()
	u.phase, u.last = phase, u.now()
	if u.quiet {
		return
	}
	switch u.mode {
	case "plain":
		fmt.Fprintln(u.w, printable(phase))
	case "json":
		u.event(map[string]any{"event": "phase", "phase": phase})
	}
}

// bytes reports how far a phase is; total is 0 if nobody knows.
func (u *ui) bytes(done, total int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.quiet {
		return
	}
	now := u.now()
	switch u.mode {
	case "tty":
		if u.bar == nil {
			if total == 0 {
				total = -1
			}
			u.bar = u.newBar(total, u.phase, progressbar.OptionShowBytes(true), progressbar.OptionShowCount())
		}
		_ = u.bar.Set64(done) // a bar that cannot be drawn must not fail a build
	case "plain":
		if now.Sub(u.last) < 10*time.Second {
			return
		}
		u.last = now
		of := ""
		if total > 0 {
			of = " of " + sizeText(total)
		}
		fmt.Fprintf(u.w, "%s: %s%s\n", printable(u.phase), sizeText(done), of)
	case "json":
		if now.Sub(u.last) >= 200*time.Millisecond || done == total {
			u.last = now
			u.event(map[string]any{"event": "progress", "phase": u.phase, "done": done, "total": total})
		}
	}
}

// step reports that entity n of m is being worked on.
func (u *ui) step(n, m int, what string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.quiet {
		return
	}
	switch u.mode {
	case "tty":
		if u.bar == nil {
			u.bar = u.newBar(int64(m), what, progressbar.OptionShowCount())
		}
		u.bar.Describe(u.describe(what))
		_ = u.bar.Set(n - 1)
	case "json":
		u.event(map[string]any{"event": "entity", "entity": what, "n": n, "of": m})
	}
}

// end ends the phase.
func (u *ui) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.clear()
}

func (u *ui) clear() {
	if u.bar != nil {
		_ = u.bar.Clear()
		u.bar = nil
	}
}

// report prints a part of the report, which the caller has made printable.
func (u *ui) report(text string) {
	if u.quiet {
		return
	}
	u.print("report", text)
}

// warn prints a warning, once, which --quiet does not silence.
func (u *ui) warn(text string) {
	u.mu.Lock()
	known := u.warned[text]
	if u.warned == nil {
		u.warned = map[string]bool{}
	}
	u.warned[text] = true
	u.mu.Unlock()
	if known {
		return
	}
	if u.mode == "json" {
		u.print("warning", text)
		return
	}
	u.print("warning", u.paint(yellow, ">> "+printableLines(text))+"\n")
}

// tell prints the error that ends the work, if it is to be an event, and returns it as one that was told.
func (u *ui) tell(err error) error {
	if _, told := errors.AsType[toldError](err); err == nil || told || u.mode != "json" {
		return err
	}
	u.print("error", err.Error())
	return toldError{err}
}

func (u *ui) print(event, text string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.mode == "json" {
		u.event(map[string]any{"event": event, "text": strings.TrimRight(text, "\n")})
		return
	}
	if u.bar != nil {
		_ = u.bar.Clear()
	}
	fmt.Fprint(u.w, text)
}

func (u *ui) event(e map[string]any) {
	enc := json.NewEncoder(u.w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(e) // what cannot be shown must not fail a build
}

// The colours of Holo's own front end.
const (
	bold      = "\x1b[1m"
	red       = "\x1b[1;31m"
	yellow    = "\x1b[1;33m"
	darkRed   = "\x1b[31m"
	green     = "\x1b[32m"
	cyan      = "\x1b[36m"
	plainText = "\x1b[0m"
)

func (u *ui) paint(color, text string) string {
	if !u.color {
		return text
	}
	return color + text + plainText
}

// sizeText is a number of bytes for a person.
func sizeText(n int64) string {
	switch {
	case n >= 10_000_000_000:
		return fmt.Sprintf("%.0f GB", float64(n)/1e9)
	case n >= 10_000_000:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	case n >= 100_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}
