package firstboot

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holo-build/holo-build/rootfs"
)

// booted is a directory that holds the root.
type booted struct {
	t   *testing.T
	dir string
}

// newBooted makes a root that has commands in its queue.
func newBooted(t *testing.T, commands ...string) booted {
	t.Helper()
	b := booted{t, t.TempDir()}
	for name, text := range map[string]string{"usr/lib/systemd/systemd": "", "bin/sh": ""} {
		b.write(name, text)
	}
	root, err := rootfs.OpenHost(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var list []Asked
	for _, c := range commands {
		list = append(list, Asked{Command: Command{Argv: strings.Fields(c)}})
	}
	if err := Add(func(rootfs.Actor) rootfs.Root { return asUser{root} }, rootfs.Actor{}, list); err != nil {
		t.Fatal(err)
	}
	return b
}

// asUser makes what belongs to root belong to whoever runs the test.
type asUser struct{ *rootfs.Host }

func mine(m rootfs.Meta) rootfs.Meta {
	m.UID, m.GID = uint32(os.Geteuid()), uint32(os.Getegid())
	return m
}

func (r asUser) Mkdir(name string, m rootfs.Meta) error { return r.Host.Mkdir(name, mine(m)) }

func (r asUser) Put(name string, m rootfs.Meta, content io.Reader) error {
	return r.Host.Put(name, mine(m), content)
}

func (b booted) write(name, text string) {
	b.t.Helper()
	at := filepath.Join(b.dir, name)
	err := os.MkdirAll(filepath.Dir(at), 0o755)
	if err == nil {
		err = os.WriteFile(at, []byte(text), 0o755)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// run runs what the unit runs, with this directory for the root, and a program "do" that writes down its arguments and exits
// with the last of them. It returns the exit status, what was done, and what was said.
func (b booted) run() (status int, done, said string) {
	b.t.Helper()
	b.write("bin/do", "#!/bin/sh\necho \"$@\" >>"+b.dir+"/done\nfor last in \"$@\"; do :; done\nexit \"$last\"\n")
	at := filepath.Join(b.dir, runner)
	text, err := os.ReadFile(at)
	if err != nil {
		b.t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("\nPATH="), []byte("\nPATH="+b.dir+"/bin:"))
	text = bytes.ReplaceAll(text, []byte("queue=/"), []byte("queue="+b.dir+"/"))
	text = bytes.ReplaceAll(text, []byte("units=/"), []byte("units="+b.dir+"/"))
	if err := os.WriteFile(at, text, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(b.dir, "bin/sh")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.t.Fatal(err)
	}
	cmd := exec.CommandContext(b.t.Context(), "/bin/sh", at)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	if e, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		b.t.Fatal(err)
	} else if ok {
		status = e.ExitCode()
	}
	content, err := os.ReadFile(filepath.Join(b.dir, "done"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.t.Fatal(err)
	}
	return status, string(content), strings.ReplaceAll(out.String(), b.dir, "")
}

// files lists what is left of all that was installed.
func (b booted) files() (list []string) {
	b.t.Helper()
	err := filepath.WalkDir(b.dir, func(p string, e fs.DirEntry, err error) error {
		if name, _ := filepath.Rel(b.dir, p); err == nil && strings.Contains(name, "deferred") {
			list = append(list, name)
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// TestRun: commands are run in order, one that fails is told and keeps no other from being run, and nothing is left.
func TestRun(t *testing.T) {
	for _, tt := range []struct {
		name     string
		commands []string
		status   int
		done     string
		said     string
	}{
		{"all well", []string{"do b 0", "do a 0"}, 0, "b 0\na 0\n", ""},
		{"one fails", []string{"do 1 0", "do 2 7", "do 3 0"}, 1, "1 0\n2 7\n3 0\n", "<3>exit status 7: #!/bin/sh\nexec do 2 7\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBooted(t, tt.commands...)
			status, done, said := b.run()
			if d := cmp.Diff([]any{tt.status, tt.done, tt.said}, []any{status, done, said}); d != "" {
				t.Error(d)
			}
			if left := b.files(); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// TestRunMissing: a program that the image has not is told of, and is nobody else's matter.
func TestRunMissing(t *testing.T) {
	b := newBooted(t, "no-such-program x", "do 1 0")
	status, done, said := b.run()
	if status != 1 || done != "1 0\n" || !strings.Contains(said, "<3>exit status 127: #!/bin/sh\nexec no-such-program x\n") {
		t.Error(status, done, said)
	}
	if left := b.files(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestRunInterrupted: a command during which the system went down is not run again, those after it are.
func TestRunInterrupted(t *testing.T) {
	b := newBooted(t, "do 1 0", "do 2 0")
	if err := os.Rename(filepath.Join(b.dir, Dir, "000001"), filepath.Join(b.dir, Dir, "000001.running")); err != nil {
		t.Fatal(err)
	}
	status, done, said := b.run()
	if status != 1 || done != "2 0\n" || said != "<3>interrupted, and not run again: #!/bin/sh\nexec do 1 0\n" {
		t.Error(status, done, said)
	}
	if left := b.files(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestRunBeside: what somebody else has put beside the commands is left alone, with what looks after it.
func TestRunBeside(t *testing.T) {
	b := newBooted(t, "do 1 0")
	b.write(Dir+"/note", "")
	if status, done, _ := b.run(); status != 0 || done != "1 0\n" {
		t.Error(status, done)
	}
	want := []string{runner, units + "/default.target.wants/" + Unit, units + "/" + Unit, Dir, Dir + "/note"}
	if d := cmp.Diff(want, b.files()); d != "" {
		t.Error(d)
	}
}

// TestUnit has systemd read the unit, in a root that has what it names.
func TestUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	text := bytes.ReplaceAll(unitText, []byte("ExecStart=/bin/sh /usr/lib/holo-build/run-deferred"), []byte("ExecStart=/bin/sh "+dir+"/run"))
	if bytes.Equal(text, unitText) {
		t.Fatal("the unit runs something else")
	}
	for name, content := range map[string][]byte{Unit: text, "run": runnerText} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, Unit), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "systemd-analyze", "--man=no", "--generators=no", "verify", filepath.Join(dir, Unit))
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, Unit) {
			t.Error(line)
		}
	}
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
