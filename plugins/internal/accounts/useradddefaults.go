package accounts

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// Defaults prints the defaults of useradd(8), or changes items of /etc/default/useradd. The values that u has of them are
// checked as those of a user.
func (e Editor) Defaults(ctx context.Context, w io.Writer, u AddUser, change map[string]string) error {
	u.Name = "name" // that of nobody in particular
	if err := u.check(); err != nil {
		return err
	}
	d, err := e.begin(ctx, nil, StatusPasswd, StatusGroup, groupFile)
	if err != nil {
		return err
	}
	if len(change) == 0 {
		return d.printDefaults(w)
	}
	if u.Group != nil {
		if _, ok := d.lookUpGroup(*u.Group); !ok {
			return refuse(StatusNotFound, "group '%s' does not exist", *u.Group)
		}
	}
	return d.changeDefaults(change)
}

func (e *edit) printDefaults(w io.Writer) error {
	d, err := e.readDefaults()
	if err != nil {
		return err
	}
	file, err := readDefs(e.Root, defaultsFile, parseDefaults)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "GROUP=%d\nHOME=%s\nINACTIVE=%d\nEXPIRE=%s\nSHELL=%s\nSKEL=%s\nCREATE_MAIL_SPOOL=%s\nLOG_INIT=%s\n",
		d.gid, d.home, d.inactive, file["EXPIRE"], d.shell, d.skel, file.text("CREATE_MAIL_SPOOL", "no"), file.text("LOG_INIT", "yes"))
	return err
}

// changeDefaults replaces the lines of the items, and adds those that are missing. All others stay.
func (e *edit) changeDefaults(change map[string]string) error {
	t, err := openTable(e.Root, table{name: defaultsFile, status: StatusPasswd})
	if err != nil {
		return err
	}
	change = maps.Clone(change)
	for i, line := range t.lines {
		item, _, ok := strings.Cut(line, "=")
		if value, changed := change[item]; ok && changed {
			t.lines[i] = item + "=" + value
			delete(change, item)
		}
	}
	for _, item := range slices.Sorted(maps.Keys(change)) {
		t.lines = append(t.lines, item+"="+change[item])
	}
	if err := rootfs.MkdirAll(e.Root, "etc/default", rootfs.Meta{Mode: 0o755}); err != nil {
		return because(err, StatusPasswd, "cannot write /%s", defaultsFile)
	}
	t.dirty = true
	return t.write(e.Root)
}
