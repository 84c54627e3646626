package files

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/plugins/holo"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("gives files to other owners, which only root may: run the tests as root")
	}
}

func owners(t *testing.T, w *world, names ...string) string {
	t.Helper()
	var out []string
	for _, name := range names {
		var st unix.Stat_t
		check(t, unix.Lstat(w.path(name), &st))
		out = append(out, fmt.Sprintf("%d:%d %04o", st.Uid, st.Gid, st.Mode&0o7777))
	}
	return strings.Join(out, ", ")
}

// The owner comes from the base, and a set-user-ID bit survives the change of owner.
func TestOwnerOfBase(t *testing.T) {
	t.Parallel()
	needRoot(t)
	w := newWorld(t, none+"-- 0644 etc/foo --\nold\n-- 0600 R/01/etc/foo --\nnew\n")
	check(t, os.Chown(w.path("etc/foo"), 12, 34))
	check(t, unix.Chmod(w.path("etc/foo"), 0o6755))
	check(t, os.Chown(w.path("R/01/etc/foo"), 56, 78))
	apply := func(want holo.Outcome) {
		t.Helper()
		if got, err := (Plugin{}).Apply(t.Context(), w.env, "file:/etc/foo", false); got != want || err != nil {
			t.Errorf("Apply: %v, %v, want %v", got, err, want)
		}
	}
	apply(holo.Applied)
	const want = "12:34 6755"
	if got := owners(t, w, "etc/foo", "S/base/etc/foo", "S/provisioned/etc/foo"); got != strings.Join([]string{want, want, want}, ", ") {
		t.Errorf("owners and modes: %s", got)
	}
	apply(holo.NotChanged)
	check(t, os.Chown(w.path("etc/foo"), 0, 34))
	apply(holo.NeedsForceOverwrite)
	check(t, os.RemoveAll(w.path("R/01")))
	check(t, os.Chown(w.path("etc/foo"), 12, 34))
	check(t, unix.Chmod(w.path("etc/foo"), 0o6755))
	apply(holo.Applied)
	if got := owners(t, w, "etc/foo"); got != want {
		t.Errorf("owner and mode after scrubbing: %s", got)
	}
}

// What is made belongs to root in an image, and to the owner of the state directory elsewhere.
func TestOwnerOfMade(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for _, build := range []bool{false, true} {
		w := newWorld(t, none+"-- 0600 R/01/etc/d/foo --\nnew\n-- 0644 S/base/etc/d/foo --\n-- 0644 S/provisioned/etc/d/foo --\n-- 0600 R/01/etc/d/bar --\nnew\n")
		w.env.ImageBuild = build
		check(t, os.Chown(w.path("var/lib/holo/files"), 12, 34))
		id, names, want := "file:/etc/d/foo", []string{"etc/d"}, "12:34 0755"
		if build {
			id, names = "file:/etc/d/bar", []string{"etc/d", "etc/d/bar", "S/base/etc/d/bar", "S/created/etc"}
			want = "0:0 0755, 0:0 0644, 0:0 0644, 0:0 0755"
		}
		if got, err := (Plugin{}).Apply(t.Context(), w.env, id, true); got != holo.Applied || err != nil {
			t.Errorf("Apply: %v, %v", got, err)
		}
		if got := owners(t, w, names...); got != want {
			t.Errorf("build %v: %s, want %s", build, got, want)
		}
	}
}

// Extended attributes stay with the place, but for capabilities, which the kernel would drop too.
func TestXattrsOfTarget(t *testing.T) {
	t.Parallel()
	needRoot(t)
	w := newWorld(t, none+"-- 0644 etc/foo --\nold\n-- 0600 R/01/etc/foo --\nnew\n")
	const capability = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" // cap_net_bind_service
	p := w.path("etc/foo")
	for name, value := range map[string]string{"trusted.test": "x", "security.capability": capability} {
		if err := unix.Setxattr(p, name, []byte(value), 0); errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOTSUP) {
			t.Skipf("setting %s: %v; run the tests outside of a container without CAP_SYS_ADMIN and CAP_SETFCAP", name, err)
		} else {
			check(t, err)
		}
	}
	if got, err := (Plugin{}).Apply(t.Context(), w.env, "file:/etc/foo", false); got != holo.Applied || err != nil {
		t.Fatalf("Apply: %v, %v", got, err)
	}
	buf := make([]byte, 8)
	if n, err := unix.Getxattr(p, "trusted.test", buf); err != nil || string(buf[:n]) != "x" {
		t.Errorf("trusted.test: %q, %v", buf[:max(n, 0)], err)
	}
	if _, err := unix.Getxattr(p, "security.capability", buf); !errors.Is(err, unix.ENODATA) {
		t.Errorf("security.capability: %v, want none", err)
	}
	if n, err := unix.Listxattr(w.path("S/base/etc/foo"), nil); n != 0 || err != nil {
		t.Errorf("the base copy has attributes: %d, %v", n, err)
	}
}
