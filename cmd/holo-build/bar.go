package main

import (
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// barRoom is what a progress bar needs of a line besides its description: percentage, bar, bytes and rate.
const barRoom = 44

// newBar returns a progress bar for a terminal. Its line must never be wider than that: what is on a second line would
// stay there.
func (u *ui) newBar(total int64, what string, options ...progressbar.Option) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total, append(options, progressbar.OptionSetWriter(u.w),
		progressbar.OptionSetDescription(u.describe(what)), progressbar.OptionSetVisibility(u.width() > barRoom),
		progressbar.OptionSetElapsedTime(false), progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetSpinnerChangeInterval(0), // it would draw by itself, at any time
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionFullWidth(), progressbar.OptionUseANSICodes(true))...)
}

// width is that of the terminal.
func (u *ui) width() int {
	if f, ok := u.w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

// describe makes something printable and short enough to stand before a progress bar.
func (u *ui) describe(what string) string { return shorten(printable(what), u.width()-barRoom) }

// shorten leaves out the middle of a text that is wider than so many columns; more of its end is kept than of its
// beginning, since paths differ there. Characters outside of ASCII count twice, as some of them take two columns.
func shorten(s string, width int) string {
	const gap = "..."
	if columns(s) <= width {
		return s
	}
	runes := []rune(s)
	head := min(max(0, width-len(gap))/3, len(runes))
	begin := string(runes[:head]) + gap
	tail := len(runes)
	for tail > head && columns(begin)+columns(string(runes[tail-1:])) <= width {
		tail--
	}
	return begin + string(runes[tail:])
}

func columns(s string) (n int) {
	for _, r := range s {
		if n++; r >= 0x80 {
			n++
		}
	}
	return n
}
