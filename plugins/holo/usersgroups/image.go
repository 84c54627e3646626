package usersgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// encode is the image of an account as a TOML file; 4.2.5. To the byte, since it is what others read and compare.
func (a account) encode() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[[%s]]\n", a.kind)
	text := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s = %s\n", key, quote(value))
		}
	}
	text("name", a.name)
	if a.kind == user {
		text("comment", a.comment)
	}
	if a.id != nil {
		fmt.Fprintf(&b, "%s = %s\n", a.kind.idKey(), a.idText())
	}
	if a.kind == group {
		return b.String()
	}
	text("home", a.home)
	text("group", a.loginGroup)
	if len(a.groups) > 0 {
		var list []string
		for _, g := range a.groups {
			list = append(list, quote(g))
		}
		fmt.Fprintf(&b, "groups = [%s]\n", strings.Join(list, ", "))
	}
	text("shell", a.shell)
	return b.String()
}

var escapes = strings.NewReplacer("\t", `\t`, "\n", `\n`, "\r", `\r`, `"`, `\"`, `\`, `\\`)

// quote makes a TOML string. Bytes that no TOML file may have are replaced; see clean.
func quote(s string) string {
	var b strings.Builder
	for _, r := range escapes.Replace(strings.ToValidUTF8(s, "\uFFFD")) {
		if r < ' ' || r == 0x7f {
			fmt.Fprintf(&b, `\u%04X`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

// decode reads the image of the account that a name and kind are given of.
func decode(text []byte, of account) (account, error) {
	doc, bad := parseDocument(text)
	if bad == nil && len(doc.wrong) > 0 {
		bad = &doc.wrong[0]
	}
	if bad == nil && len(doc.tables) != 1 {
		bad = &complaint{text: fmt.Sprintf("one [[%s]] is expected, and there are %d tables", of.kind, len(doc.tables))}
	}
	if bad != nil {
		return account{}, bad.error()
	}
	r := readTable(doc.tables[0], 0, false)
	for _, v := range append([]string{r.a.comment, r.a.home, r.a.loginGroup, r.a.shell}, r.a.groups...) {
		if strings.ContainsAny(v, ":\n") {
			r.complain("name", "%s has the value %q, which no account can have", r.at, v)
		}
	}
	if len(r.complaints) > 0 {
		return account{}, r.complaints[0].error()
	}
	if r.a.entityID() != of.entityID() {
		return account{}, fmt.Errorf("it is of %s", r.a.entityID())
	}
	r.a.groups = sorted(r.a.groups)
	return r.a, nil
}

func (c complaint) error() error {
	if c.line == 0 {
		return errors.New(c.text)
	}
	return fmt.Errorf("line %d: %s", c.line, c.text)
}

// imageName is the name of an account's image without its directory.
func imageName(id string) string { return id + suffix }

// readImage returns an image, nil if there is none.
func readImage(state holo.Dir, dir string, of account) (*account, error) {
	name := dir + "/" + imageName(of.entityID())
	err := checkDir(state, dir)
	var text []byte
	if err == nil {
		text, err = readFile(state, name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var a account
	if err == nil {
		a, err = decode(text, of)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", state.Join(name), err)
	}
	return &a, nil
}

// writeImage keeps an account, unless the image has it.
func writeImage(state holo.Dir, dir string, a account) error {
	name := imageName(a.entityID())
	content := a.encode()
	if err := checkDir(state, dir); err == nil {
		if m, err := state.Lstat(dir + "/" + name); err == nil && m.Type == rootfs.Regular {
			if text, err := readFile(state, dir+"/"+name); err == nil && string(text) == content {
				return nil
			}
		}
	}
	return writeFile(state, dir, name, content, 0o755)
}
