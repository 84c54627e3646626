package mock

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/plugins/sandbox"
	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// needTool skips a test that has to have a real tool; where everything must be there, it fails.
func needTool(t *testing.T, name string) {
	t.Helper()
	rootfstest.NeedRoot(t)
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing; make test-deps installs what is needed", name)
	}
	t.Skipf("%s is missing; make test-deps installs what is needed", name)
}

// confdAnswer is what came of one use of a tool.
type confdAnswer struct {
	Status int
	Out    []string
	Said   []string
}

// realConfd runs a real tool of systemd on a root. "@/" stands for the root in arguments: what is no name in a directory of
// configuration is one of the building machine for theirs.
func realConfd(t *testing.T, dir string, argv []string, stdin string) confdAnswer {
	t.Helper()
	args := []string{"--root=" + dir}
	for _, arg := range argv[1:] {
		args = append(args, strings.Replace(arg, "@/", dir+"/", 1))
	}
	cmd := exec.CommandContext(t.Context(), argv[0], args...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", epoch.Unix()), "LC_ALL=C.UTF-8", "SYSTEMD_LOG_LEVEL=info")
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return confdAnswer{cmd.ProcessState.ExitCode(), confdTold(stdout.String(), dir), confdTold(stderr.String(), dir)}
}

// mockConfd runs ours.
func mockConfd(t *testing.T, dir string, argv []string, stdin string) confdAnswer {
	t.Helper()
	root, err := rootfs.OpenHost(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	return mockOn(t, root, argv, stdin)
}

func mockOn(t *testing.T, root rootfs.Root, argv []string, stdin string) confdAnswer {
	t.Helper()
	argv = slices.Clone(argv)
	for i, arg := range argv {
		argv[i] = strings.Replace(arg, "@/", "/", 1)
	}
	var stdout, stderr bytes.Buffer
	tools := Tools{Epoch: epoch}
	err := tools.Run(t.Context(), Use{Root: root, Argv: argv, Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr})
	a := confdAnswer{Out: confdTold(stdout.String(), ""), Said: confdTold(stderr.String(), "")}
	if exit, ok := errors.AsType[*sandbox.ExitError](err); ok {
		a.Status = exit.Exit.Code
	} else if err != nil {
		t.Fatal(err)
	}
	return a
}

// systemsReason is what theirs say of a file that can't be read, or a text that can't be understood: the name of an error of
// the system, such as "Protocol driver not attached" where there is no machine ID. Ours tell what is wrong.
var systemsReason = regexp.MustCompile(`(Failed to (?:replace specifiers in|parse [UG]ID:|read|open|cat|resolve user|base64 decode specified argument|` +
	`substitute specifiers in argument|parse line|parse ACL)(?: (?:'[^']*'|"[^"]*"|/[^:]*))?(?:, ignoring)?): .*`)

// confdTold are the lines that a tool has said; the root's own directory is none of its names.
func confdTold(text, dir string) []string {
	var out []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if dir != "" {
			line = strings.ReplaceAll(strings.ReplaceAll(line, dir+"/", "/"), dir, "/")
		}
		line = systemsReason.ReplaceAllString(line, "$1")
		out = append(out, line[:min(len(line), 1500)]) // theirs cut off what is longer than 2048 bytes
	}
	return out
}

// confdStory is uses of a tool in one root, which setup, a shell script, has changed. Each use is given the same lines.
type confdStory struct {
	name, setup, lines string
	commands           []string
}

// confdStories reads a file of testdata: a name behind "==", a script behind "!", lines behind "<", and command lines.
func confdStories(t *testing.T, file, tool string) []confdStory {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var out []confdStory
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		kind, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "" || kind == "#":
		case kind == "==":
			out = append(out, confdStory{name: rest})
		case kind == "!":
			out[len(out)-1].setup += rest + "\n"
		case kind == "<":
			out[len(out)-1].lines += rest + "\n"
		default:
			out[len(out)-1].commands = append(out[len(out)-1].commands, tool+" "+line)
		}
	}
	for i, s := range out {
		if s.commands == nil {
			out[i].commands = []string{strings.Join(readsLines(tool), " ")}
		}
	}
	return out
}
