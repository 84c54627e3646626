package accounts

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// etc is a root's databases, by their names in /etc.
type etc map[string]string

// debian has what a small image has.
func debian() etc {
	return etc{
		"passwd":     "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
		"group":      "root:x:0:\nsudo:x:27:\nusers:x:100:\nnogroup:x:65534:\n",
		"shadow":     "root:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n",
		"gshadow":    "root:*::\nsudo:*::\nusers:*::\nnogroup:*::\n",
		"subuid":     "",
		"subgid":     "",
		"login.defs": "UID_MIN 1000\nUID_MAX 60000\nUSERGROUPS_ENAB yes\nPASS_MAX_DAYS 99999\n",
	}
}

// modes and groups of the files, where they are not 0644 and 0.
var modes = map[string]int64{"shadow": 0o640, "gshadow": 0o640}

const shadowGroup = 42

// stage makes a staging root of the databases, and more; any user can do that.
func stage(t testing.TB, files etc, more ...rootfstest.Entry) *rootfs.Staging {
	t.Helper()
	list := []rootfstest.Entry{rootfstest.Dir("etc", 0o755), rootfstest.Dir("home", 0o755)}
	for name, content := range files {
		mode, secret := modes[name]
		if !secret {
			mode = 0o644
		}
		e := rootfstest.File("etc/"+name, mode, content)
		if secret {
			e.Gid = shadowGroup
		}
		list = append(list, e)
	}
	dir := t.TempDir()
	base, err := rootfs.ReadBase(t.Context(), []rootfs.Layer{rootfstest.Tar(t, append(list, more...)...)}, dir, rootfs.BaseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := rootfs.Stage(base, rootfs.StageOptions{Dir: dir, Start: rootfstest.Epoch})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func read(t testing.TB, root rootfs.Root, name string) string {
	t.Helper()
	f, err := root.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// tell describes all files that a root has, in the order of names.
func tell(t testing.TB, root rootfs.Root) string {
	t.Helper()
	var b strings.Builder
	m, err := root.Lstat(".")
	if err == nil {
		err = tree(t.Context(), root, ".", m, func(name string, m rootfs.Meta) error {
			fmt.Fprintf(&b, "%s %s %04o %d:%d %s %q %x\n", name, m.Type, m.Mode, m.UID, m.GID, m.Target, m.Xattrs, m.Digest)
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
