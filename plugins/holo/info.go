package holo

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// APIVersion is the version of the plugin interface that this package speaks, on both sides.
const APIVersion = 3

// The keys of the info operation; holo-plugin-interface(7), "The info operation".
const (
	minVersionKey = "MIN_API_VERSION"
	maxVersionKey = "MAX_API_VERSION"
)

// Info is what a plugin says of itself: the interface versions that it speaks.
type Info struct{ Min, Max int }

// VersionError says that a plugin does not speak version 3 of the interface.
type VersionError struct {
	Plugin   string
	Min, Max int
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("plugin holo-%s is incompatible with this Holo (plugin min: %d, plugin max: %d, Holo: %d)",
		e.Plugin, e.Min, e.Max, APIVersion)
}

// InfoError says that a plugin's answer to info lacks a version, or has something else in its place.
type InfoError struct {
	Plugin, Key string
	// Value is what was found, and Missing says that nothing was.
	Value   string
	Missing bool
}

func (e *InfoError) Error() string {
	if e.Missing {
		return fmt.Sprintf("reading info of plugin %s: %s is missing", e.Plugin, e.Key)
	}
	return fmt.Sprintf("reading info of plugin %s: %s is not a positive number: %.40q", e.Plugin, e.Key, e.Value)
}

// ParseInfo reads the answer of plugin id to the info operation. Unknown keys and lines without "=" are skipped, and of
// two lines with the same key the later one counts. The numbers need not be positive: holo(8) does not insist.
func ParseInfo(id string, r io.Reader) (Info, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return Info{}, fmt.Errorf("reading info of plugin %s: %w", id, err)
	}
	values := make(map[string]string)
	for line := range strings.SplitSeq(string(b), "\n") {
		if key, value, ok := strings.Cut(line, "="); ok && (key == minVersionKey || key == maxVersionKey) {
			values[key] = value
		}
	}
	var info Info
	for i, p := range []*int{&info.Min, &info.Max} {
		key := []string{minVersionKey, maxVersionKey}[i]
		value, ok := values[key]
		n, err := strconv.Atoi(value)
		if err != nil {
			return Info{}, &InfoError{Plugin: id, Key: key, Value: value, Missing: !ok}
		}
		*p = n
	}
	return info, nil
}

// Write prints the answer in the form that ParseInfo reads.
func (i Info) Write(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s=%d\n%s=%d\n", minVersionKey, i.Min, maxVersionKey, i.Max)
	return err
}

// Compatible returns a *VersionError if the plugin with this ID does not speak our version.
func (i Info) Compatible(id string) error {
	if i.Min > APIVersion || i.Max < APIVersion {
		return &VersionError{Plugin: id, Min: i.Min, Max: i.Max}
	}
	return nil
}

// negotiate is Compatible, and insists on positive numbers, as holo-plugin-interface(7) does.
func (i Info) negotiate(id string) error {
	switch {
	case i.Min < 1:
		return &InfoError{Plugin: id, Key: minVersionKey, Value: strconv.Itoa(i.Min)}
	case i.Max < 1:
		return &InfoError{Plugin: id, Key: maxVersionKey, Value: strconv.Itoa(i.Max)}
	}
	return i.Compatible(id)
}
