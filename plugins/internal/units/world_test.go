package units

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"

	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
)

// places are the directories that a line of a world can begin with.
var places = map[string]string{
	"L": "usr/lib/systemd/system", "E": "etc/systemd/system", "R": "run/systemd/system", "P": "usr/lib/systemd/system-preset",
}

// makeWorld makes a root. Each line of the text is a file:
//
//	L a.service                     a unit without an [Install] section, in the directory that a letter of places means
//	L a.service: Alias=b.service    a unit with one; ";" ends an assignment
//	E a.service -> /dev/null        a symlink
//	P 1.preset= enable *            a file with this content; "\n" is a line break, as in Go
//	/opt/x/                         a directory, or with one of the above a file there
//
// There is a merged /usr unless a file of the text lies below /lib, and some targets.
func makeWorld(t testing.TB, text string) string {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "usr/lib"), 0o755))
	must(os.MkdirAll(filepath.Join(dir, "etc"), 0o755))
	if !strings.Contains(text, "/lib/systemd/system/") || strings.Contains(text, "> /lib/") || strings.Contains(text, "/usr/lib/") {
		must(os.Symlink("usr/lib", filepath.Join(dir, "lib")))
	}
	for _, target := range []string{"multi-user", "graphical", "sockets"} {
		text += "\nL " + target + ".target= [Unit]\\nDescription=x\\n"
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, content, link := worldLine(line)
		at := filepath.Join(dir, name)
		must(os.MkdirAll(filepath.Dir(at), 0o755))
		switch {
		case strings.HasSuffix(name, "/"):
			must(os.MkdirAll(at, 0o755))
		case link:
			must(os.Symlink(content, at))
		default:
			must(os.WriteFile(at, []byte(content), 0o644))
		}
	}
	return dir
}

func worldLine(line string) (name, content string, link bool) {
	name = line
	if letter, rest, ok := strings.Cut(line, " "); ok && places[letter] != "" {
		name = places[letter] + "/" + rest
	}
	if before, target, ok := strings.Cut(name, " -> "); ok {
		return before, target, true
	}
	if before, raw, ok := strings.Cut(name+" ", "= "); ok && !strings.Contains(before, ": ") {
		raw = strings.TrimSuffix(raw, " ")
		return before, strings.ReplaceAll(raw, `\n`, "\n"), false
	}
	before, install, ok := strings.Cut(name, ": ")
	content = "[Service]\nExecStart=/x\n"
	if ok {
		content += "[Install]\n" + strings.ReplaceAll(install, ";", "\n") + "\n"
	}
	return before, content, false
}

// listWorld lists the symlinks, files and empty directories below /etc/systemd and /run of a root.
func listWorld(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	for _, top := range []string{"etc/systemd", "run"} {
		err := filepath.WalkDir(filepath.Join(dir, top), func(p string, e fs.DirEntry, err error) error {
			if err != nil {
				if os.IsNotExist(err) {
					return nil
				}
				return err
			}
			name, _ := filepath.Rel(dir, p)
			switch {
			case e.Type() == fs.ModeSymlink:
				target, err := os.Readlink(p)
				out = append(out, name+" -> "+merged(dir, target))
				return err
			case e.IsDir():
				entries, err := os.ReadDir(p)
				if len(entries) == 0 {
					out = append(out, name+"/")
				}
				return err
			}
			out = append(out, name)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(out)
	return out
}

// merged is a path in the only spelling that it has in a root with a merged /usr. Debian's systemctl, which is made for
// both, says /lib for what is in /usr/lib; ours says what later versions say.
func merged(dir, p string) string {
	if _, err := os.Readlink(filepath.Join(dir, "lib")); err == nil && strings.HasPrefix(p, "/lib/") {
		return "/usr" + p
	}
	return p
}

// result is what came of a command.
type result struct {
	exit   int
	stdout string
	// links are the lines about symlinks, sorted.
	links []string
	tree  []string
	// said is all that was said of errors; it is not compared.
	said string
}

func (r result) String() string {
	return fmt.Sprintf("exit %d\n%s%s\n\n%s\n", r.exit, r.stdout, strings.Join(r.links, "\n"), strings.Join(r.tree, "\n"))
}

// ours runs a command of systemctl by this package.
func ours(t testing.TB, dir string, argv []string) result {
	t.Helper()
	root, err := rootfs.OpenHost(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	r := command(Open(root), argv)
	r.tree = listWorld(t, dir)
	return r
}

// command is systemctl as this package alone can be it.
func command(tree *Tree, argv []string) result {
	o := Options{Owner: rootfs.Meta{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}}
	mode := PresetFull
	var words []string
	for _, a := range argv {
		switch {
		case a == "--runtime":
			o.Runtime = true
		case a == "--force":
			o.Force = true
		case strings.HasPrefix(a, "--preset-mode="):
			mode = PresetMode(strings.TrimPrefix(a, "--preset-mode="))
		default:
			words = append(words, a)
		}
	}
	verb, names := words[0], words[1:]
	for i, name := range names {
		if verb != "set-default" {
			names[i] = Mangle(name)
		}
	}
	var r Report
	switch verb {
	case "enable":
		r = tree.Enable(names, o)
	case "disable":
		r = tree.Disable(names, o)
	case "reenable":
		r = tree.Reenable(names, o)
	case "mask":
		r = tree.Mask(names, o)
	case "unmask":
		r = tree.Unmask(names, o)
	case "preset":
		r = tree.Preset(names, mode, o)
	case "preset-all":
		r = tree.PresetAll(mode, o)
	case "set-default":
		r = tree.SetDefaultTarget(names[0], o)
	default:
		return question(tree, verb, names)
	}
	out := result{}
	if r.Err() != nil && verb != "disable" {
		out.exit = 1
	}
	for _, e := range r.Events {
		if e.Op == Linked || e.Op == Unlinked {
			out.links = append(out.links, e.Text(verb))
		}
	}
	slices.Sort(out.links)
	if err := r.Err(); err != nil {
		out.said = err.Error()
	}
	return out
}

// question is a command that only asks.
func question(tree *Tree, verb string, names []string) result {
	var b bytes.Buffer
	out := result{}
	switch verb {
	case "is-enabled":
		out.exit = 1
		for _, name := range names {
			s, err := tree.State(name)
			if err != nil {
				out.exit = 1
				break
			}
			if s.OK() {
				out.exit = 0
			}
			fmt.Fprintln(&b, s)
		}
	case "get-default":
		name, err := tree.DefaultTarget()
		if err != nil {
			out.exit = 1
			break
		}
		fmt.Fprintln(&b, name)
	case "list-unit-files":
		list, err := tree.List()
		if err != nil {
			out.exit = 1
			break
		}
		for _, f := range list {
			preset := f.Preset
			if preset == "" {
				preset = "-"
			}
			fmt.Fprintln(&b, f.Name, f.State, preset)
		}
	default:
		panic("unknown verb " + verb)
	}
	out.stdout = b.String()
	return out
}
