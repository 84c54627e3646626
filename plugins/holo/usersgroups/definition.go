package usersgroups

import (
	"fmt"
	"slices"
	"strings"
)

// definitions is what a file defines.
type definitions struct {
	accounts []defined
	// complaints say all that is wrong.
	complaints []complaint
	// unclear says that something in the file could not be attributed to an account: any may be meant.
	unclear bool
}

// defined is an account as one table of a file defines it.
type defined struct {
	account
	line int
	// broken says that some of it can't be used.
	broken bool
}

// parseDefinitions reads a file of definitions. What nobody knows is passed over, unless it is strict.
func parseDefinitions(text []byte, strict bool) definitions {
	doc, bad := parseDocument(text)
	if bad != nil {
		return definitions{complaints: []complaint{*bad}, unclear: true}
	}
	out := definitions{complaints: slices.Clone(doc.wrong)}
	if strict {
		out.complaints = append(out.complaints, doc.unknown...)
		out.unclear = len(doc.unknown) > 0
	}
	for _, k := range []kind{group, user} {
		n := 0
		for _, t := range doc.tables {
			if t.kind == k {
				out.add(t, n, strict)
				n++
			}
		}
	}
	if slices.ContainsFunc(out.complaints, func(c complaint) bool { return c.spoils }) {
		return definitions{complaints: out.complaints, unclear: true}
	}
	return out
}

// add takes the table number n of its kind.
func (d *definitions) add(t table, n int, strict bool) {
	r := readTable(t, n, strict)
	if r.a.name == "" && !r.spoilt() {
		r.complaints = append(r.complaints, complaint{line: t.line, text: r.at + " is missing required 'name' attribute", plain: true})
	}
	if r.a.name != "" {
		r.named()
		r.check(strict)
	}
	d.complaints = append(d.complaints, r.complaints...)
	if r.a.name == "" || checkName(r.a.name) != "" {
		d.unclear = true
		return
	}
	d.accounts = append(d.accounts, defined{r.a, t.line, len(r.complaints) > 0})
}

// tableReader makes an account of a table.
type tableReader struct {
	a account
	// at is how the account is called in complaints.
	at         string
	lines      map[string]int // of the keys that were there, in lower case
	complaints []complaint
}

// readTable takes all keys of the table number n of its kind.
func readTable(t table, n int, strict bool) *tableReader {
	r := &tableReader{a: account{kind: t.kind}, at: fmt.Sprintf("%ss[%d]", t.kind, n), lines: map[string]int{}}
	for _, e := range t.entries {
		r.entry(e, strict)
	}
	return r
}

func (r *tableReader) complain(key, format string, args ...any) {
	r.complaints = append(r.complaints, complaint{line: r.lines[key], text: fmt.Sprintf(format, args...)})
}

func (r *tableReader) spoilt() bool {
	return slices.ContainsFunc(r.complaints, func(c complaint) bool { return c.spoils })
}

// spoil complains of what makes the whole file unusable: a value of a wrong type.
func (r *tableReader) spoil(line int, format string, args ...any) {
	r.complaints = append(r.complaints, complaint{line: line, text: r.at + ": " + fmt.Sprintf(format, args...), spoils: true})
}

// named has what was complained of say the account, whose name may come last in its table.
func (r *tableReader) named() {
	id := r.a.entityID()
	for i, c := range r.complaints {
		if rest, ok := strings.CutPrefix(c.text, r.at+":"); ok && checkName(r.a.name) == "" {
			r.complaints[i].text = id + ":" + rest
		}
	}
	r.at = id
}

// entry takes one key.
func (r *tableReader) entry(e entry, strict bool) {
	key := strings.ToLower(e.key)
	to := r.target(key)
	switch {
	case to == nil && strict:
		r.complaints = append(r.complaints, complaint{line: e.line, text: fmt.Sprintf("%s: unknown key %q", r.at, e.key)})
	case to == nil:
	case r.lines[key] != 0:
		r.spoil(e.line, "%q is there twice, also in line %d", e.key, r.lines[key])
	default:
		r.lines[key] = e.line
		r.set(e, to)
	}
}

// target returns where the value of a key belongs, nil if nobody knows the key.
func (r *tableReader) target(key string) any {
	switch key {
	case "name":
		return &r.a.name
	case "system":
		return &r.a.system
	case r.a.kind.idKey():
		return &r.a.id
	}
	if r.a.kind == group {
		return nil
	}
	switch key {
	case "comment":
		return &r.a.comment
	case "home":
		return &r.a.home
	case "group":
		return &r.a.loginGroup
	case "groups":
		return &r.a.groups
	case "shell":
		return &r.a.shell
	case "skipbasegroups":
		return &r.a.skipBaseGroups
	case "createhome":
		return &r.a.createHome
	}
	return nil
}

// set stores a value where it belongs, if it is of the right type.
func (r *tableReader) set(e entry, to any) {
	want, ok := "", false
	switch to := to.(type) {
	case *string:
		want = "a string"
		*to, ok = e.value.(string)
	case *bool:
		want = "true or false"
		*to, ok = e.value.(bool)
	case **bool:
		var b bool
		want = "true or false"
		if b, ok = e.value.(bool); ok {
			*to = &b
		}
	case **uint32:
		var n int64
		want = "a whole number"
		if n, ok = e.value.(int64); ok {
			r.setID(e, n)
		}
	case *[]string:
		want = "a list of strings"
		*to, ok = stringsOf(e.value)
	}
	if !ok {
		r.spoil(e.line, "%q must be %s", e.key, want)
	}
}

func (r *tableReader) setID(e entry, n int64) {
	if n < 0 || n > maxID {
		r.complaints = append(r.complaints, complaint{line: e.line,
			text: fmt.Sprintf("%s: %q is %d, and numbers of accounts go from 0 to %d", r.at, e.key, n, int64(maxID))})
		return
	}
	id := uint32(n)
	r.a.id = &id
}

func stringsOf(value any) (out []string, ok bool) {
	list, ok := value.([]any)
	for _, v := range list {
		s, is := v.(string)
		if !is {
			return nil, false
		}
		out = append(out, s)
	}
	return out, ok
}

// check looks at what an account is given.
func (r *tableReader) check(strict bool) {
	if why := checkName(r.a.name); why != "" {
		r.complain("name", "the name %q of a %s %s", r.a.name, r.a.kind, why)
	}
	if why := checkName(r.a.loginGroup); r.a.loginGroup != "" && why != "" {
		r.complain("group", "%s: the name %q of its login group %s", r.at, r.a.loginGroup, why)
	}
	for _, name := range r.a.groups {
		if why := checkName(name); why != "" {
			r.complain("groups", "%s: the name %q of one of its groups %s", r.at, name, why)
		}
	}
	for _, f := range []struct {
		key, value string
		path       bool
	}{{"comment", r.a.comment, false}, {"home", r.a.home, true}, {"shell", r.a.shell, true}} {
		if why := checkField(f.value); why != "" {
			r.complain(f.key, "%s: %q %s", r.at, f.key, why)
		} else if strict && f.path && f.value != "" && f.value[0] != '/' {
			r.complain(f.key, "%s: %q must be an absolute path, not %q", r.at, f.key, f.value)
		}
	}
}
