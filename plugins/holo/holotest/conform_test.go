package holotest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holo-build/holo-build/rootfs"
)

// template is a plugin in shell that does all that it should; plugin authors begin with it.
const template = "../../../testdata/plugin-templates/holo-notes"

// templateGo is the package of one in Go.
const templateGo = template + "-go"

// notes makes an executable of the template, with some of its text replaced, and resources for it.
func notes(t *testing.T, replace ...string) ConformOptions {
	t.Helper()
	b, err := os.ReadFile(template)
	must(t, err)
	text := string(b)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("the template has no %q", replace[i])
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	dir := t.TempDir()
	o := ConformOptions{Binary: filepath.Join(dir, "holo-notes"), Resources: filepath.Join(dir, "resources"), Scratch: filepath.Join(dir, "scratch"),
		Environ: []string{"PATH=/usr/bin:/bin"}, Timeout: time.Minute}
	must(t, errors.Join(os.WriteFile(o.Binary, []byte(text), 0o755), os.Mkdir(o.Resources, 0o755), os.Mkdir(o.Scratch, 0o755)))
	must(t, os.WriteFile(filepath.Join(o.Resources, "a"), []byte("first\nnote\n"), 0o644))
	if len(replace) == 0 {
		must(t, os.WriteFile(filepath.Join(o.Resources, "b"), []byte("second\n"), 0o644))
	}
	return o
}

// verdicts runs the kit, and lists the checks of each status.
func verdicts(t *testing.T, o ConformOptions) map[Status][]string {
	t.Helper()
	list, err := Conform(t.Context(), o)
	must(t, err)
	out := make(map[Status][]string)
	for _, v := range list {
		out[v.Status] = append(out[v.Status], v.Name)
		if v.Status != OK {
			t.Logf("%s: %s: %s", v.Status, v.Name, v.Why)
		}
	}
	return out
}

func TestConformGood(t *testing.T) {
	got := verdicts(t, notes(t))
	if len(got[NotOK]) > 0 || len(got[NotApplicable]) > 0 || len(got[OK]) != len(checks()) {
		t.Errorf("%q", got)
	}
}

// TestStaticTemplate: the template in Go builds without cgo and conforms, too. What is no file is no entity of it, and it
// lists files in the order of their names.
func TestStaticTemplate(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil && os.Getenv("CI") != "true" {
		t.Skip("there is no go to build it with")
	}
	o := notes(t)
	o.Binary = filepath.Join(t.TempDir(), "holo-notes")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", o.Binary, templateGo)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	must(t, os.Mkdir(filepath.Join(o.Resources, "dir"), 0o755))
	must(t, os.WriteFile(filepath.Join(o.Resources, "dir", "deeper"), []byte("not a note\n"), 0o644))
	got := verdicts(t, o)
	if len(got[NotOK]) > 0 || len(got[NotApplicable]) > 0 || len(got[OK]) != len(checks()) {
		t.Errorf("%q", got)
	}

	want := ""
	for _, name := range strings.Fields("a b c d e f g h") {
		must(t, os.WriteFile(filepath.Join(o.Resources, name), []byte("a note\n"), 0o644))
		want += "note:" + name + " "
	}
	root, state := t.TempDir(), t.TempDir()
	must(t, os.Mkdir(filepath.Join(state, "dir"), 0o755))
	for _, name := range strings.Fields("p q r s t u") {
		must(t, os.WriteFile(filepath.Join(state, name), []byte("a note\n"), 0o644))
		want += "note:" + name + " "
	}
	cmd = exec.CommandContext(t.Context(), o.Binary, "scan")
	cmd.Env = []string{"HOLO_API_VERSION=3", "HOLO_ROOT_DIR=" + root, "HOLO_RESOURCE_DIR=" + o.Resources, "HOLO_STATE_DIR=" + state,
		"HOLO_CACHE_DIR=" + t.TempDir()}
	out, err := cmd.CombinedOutput()
	must(t, err)
	ids := ""
	for line := range strings.Lines(string(out)) {
		if id, ok := strings.CutPrefix(line, "ENTITY: "); ok {
			ids += strings.TrimSpace(id) + " "
		}
	}
	if ids != want {
		t.Errorf("scan reports %s, want %s", ids, want)
	}
}

// TestConformBad: plugins that are bad in one way fail that check and no other.
func TestConformBad(t *testing.T) {
	for _, c := range []struct {
		check   string
		replace []string
	}{
		{"info", []string{"MIN_API_VERSION=3", "MIN_API_VERSION=three"}},
		{"info", []string{`MAX_API_VERSION=3\n`, "MAX_API_VERSION=3"}},
		{"info-version", []string{"case ${1-} in\ninfo)", ": \"${HOLO_API_VERSION:?}\"\ncase ${1-} in\ninfo)"}},
		{"version", []string{`if [ "${HOLO_API_VERSION:-3}" != 3 ]`, "if false"}},
		{"scan", []string{"scan) scan ;;", "scan) scan; echo 'that is all' ;;"}},
		{"scan", []string{"scan) scan ;;", "scan) scan; printf 'no newline: x' ;;"}},
		{"scan", []string{"scan) scan ;;", `scan) scan; mkdir -p "$notes" ;;`}},
		{"entity-ids", []string{"note:", "/note:"}},
		{"entity-ids", []string{"scan) scan ;;", "scan) scan; scan ;;"}},
		{"keys", []string{"write to:", "TARGET:"}},
		{"sources", []string{`"$name" "$resource" "$notes/$name"`, `"$name" "/usr/share/holo/notes/$name" "$notes/$name"`}},
		{"sources", []string{`"$name" "$resource" "$notes/$name"`, `"$name" "$resource.txt" "$notes/$name"`}},
		{"empty", []string{"scan) scan ;;", `scan) scan; [ -d "$notes" ] || [ -e "$HOLO_RESOURCE_DIR/a" ] || echo 'ENTITY: note:none' ;;`}},
		{"apply", []string{"force=$1 name=${2#note:}", "force=$1 name=${2#note:}; echo '!! broken' >&2; exit 1"}},
		{"apply", []string{`write "$resource" "$note"`, `write "$resource" "$note"; echo '!! broken' >&2`}},
		{"messages", []string{"echo 'not changed' >&3", "echo 'nothing changed' >&3"}},
		{"messages", []string{"echo 'not changed' >&3", "printf 'not changed' >&3"}},
		{"not-changed", []string{"        write \"$resource\" \"$state\"\n    fi", "        write \"$resource\" \"$state\"\n        echo 'not changed' >&3\n    fi"}},
		{"second-apply", []string{"echo 'not changed' >&3", `echo x >>"$notes/.count"`}},
		{"reproducible", []string{`write "$resource" "$note"`, `write "$resource" "$note"; echo "$root" >"$notes/.where"`}},
		{"relative", []string{"root=${HOLO_ROOT_DIR:-/}", "root=${HOLO_ROOT_DIR:-/}; cd \"$HOLO_CACHE_DIR\""}},
		{"variables", []string{"$HOLO_STATE_DIR", "${HOLO_ROOT_DIR%/}/var/lib/holo/notes"}},
		{"outside", []string{"scan) scan ;;", `scan) scan; : >"$HOME/.notes" ;;`}},
		{"outside", []string{"scan) scan ;;", `scan) scan; : >"$TMPDIR/notes" ;;`}},
		{"unknown-entity", []string{"there is no entity $2\" >&2\n        exit 1", "there is no entity $2\" >&2\n        exit 0"}},
		{"errors", []string{`echo "!! there is no entity $2" >&2`, ":"}},
		{"orphans", []string{`rm -f "$note" "$state"`, `rm -f "$note"`}},
		{"force-orphans", []string{`if [ -e "$note" ] && [ "$force" = no ] && ! ours; then`, "if false; then"}},
		{"force-orphans", []string{`if [ -e "$note" ] && [ "$force" = no ] && ! ours; then`, `if [ -e "$note" ] && ! ours; then`}},
		{"force-orphans", []string{`rm -f "$note" "$state"`, `ours && rm -f "$note"; rm -f "$state"`}},
		{"force-orphans", []string{`rm -f "$note" "$state"`, `rm -f "$note"; [ "$force" = yes ] || rm -f "$state"`}},
		{"force-orphans", []string{"            echo 'requires --force to overwrite' >&3\n            return",
			"            echo 'requires --force to overwrite' >&3; rm -f \"$note\"\n            return"}},
		{"force-orphans", []string{`rm -f "$note" "$state"`, `if [ -e "$note" ]; then rm -f "$note" "$state"; else write "$state" "$note"; rm -f "$state"; fi`}},
		{"force-orphans", []string{"            echo 'requires --force to overwrite'", "            echo 'requires --force to restore'"}},
		{"orphans", []string{`        name=${state##*/}
`, `        name=${state##*/}
        [ ! -f "$HOLO_RESOURCE_DIR/$name" ] && rm -f "$notes/$name"
`}},
		{"force-overwrite", []string{"    elif [ \"$force\" = no ] && [ -e \"$note\" ] && ! ours; then\n        echo 'requires --force to overwrite'",
			"    elif [ \"$force\" = no ] && [ -e \"$note\" ] && ! ours; then\n        echo 'requires --force to restore'"}},
		{"force-overwrite", []string{`elif [ "$force" = no ] && [ -e "$note" ] && ! ours; then`, "elif false; then"}},
		{"force-restore", []string{`elif [ "$force" = no ] && [ ! -e "$note" ] && [ -f "$state" ]; then`, "elif false; then"}},
		{"force-apply", []string{`elif [ "$force" = no ] && [ -e "$note" ] && ! ours; then`, `elif [ -e "$note" ] && ! ours; then`}},
		{"diff", []string{`'%s\0%s\0'`, `'%s\n%s\n'`}},
		{"diff", []string{`'%s\0%s\0'`, `'%s\0%s'`}},
		{"read-only", []string{"force=$1 name=${2#note:}", "force=$1 name=${2#note:}; touch \"$root/etc/probe\" 2>/dev/null || exit 0; rm -f \"$root/etc/probe\""}},
		{"full-disk", []string{`cp "$1" "$2.new"`, `cp "$1" "$2.new" 2>/dev/null || [ -e "$2.new" ]`}},
		{"leftovers", []string{"scan) scan ;;", "scan) scan; sleep 1000 >/dev/null 2>&1 & ;;"}},
	} {
		t.Run(c.check, func(t *testing.T) {
			t.Parallel()
			if got := verdicts(t, notes(t, c.replace...)); !slices.Equal(got[NotOK], []string{c.check}) {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestReadRoot: a directory is copied with its owners by root; by a plain user as far as that can be, and as the user's own.
func TestReadRoot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, errors.Join(os.Mkdir(filepath.Join(dir, "etc"), 0o755), os.WriteFile(filepath.Join(dir, "etc/motd"), []byte("hello\n"), 0o644),
		os.WriteFile(filepath.Join(dir, "etc/shadow"), []byte("secret\n"), 0), os.Mkdir(filepath.Join(dir, "root"), 0), os.Symlink("etc", filepath.Join(dir, "link"))))
	t.Cleanup(func() { must(t, os.Chmod(filepath.Join(dir, "root"), 0o700)) })
	tree, left, err := readRoot(dir)
	must(t, err)
	var names []string
	for _, e := range tree.Entries {
		names = append(names, e.Name)
		if !e.Mine {
			t.Errorf("%s is somebody else's", e.Name)
		}
	}
	wantNames, wantLeft := ". etc etc/motd etc/shadow link root", ""
	if os.Geteuid() != 0 {
		wantNames, wantLeft = ". etc etc/motd link", "etc/shadow root"
	}
	if got := strings.Join(names, " "); got != wantNames || strings.Join(left, " ") != wantLeft {
		t.Errorf("%q, without %q; want %q, without %q", got, left, wantNames, wantLeft)
	}

	foreign := Entry{Name: "a", Meta: rootfs.Meta{Type: rootfs.Regular, Mode: 0o644, UID: 7, GID: 8, Xattrs: map[string]string{"user.a": "1", "security.capability": "2"}}}
	want := Entry{Name: "a", Mine: true, Meta: rootfs.Meta{Type: rootfs.Regular, Mode: 0o644, Xattrs: map[string]string{"user.a": "1"}}}
	if got := foreign.takenOver(); !got.same(want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
