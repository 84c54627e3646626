package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/oci/ocitest"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// patience bounds everything that these tests wait for.
const patience = 20 * time.Second

// blockingPlugin says that it got where its name says, by an argument of a process, and goes no further: in the sandbox, it
// can't write where the test would look.
const blockingPlugin = `#!/bin/sh
block() { sh -c 'sleep 600 & wait' "$0-ready"; }
case "$1" in
info) [ "${0##*-}" != info ] || block; printf 'MIN_API_VERSION=3\nMAX_API_VERSION=3\n' ;;
scan) [ "${0##*-}" != scan ] || block; printf 'ENTITY: block:1\nENTITY: block:2\n' ;;
apply) if [ "$2" = block:1 ]; then : >"$HOLO_ROOT_DIR/etc/half-done"; else block; fi ;;
esac
`

// moment is a point at which a build stands still. begin starts a build there and returns when it has come to the
// point.
type moment struct {
	name  string
	begin func(t *testing.T, s *standstill)
}

func moments() []moment {
	blocked := func(op string, stage ...string) func(*testing.T, *standstill) {
		return func(t *testing.T, s *standstill) {
			plugin := filepath.Join(s.dir, "plugins", "holo-"+op)
			s.file("plugins/holo-"+op, blockingPlugin, 0o755)
			s.file("resources/block/x", "", 0o644)
			s.start(append([]string{"oci:" + s.image, "--plugin", "block=" + plugin}, stage...)...)
			s.await(func() bool { return runs(plugin + "-ready") })
		}
	}
	return []moment{
		{"info", blocked("info")}, {"scan", blocked("scan")}, {"apply", blocked("apply")},
		{"apply in a copy", blocked("apply", "--stage", "copy")},
		{"apply in a mount", func(t *testing.T, s *standstill) {
			needMount(t)
			blocked("apply", "--stage", "mount")(t, s)
			s.checkMounted()
		}},
		{"apply in a user namespace", func(t *testing.T, s *standstill) {
			needMount(t)
			s.as, s.warned = rootfstest.UserNamespace(0, 1), ">> the staging root is copied: mounting the staging root: "+
				"erofs: not supported here: fsopen erofs: operation not permitted\n"
			blocked("apply")(t, s)
			if s.overlays() == 0 {
				t.Error("no process has an overlay: nothing is tested")
			}
		}},
		{"holoscript", func(t *testing.T, s *standstill) {
			ready := filepath.Join(s.dir, "plugins/ready")
			s.file("resources/files/10-a/etc/hostname.holoscript", "#!/bin/sh\nsh -c 'sleep 600 & wait' '"+ready+"'\n", 0o755)
			s.start("oci:"+s.image, "--stage", "view")
			s.await(func() bool { return runs(ready) })
		}},
		{"standard input", func(t *testing.T, s *standstill) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { r.Close(); w.Close() })
			s.stdin = r
			s.start("oci-archive:-")
			if _, err := w.WriteString("part of an archive"); err != nil {
				t.Fatal(err)
			}
			s.await(func() bool { return unread(t, r) == 0 })
		}},
		{"pull", func(t *testing.T, s *standstill) {
			registry, held := holdingRegistry(t, http.MethodGet)
			s.start("docker://" + registry.Host + "/app:1")
			s.awaitChan(held)
		}},
		{"push", func(t *testing.T, s *standstill) {
			registry, held := holdingRegistry(t, http.MethodPost)
			s.file("resources/files/10-a/etc/motd", "hello\n", 0o644)
			s.start("oci:"+s.image, "-o", "docker://"+registry.Host+"/app:1")
			s.awaitChan(held)
		}},
	}
}

// TestInterrupted ends builds by signals at several moments: status 130 or 143, no name, no staging root and no process
// is left. What kill -9 leaves on the disk, the next build sweeps.
func TestInterrupted(t *testing.T) {
	for _, m := range moments() {
		for name, sig := range map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL} {
			t.Run(m.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := newStandstill(t)
				m.begin(t, s)
				s.end(sig)
				if sig == syscall.SIGKILL {
					s.checkSwept()
				} else {
					s.checkClean("holo-build: " + map[syscall.Signal]string{syscall.SIGINT: "interrupted", syscall.SIGTERM: "terminated"}[sig] + "\n")
				}
			})
		}
	}
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// runs says whether there is a process with an argument.
func runs(arg string) bool {
	list, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is right
	return slices.ContainsFunc(list, func(name string) bool {
		line, _ := os.ReadFile(name) // none of one that has ended
		return bytes.HasSuffix(line, []byte("\x00"+arg+"\x00"))
	})
}

// unread is how many bytes a pipe holds.
func unread(t *testing.T, r *os.File) int {
	t.Helper()
	n, err := unix.IoctlGetInt(int(r.Fd()), unix.TIOCINQ)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// holdingRegistry is a registry that answers no request with the given method to a repository: it closes the channel,
// and holds the request until its client goes away.
func holdingRegistry(t *testing.T, method string) (*ocitest.RegistryServer, <-chan struct{}) {
	t.Helper()
	held := make(chan struct{}, 1)
	registry := ocitest.Registry(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || r.URL.Path == "/v2/" {
			return false
		}
		select {
		case held <- struct{}{}:
		default:
		}
		_, _ = io.Copy(io.Discard, r.Body) // the server notices that a client has gone when it waits for no body
		<-r.Context().Done()
		return true
	})
	return registry, held
}
