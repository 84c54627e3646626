package accounts

import (
	"strconv"
	"time"
)

// NoDays is a number of days that is not set.
const NoDays int64 = -1

// ParseDate reads the date of an expiry: YYYY-MM-DD, or a number of days since 1970; nothing, and -1, are NoDays.
func ParseDate(s string) (day int64, ok bool) {
	if s == "" {
		return NoDays, true
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, n >= NoDays
	}
	t, err := time.Parse(time.DateOnly, s)
	return t.Unix() / secondsPerDay, err == nil && t.Unix() >= 0
}

const secondsPerDay = 24 * 60 * 60

// Day returns the day of a time, in days since 1970; 0 for a time before that.
func Day(t time.Time) int64 { return max(t.Unix(), 0) / secondsPerDay }

// ParseDays reads a number of days; -1 is NoDays.
func ParseDays(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= NoDays
}
