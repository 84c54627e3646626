package mock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// epoch is the time of all builds here.
var epoch = time.Unix(1_700_000_000, 0)

// pair is one root twice: the tools of Debian's passwd package work on one, and ours on the other.
type pair struct {
	t            *testing.T
	theirs, ours string
}

// needTools skips a test that has to have the real tools; where everything must be there, it fails.
func needTools(t *testing.T) {
	t.Helper()
	rootfstest.NeedRoot(t)
	lacking := ""
	for _, name := range []string{"useradd", "usermod", "userdel", "groupadd", "groupmod", "groupdel", "passwd", "chage", "gpasswd", "chpasswd", "newusers", "unshare"} {
		if _, err := exec.LookPath(name); err != nil {
			lacking = name
		}
	}
	if lacking == "" {
		out, err := exec.Command("unshare", "-m", "mount", "--bind", "/proc", t.TempDir()).CombinedOutput()
		if err == nil {
			return
		}
		lacking = fmt.Sprintf("a mount namespace (%s)", bytes.TrimSpace(out))
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing; make test-deps installs what is needed", lacking)
	}
	t.Skipf("%s is missing; make test-deps installs what is needed", lacking)
}

// result is what came of one command.
type result struct {
	Status int
	Said   []string
}

// real runs the real tool. It reads /proc/self/fd when it copies files.
func (p *pair) real(argv []string) result {
	p.t.Helper()
	return p.realWith(argv, "")
}

func (p *pair) realWith(argv []string, stdin string) result {
	p.t.Helper()
	script := `mount --bind /proc "$1/proc" && root=$1 tool=$2 && shift 2 && exec "$tool" --root "$root" "$@"`
	cmd := exec.CommandContext(p.t.Context(), "unshare", append([]string{"-m", "sh", "-c", script, "sh", p.theirs}, argv...)...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", epoch.Unix()), "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(stdin), &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), said(stderr.String())}
}

// mock runs ours.
func (p *pair) mock(argv []string) result {
	p.t.Helper()
	root, err := rootfs.OpenHost(p.ours)
	if err != nil {
		p.t.Fatal(err)
	}
	defer root.Close()
	return runTool(p.t, root, argv)
}

func runTool(t *testing.T, root rootfs.Root, argv []string) result {
	t.Helper()
	return runToolWith(t, root, argv, "")
}

func runToolWith(t *testing.T, root rootfs.Root, argv []string, stdin string) result {
	t.Helper()
	var stderr bytes.Buffer
	tools := Tools{Epoch: epoch}
	err := tools.Run(t.Context(), Use{Root: root, Argv: argv, Stdin: strings.NewReader(stdin), Stdout: io.Discard, Stderr: &stderr})
	r := result{Said: said(stderr.String())}
	var exit *sandbox.ExitError
	if errors.As(err, &exit) {
		r.Status = exit.Exit.Code
	} else if err != nil {
		t.Fatal(err)
	}
	return r
}

// said is what a tool said, without its name and how it is used.
func said(stderr string) []string {
	var out []string
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "Usage:") {
			break
		}
		for _, tool := range []string{"useradd", "usermod", "userdel", "groupadd", "groupmod", "groupdel", "passwd", "chage", "gpasswd", "chpasswd"} {
			line = strings.TrimPrefix(strings.TrimPrefix(line, tool+": "), tool+" ")
		}
		if strings.HasPrefix(line, "failed to prepare the new") || strings.HasPrefix(line, "cannot remove entry") {
			continue // after the reason
		}
		// Theirs take an ID for a signed number here, and have a default of their own for this message alone.
		line = strings.ReplaceAll(line, "uid -2 ", "uid 4294967294 ")
		line = strings.ReplaceAll(line, "UID_MAX 6000 ", "UID_MAX 60000 ")
		out = append(out, strings.ToLower(line))
	}
	return out
}

// readTree describes every file of a root, in the order of names.
func readTree(t *testing.T, dir string) []string {
	t.Helper()
	root, err := rootfs.OpenHost(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var out []string
	var walk func(name string)
	walk = func(name string) {
		m, err := root.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%s %s %04o %d:%d %s %q", name, m.Type, m.Mode, m.UID, m.GID, m.Target, m.Xattrs)
		if strings.HasPrefix(name, "home/") && m.ModTime.Before(long) {
			line += m.ModTime.Format(" 2006-01-02")
		}
		switch m.Type {
		case rootfs.Regular:
			content, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if len(content) > 64<<10 {
				out = append(out, fmt.Sprintf("%s %x", line, m.Digest))
				return
			}
			lines := strings.SplitAfter(string(content), "\n")
			if strings.HasPrefix(name, "etc/sub") {
				slices.Sort(lines)
			}
			for _, l := range lines {
				line += fmt.Sprintf("\n\t%q", l)
			}
			out = append(out, line)
			return
		case rootfs.Directory:
			out = append(out, line)
			list, err := root.ReadDir(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				walk(path.Join(name, e.Name))
			}
			return
		}
		out = append(out, line)
	}
	walk(".")
	return out
}

// long is a time that all files of a root are older than when a test begins.
var long = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// keptApart takes out of a tree what ours leave alone on purpose: the backups and the lock. A root that is provisioned is
// changed by nobody else, and has its history in its layers; backups would be one more copy of secrets in each.
func keptApart(tree []string) []string {
	return slices.DeleteFunc(tree, func(line string) bool {
		name, _, _ := strings.Cut(line, " ")
		return slices.Contains([]string{"etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-", "etc/.pwd.lock"}, name)
	})
}

// newPair makes a root of Debian's shape, twice.
func newPair(t *testing.T, setup string) *pair {
	t.Helper()
	p := &pair{t, memory(t), memory(t)}
	for _, dir := range []string{p.theirs, p.ours} {
		out, err := exec.Command("sh", "-euc", "umask 022; cd \"$1\"\n"+debianRoot+setup, "sh", dir).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return p
}

// memory returns a directory, in memory where that can be had: the real tools wait for the disk.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "accounts-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func (p *pair) compare() string {
	p.t.Helper()
	return cmp.Diff(keptApart(readTree(p.t, p.theirs)), readTree(p.t, p.ours))
}

// debianRoot makes the root in the working directory.
const debianRoot = `
chmod 755 .
mkdir -p etc/default etc/skel/.d home root var/mail tmp proc bin usr/lib
cat > etc/passwd <<E
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
E
cat > etc/group <<E
root:x:0:
daemon:x:1:
mail:x:8:
sudo:x:27:
www-data:x:33:
users:x:100:
nogroup:x:65534:
E
cat > etc/shadow <<E
root:*:19000:0:99999:7:::
daemon:*:19000:0:99999:7:::
www-data:*:19000:0:99999:7:::
nobody:*:19000:0:99999:7:::
E
sed 's/:.*/:*::/' etc/group > etc/gshadow
: > etc/subuid
: > etc/subgid
chmod 640 etc/shadow etc/gshadow
chgrp 42 etc/shadow etc/gshadow
cat > etc/login.defs <<E
# comment
MAIL_DIR	/var/mail
UMASK		022
PASS_MAX_DAYS	99999
PASS_MIN_DAYS	0
PASS_WARN_AGE	7
UID_MIN			 1000
UID_MAX			60000
SUB_UID_MIN		   100000
SUB_UID_MAX		600100000
SUB_UID_COUNT		    65536
GID_MIN			 1000
GID_MAX			60000
SUB_GID_MIN		   100000
SUB_GID_MAX		600100000
SUB_GID_COUNT		    65536
USERGROUPS_ENAB yes
E
echo SHELL=/bin/sh > etc/default/useradd
echo hello > etc/skel/.profile
printf '#!/bin/sh\n' > etc/skel/run
ln -s .profile etc/skel/link
ln -s /etc/skel/.d etc/skel/inside
ln -s /etc/passwd etc/skel/outside
echo deep > etc/skel/.d/x
chmod 0600 etc/skel/.profile
chmod 0755 etc/skel/run
chmod 2750 etc/skel/.d
find . -exec touch -h -d 2010-05-06T07:08:09Z {} +
`
