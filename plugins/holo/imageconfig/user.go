package imageconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/plugins/internal/accounts"
	"github.com/holo-build/holo-build/rootfs"
)

// checkUser makes sure that a user and group that the image is to run as are there, if the root has lists of them at all: a
// runtime would start nothing.
func checkUser(root rootfs.Root, value []string) error {
	if len(value) == 0 {
		return nil
	}
	user, group, _ := strings.Cut(value[0], ":")
	users := func() (names []string, err error) {
		list, err := accounts.ReadUsers(root)
		for _, u := range list {
			names = append(names, u.Name)
		}
		return names, err
	}
	groups := func() (names []string, err error) {
		list, err := accounts.ReadGroups(root)
		for _, g := range list {
			names = append(names, g.Name)
		}
		return names, err
	}
	if err := checkAccount(root, "user", "etc/passwd", user, users); err != nil {
		return err
	}
	return checkAccount(root, "group", "etc/group", group, groups)
}

func checkAccount(root rootfs.Root, kind, file, name string, names func() ([]string, error)) error {
	if _, err := strconv.ParseUint(name, 10, 32); err == nil || name == "" {
		return nil
	}
	if _, err := root.Lstat(file); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	list, err := names()
	if err == nil && !slices.Contains(list, name) {
		err = fmt.Errorf("%s %q is not in /%s (a [[%s]] of the plugin users-groups makes one)", kind, name, file, kind)
	}
	return err
}
