package machine

import (
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// xkbFile lists what X11 knows of keyboards, in sections: model, layout, variant and option; xkeyboard-config(7).
const xkbFile = "usr/share/X11/xkb/rules/base.lst"

// X11Choices lists, sorted, what a root's X11 knows of a kind: "model", "layout", "variant" or "option". Variants can be those
// of one layout.
func X11Choices(root rootfs.Root, kind, layout string) ([]string, error) {
	var list []string
	section := ""
	err := eachLine(root, xkbFile, func(line string) {
		if name, ok := strings.CutPrefix(line, "! "); ok {
			section = strings.TrimSpace(name)
			return
		}
		fields := strings.Fields(line) // a name, of variants the layout with a colon, and a description
		if section != kind || len(fields) < 2 || layout != "" && fields[1] != layout+":" {
			return
		}
		list = append(list, fields[0])
	})
	if isMissing(err) {
		return nil, &ValueError{Text: "there is no /" + xkbFile + " in the root, which lists X11's keyboards", Missing: true}
	}
	slices.Sort(list)
	return slices.Compact(list), err
}
