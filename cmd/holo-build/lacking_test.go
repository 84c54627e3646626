package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// The recipes of TestLacking: of bundled plugins alone, and with an executable.
const (
	lackingOurs    = "files"
	lackingForeign = "two-layers"
)

// lackingCase is a kernel, or what surrounds the process, that has not all.
type lackingCase struct {
	name string
	// words are those of the program lacking.
	words string
	// as is who starts it; nil means the test's user, root.
	as *syscall.SysProcAttr
	// auto is the way that --stage auto takes for an executable.
	auto string
	// why is what is said for not mounting: with --stage auto and an executable in a warning, or not at all if that is
	// silent, with --stage mount in the error. Empty means that mounting works.
	why    string
	silent bool
	// oursMount says that --stage mount works where no process has to be given the mount.
	oursMount bool
	// overlay says that there is one over a copy, for an executable.
	overlay bool
	// needed is the error of every build.
	needed string
}

func lackingCases() []lackingCase {
	const (
		api       = "mount API: not supported here: .*: function not implemented"
		erofs     = "erofs: not supported here: .*: operation not permitted"
		processes = "processes can't be given a mount of their own here: "
		none      = "--stage mount takes root"
	)
	return []lackingCase{
		{name: "nothing", auto: stageMount},
		{name: "Linux before 5.2", words: "fsopen=ENOSYS fsconfig=ENOSYS fsmount=ENOSYS open_tree=ENOSYS move_mount=ENOSYS", auto: stageCopy, why: api},
		{name: "fsopen", words: "fsopen=EPERM", auto: stageCopy, why: erofs},
		{name: "fsconfig", words: "fsconfig=EPERM", auto: stageCopy, why: erofs},
		{name: "no fsconfig", words: "fsconfig=ENOSYS", auto: stageCopy, why: api},
		{name: "fsmount", words: "fsmount=EPERM", auto: stageCopy, why: erofs},
		{name: "no fsmount", words: "fsmount=ENOSYS", auto: stageCopy, why: api},
		{name: "open_tree", words: "open_tree=EPERM", auto: stageCopy, why: "mount API: .*open_tree: operation not permitted", oursMount: true},
		{name: "no open_tree", words: "open_tree=ENOSYS", auto: stageCopy, why: api, oursMount: true},
		{name: "move_mount", words: "move_mount=EPERM", auto: stageCopy, why: processes + "attaching it", oursMount: true},
		{name: "no move_mount", words: "move_mount=ENOSYS", auto: stageCopy, why: processes + "attaching it", oursMount: true},
		{name: "mount", words: "mount=EPERM", auto: stageCopy, why: processes + "making its namespace private", oursMount: true},
		{name: "no mount", words: "mount=ENOSYS", auto: stageCopy, why: processes + "making its namespace private", oursMount: true},
		{name: "namespaces", words: lackNamespaces, auto: stageCopy, why: processes + "starting the launcher's helper: .*operation not permitted", oursMount: true},
		{name: "name_to_handle_at", words: "name_to_handle_at=EPERM", auto: stageCopy, why: "file handles: not supported here", overlay: true},
		{name: "no name_to_handle_at", words: "name_to_handle_at=ENOSYS", auto: stageCopy, why: "file handles: not supported here", overlay: true},
		{name: "what can be done without", auto: stageMount, words: "unshare=EPERM setns=EPERM clone3=ENOSYS memfd_create=ENOSYS copy_file_range=ENOSYS " +
			"renameat2=ENOSYS close_range=ENOSYS pidfd_open=ENOSYS pidfd_send_signal=ENOSYS"},
		{name: "what can be done without is forbidden", auto: stageMount, words: "memfd_create=EPERM copy_file_range=EPERM renameat2=EPERM " +
			"close_range=EPERM pidfd_open=EPERM pidfd_send_signal=EPERM"},
		{name: "no openat2", words: "openat2=ENOSYS", needed: "openat2(2) is missing: Linux 5.6 or later is needed, and a container that lets it through"},
		{name: "openat2", words: "openat2=EPERM", needed: "openat2(2) is forbidden: a container's filter of system calls must let it through"},
		{name: "no statx", words: "statx=ENOSYS", needed: "statx(2) is missing: Linux 4.11 or later is needed, and a container that lets it through"},
		{name: "statx", words: "statx=EPERM", needed: "statx(2) is forbidden: a container's filter of system calls must let it through"},
		{name: "CAP_SYS_ADMIN", words: lackAdmin, auto: stageCopy, why: erofs},
		{name: "container", words: strings.Join([]string{lackAdmin, lackNamespaces, "mount=EPERM fsopen=EPERM fsconfig=EPERM fsmount=EPERM open_tree=EPERM move_mount=EPERM"}, " "),
			auto: stageCopy, why: erofs},
		{name: "plain user", words: lackRoot, auto: stageCopy, why: none, silent: true},
		{name: "plain user without namespaces", words: lackRoot + " " + lackNamespaces, auto: stageCopy, why: none, silent: true},
		{name: "unshare -Ur", as: rootfstest.UserNamespace(0, 1), auto: stageCopy, why: erofs, overlay: true},
		{name: "unshare -Ur without fsmount", words: "fsmount=EPERM", as: rootfstest.UserNamespace(0, 1), auto: stageCopy, why: erofs},
		{name: "unshare -Ur without open_tree", words: "open_tree=ENOSYS", as: rootfstest.UserNamespace(0, 1), auto: stageCopy, why: erofs},
		{name: "unshare -Ur without move_mount", words: "move_mount=EPERM", as: rootfstest.UserNamespace(0, 1), auto: stageCopy, why: erofs},
		{name: "unshare -Ur without mount", words: "mount=EPERM", as: rootfstest.UserNamespace(0, 1), auto: stageCopy, why: erofs},
		{name: "unshare -Ur without unshare", words: "unshare=EPERM", as: rootfstest.UserNamespace(0, 1), auto: stageCopy, why: erofs},
		{name: "unshare -Ur without setns", words: "setns=EPERM", as: rootfstest.UserNamespace(0, 1), auto: stageCopy, why: erofs},
		{name: "unshare -Ur without namespaces", words: lackNamespaces, as: rootfstest.UserNamespace(0, 1), auto: stageCopy, why: erofs},
	}
}

// TestLacking takes something away from the builds: the next way of staging is taken and named, and gives the same image;
// a way that was asked for and can't be taken is an error that says why; and nothing is left.
func TestLacking(t *testing.T) {
	needMount(t)
	w := &workshop{}
	inputs := reproducibleInputsIn(t, w.scratch(t))
	recipe := map[string]string{}
	for _, r := range recipes {
		recipe[r.name] = strings.ReplaceAll(r.args, "DIR", inputs)
	}
	want := map[string]string{}
	for name, args := range recipe {
		if name == lackingOurs || name == lackingForeign {
			want[name] = lackingBuild{dir: w.scratch(t)}.run(t, strings.Fields(args)).digest
		}
	}
	for _, c := range lackingCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := lackingBuild{c, w.scratch(t)}
			stages := map[string][]string{lackingOurs: {stageAuto, stageMount}, lackingForeign: {stageAuto, stageMount, stageCopy}}
			if c.needed != "" {
				stages = map[string][]string{lackingOurs: {stageAuto}, lackingForeign: {stageAuto}}
			}
			for r, list := range stages {
				for _, stage := range list {
					got := b.run(t, append(strings.Fields(recipe[r]), "--stage", stage))
					b.check(t, r, stage, got, want[r])
				}
			}
		})
	}
}

// needMount skips the test where --stage mount can't be had.
func needMount(t *testing.T) {
	t.Helper()
	rootfstest.NeedRoot(t)
	data := repository + "/testdata/"
	got := lackingBuild{dir: (&workshop{}).scratch(t)}.run(t, []string{"oci:" + data + "images/minimal", "-r", data + "demo", "--plugin",
		"greeting=" + data + "demo-plugins/holo-greeting", "--stage", "mount"})
	if got.status != 0 {
		lacking(t, "no mounts can be had here: "+got.stderr+"\nrun the tests on a machine, or in a container with CAP_SYS_ADMIN, with Linux 5.16 or later")
	}
}

// lackingBuild runs builds in a directory, in which they share a cache.
type lackingBuild struct {
	lackingCase
	dir string
}

// lackingResult is what came of a build.
type lackingResult struct {
	status              int
	digest, way, stderr string
	overlay             bool
}

func (b lackingBuild) run(t *testing.T, args []string) (r lackingResult) {
	t.Helper()
	tmp := filepath.Join(b.dir, "tmp")
	if err := errors.Join(os.MkdirAll(tmp, 0o777), os.Chmod(tmp, 0o777), os.RemoveAll(filepath.Join(b.dir, "out"))); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(b.dir, "log")
	argv := append(append(strings.Fields(b.words), "--", "holo-build", "build", "--progress", "plain"), args...)
	argv = append(argv, "-o", "oci:"+filepath.Join(b.dir, "out"), "--log", log)
	// The file that the test's user runs is nothing that others could find by its name.
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Args, cmd.SysProcAttr = append([]string{"lacking"}, argv...), b.as
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "XDG_CACHE_HOME="+filepath.Join(b.dir, "cache"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		r.status = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	r.stderr = stderr.String()
	if m := output.FindStringSubmatch(stdout.String()); m != nil {
		r.digest = m[2]
	}
	if raw, err := os.ReadFile(log); err == nil {
		first, _, _ := strings.Cut(string(raw), "\n")
		var record buildRecord
		if err := json.Unmarshal([]byte(first), &record); err != nil {
			t.Fatal(err)
		}
		r.way, r.overlay = record.Stage, record.Overlay
	}
	if err := os.RemoveAll(log); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("%s has %v, %v after the build", tmp, left, err)
	}
	rootfstest.CheckLeftovers(t, b.dir)
	return r
}

// check judges a build by what is lacking.
func (b lackingBuild) check(t *testing.T, recipe, stage string, got lackingResult, digest string) {
	t.Helper()
	foreign := recipe == lackingForeign
	fails, why := false, b.why
	way := stage
	switch {
	case stage == stageAuto && foreign:
		way = b.auto
	case stage == stageAuto:
		way = stageView
	}
	switch {
	case b.needed != "":
		fails, why = true, regexp.QuoteMeta(b.needed)
	case stage == stageMount && why != "" && (foreign || !b.oursMount):
		fails = true
	}
	warned := regexp.MustCompile(`(?m)^>> the staging root is copied: mounting the staging root: (.*)$`).FindStringSubmatch(got.stderr)
	said := regexp.MustCompile(`(?m)^holo-build: (?:mounting the staging root: )?(.*)$`).FindStringSubmatch(got.stderr)
	switch {
	case fails && (got.status != exitFailed || said == nil || !regexp.MustCompile("^(?:"+why+")").MatchString(said[1])):
		t.Errorf("%s, --stage %s: status %d, want an error that says %q\n%s", recipe, stage, got.status, why, got.stderr)
	case fails:
		if b.needed == "" && !strings.HasSuffix(got.stderr, " (--stage auto does without)\n") {
			t.Errorf("%s, --stage %s: no way out\n%s", recipe, stage, got.stderr)
		}
		if strings.Count(got.stderr, "holo-build: ") != 1 || got.digest != "" {
			t.Errorf("%s, --stage %s: %q, more than one error\n%s", recipe, stage, got.digest, got.stderr)
		}
	case got.status != 0 || got.digest != digest || got.way != way:
		t.Errorf("%s, --stage %s: status %d, staged by %q, digest %s, want %q and %s\n%s", recipe, stage, got.status, got.way, got.digest,
			way, digest, got.stderr)
	case got.overlay != (way == stageMount || stage == stageAuto && foreign && b.overlay):
		t.Errorf("%s, --stage %s: an overlay: %v", recipe, stage, got.overlay)
	case foreign && stage == stageAuto && why != "" && !b.silent:
		if warned == nil || !regexp.MustCompile("^(?:"+why+")").MatchString(warned[1]) {
			t.Errorf("%s, --stage %s: want a warning that says %q\n%s", recipe, stage, why, got.stderr)
		}
	case warned != nil:
		t.Errorf("%s, --stage %s: warned for nothing\n%s", recipe, stage, got.stderr)
	}
}

// TestLackingTimeout: where there is neither a namespace nor a way to signal a process by its descriptor, a plugin that
// runs for too long is ended all the same.
func TestLackingTimeout(t *testing.T) {
	rootfstest.NeedRoot(t)
	w := &workshop{}
	for _, words := range []string{"pidfd_send_signal=ENOSYS", "pidfd_send_signal=EPERM"} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			dir := w.scratch(t)
			writeResource(t, filepath.Join(dir, "resources/block/x"), "", 0o644)
			writeResource(t, filepath.Join(dir, "plugins/holo-info"), blockingPlugin, 0o755)
			b := lackingBuild{lackingCase{words: lackNamespaces + " " + words}, dir}
			got := b.run(t, []string{"oci:" + repository + "/testdata/images/minimal", "-r", dir + "/resources", "--plugin",
				"block=" + dir + "/plugins/holo-info", "--timeout", "200ms"})
			if got.status != exitFailed || !strings.Contains(got.stderr, "not finished after 200ms") {
				t.Errorf("status %d\n%s", got.status, got.stderr)
			}
		})
	}
}
