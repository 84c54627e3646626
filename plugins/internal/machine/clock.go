package machine

import (
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// adjtimeFile is adjtime_config(5).
const adjtimeFile = "etc/adjtime"

// noDrift is what hwclock(8) takes a missing file for.
const noDrift = "0.0 0 0\n0\n"

// LocalRTC says whether the hardware clock runs in local time.
func LocalRTC(root rootfs.Root) (bool, error) {
	f, err := read(root, adjtimeFile)
	lines := strings.Split(f.text, "\n")
	return len(lines) > 2 && strings.TrimSpace(lines[2]) == "LOCAL", err
}

// SetLocalRTC says what time the hardware clock runs in. What else is known of the clock stays.
func SetLocalRTC(root rootfs.Root, local bool) error {
	real, f, err := lookup(root, adjtimeFile)
	if err != nil {
		return err
	}
	zone := utc
	if local {
		zone = "LOCAL"
	}
	lines := strings.Split(f.text, "\n")
	text := noDrift + zone + "\n"
	if f.text != "" {
		for len(lines) < 3 {
			lines = append(lines, "")
		}
		lines[2] = zone
		text = strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
	}
	if text == noDrift+utc+"\n" {
		text = ""
	}
	e := &edit{root: root}
	e.write(real, f, text)
	return e.commit()
}
