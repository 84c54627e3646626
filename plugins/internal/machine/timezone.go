package machine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// Where localtime(5), what Debian has beside it, and the time zones are.
const (
	localtimeFile = "etc/localtime"
	timezoneFile  = "etc/timezone"
	zoneDir       = "usr/share/zoneinfo"
)

// utc is the time zone of a root that has none set.
const utc = "UTC"

// TimeZone returns the name of the time zone; empty if there is one that has no name, as /etc/localtime is no symlink to
// it.
func TimeZone(root rootfs.Root) (string, error) {
	m, err := root.Lstat(localtimeFile)
	switch {
	case isMissing(err):
		return utc, nil
	case err != nil:
		return "", fmt.Errorf("reading /%s: %w", localtimeFile, err)
	case m.Type == rootfs.Symlink:
		_, zone, _ := strings.Cut(m.Target, "/zoneinfo/")
		if !isZoneName(zone) {
			return "", nil
		}
		return zone, nil
	}
	f, err := read(root, timezoneFile)
	if zone := strings.TrimSpace(f.text); isZoneName(zone) {
		return zone, err
	}
	return "", err
}

// SetTimeZone sets the time zone, of which the root must have the data, if it has any. Debian's name of it is changed with
// it where it is written down: timedated forgets it, and who reads it has another zone then.
func SetTimeZone(root rootfs.Root, zone string) error {
	has, err := HasTimeZone(root, zone)
	if err != nil {
		return err
	}
	if !has {
		return &ValueError{Text: fmt.Sprintf("Invalid or not installed time zone '%s'", zone), Missing: isZoneName(zone)}
	}
	e := &edit{root: root}
	if err := e.setTimeZone(zone); err != nil {
		return err
	}
	return e.commit()
}

func (e *edit) setTimeZone(zone string) error {
	target := "../" + zoneDir + "/" + zone
	if _, err := e.root.Lstat(zoneDir + "/" + utc); zone == utc && isMissing(err) {
		target = "" // it is what a root without a zone has
	}
	if err := e.link(localtimeFile, target); err != nil {
		return err
	}
	real, f, err := lookup(e.root, timezoneFile)
	if err == nil && f.exists {
		e.write(real, f, zone+"\n")
	}
	return err
}

// isZoneName says whether a text can be the name of a time zone.
func isZoneName(zone string) bool {
	ok := len(zone) <= 255 && path.Clean("/"+zone) == "/"+zone && zone != ""
	return ok && strings.IndexFunc(zone, func(r rune) bool { return r > 'z' || !isLabelByte(byte(r)) && !strings.ContainsRune("-_+/", r) }) < 0
}

// HasTimeZone says whether a time zone can be set. UTC always can, and every name in a root that has no time zones.
func HasTimeZone(root rootfs.Root, zone string) (bool, error) {
	if !isZoneName(zone) || zone == utc {
		return zone == utc, nil
	}
	if list, err := root.ReadDir(zoneDir); isMissing(err) || err == nil && len(list) == 0 {
		return true, nil
	}
	name := zoneDir + "/" + zone
	real, err := root.Resolve(name)
	if err == nil {
		var m rootfs.Meta
		if m, err = root.Lstat(real); err == nil && m.Type != rootfs.Regular {
			return false, nil
		}
	}
	if isMissing(err) {
		return false, nil
	}
	var f io.ReadCloser
	if err == nil {
		f, err = root.Open(name)
	}
	if err != nil {
		return false, fmt.Errorf("reading /%s: %w", name, err)
	}
	defer f.Close()
	magic := make([]byte, 4) // tzfile(5)
	_, err = io.ReadFull(f, magic)
	return err == nil && string(magic) == "TZif", nil
}

// maxZones bounds how much is read of a list of time zones, and how many files are looked at.
const (
	maxZoneBytes = 4 << 20
	maxZones     = 20_000
)

// TimeZones lists the time zones of a root, sorted: those of tzdata.zi, or of zone1970.tab, which tzdata brings, or else
// what lies in its directory.
func TimeZones(ctx context.Context, root rootfs.Root) ([]string, error) {
	zones := map[string]bool{utc: true}
	err := eachLine(root, zoneDir+"/tzdata.zi", func(line string) {
		switch f := strings.Fields(line); {
		case len(f) > 1 && f[0] == "Z":
			zones[f[1]] = true
		case len(f) > 2 && f[0] == "L":
			zones[f[2]] = true
		}
	})
	if isMissing(err) {
		err = eachLine(root, zoneDir+"/zone1970.tab", func(line string) {
			if f := strings.Fields(line); len(f) > 2 && !strings.HasPrefix(line, "#") {
				zones[f[2]] = true
			}
		})
	}
	if isMissing(err) {
		w := walker{root: root, most: maxZones, file: func(name string) error {
			zone := strings.TrimPrefix(name, zoneDir+"/")
			if has, err := HasTimeZone(root, zone); !has || err != nil {
				return err
			}
			zones[zone] = true
			return nil
		}}
		err = w.walk(ctx, zoneDir, 0)
	}
	if err != nil && !isMissing(err) {
		return nil, fmt.Errorf("listing time zones: %w", err)
	}
	var list []string
	for zone := range zones {
		if isZoneName(zone) {
			list = append(list, zone)
		}
	}
	slices.Sort(list)
	return list, nil
}

// eachLine reads a file line by line.
func eachLine(root rootfs.Root, name string, do func(line string)) error {
	f, err := root.Open(name)
	if err != nil {
		return fmt.Errorf("reading /%s: %w", name, err)
	}
	defer f.Close()
	l := &io.LimitedReader{R: f, N: maxZoneBytes + 1}
	s := bufio.NewScanner(l)
	for s.Scan() {
		do(s.Text())
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("reading /%s: %w", name, err)
	}
	if l.N == 0 {
		return fmt.Errorf("reading /%s: it has more than %d bytes: %w", name, maxZoneBytes, rootfs.ErrLimit)
	}
	return nil
}

// walker visits the regular files, and the symlinks to such, below a directory.
type walker struct {
	root rootfs.Root
	// most is how many names are looked at before that is an error.
	most int
	file func(name string) error
}

// maxDepth is how deep directories of time zones and keymaps are nested; real ones have a depth of 3.
const maxDepth = 8

func (w *walker) walk(ctx context.Context, dir string, depth int) error {
	list, err := w.root.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		if w.most--; w.most < 0 {
			return errors.New("there are too many files in /" + dir)
		}
		name := path.Join(dir, entry.Name)
		switch entry.Type {
		case rootfs.Directory:
			if depth < maxDepth {
				err = w.walk(ctx, name, depth+1)
			}
		case rootfs.Regular, rootfs.Symlink:
			err = w.file(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
