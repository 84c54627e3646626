package usersgroups

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// catalog is all that resources and state directory say of accounts.
type catalog struct {
	defs map[string]*definition // by entity ID
	// orphans are accounts with a base image and no definition.
	orphans map[string]account
	// invalid are the files that something is wrong with, in order.
	invalid []invalidFile
	// ignored are resources that look like definitions, but are not read.
	ignored []string
	// unclear is the first file of which not all definitions could be attributed; empty if there is none. Whether an
	// account is an orphan is not known then.
	unclear string
}

// definition is an account as all files together define it.
type definition struct {
	account
	// files are those that define it, in order; more than once, if one does so more than once.
	files []string
	// broken says why the definition can't be used; empty if it can.
	broken string
}

// invalidFile is a file that something is wrong with.
type invalidFile struct {
	path       string
	complaints []complaint
}

// readCatalog reads all definitions, and finds the orphans. It prints nothing.
func readCatalog(ctx context.Context, env *holo.Env) (*catalog, error) {
	c := &catalog{defs: map[string]*definition{}, orphans: map[string]account{}}
	files, err := env.Resources.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", env.Resources.Path, err)
	}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		switch {
		case !strings.HasSuffix(f.Name, suffix):
		case f.Type == rootfs.Regular:
			c.file(env, f.Name)
		case env.ImageBuild:
			c.ignored = append(c.ignored, fmt.Sprintf("%s is a %s, and ignored", env.Resources.Join(f.Name), f.Type))
		}
	}
	return c, c.findOrphans(env.State)
}

// file reads one file of definitions, and stacks them on those that there are.
func (c *catalog) file(env *holo.Env, name string) {
	path := env.Resources.Join(name)
	var defs definitions
	text, err := readFile(env.Resources, name)
	switch {
	case strings.Contains(name, "\n"):
		path = fmt.Sprintf("%q", path)
		defs = definitions{complaints: []complaint{{text: "its name has a line break"}}, unclear: true}
	case err != nil:
		defs = definitions{complaints: []complaint{{text: err.Error()}}, unclear: true}
	default:
		defs = parseDefinitions(text, env.ImageBuild)
	}
	if defs.unclear && c.unclear == "" {
		c.unclear = path
	}
	complaints := defs.complaints
	for _, d := range defs.accounts {
		complaints = append(complaints, c.stack(d, path)...)
	}
	if len(complaints) > 0 {
		c.invalid = append(c.invalid, invalidFile{path, complaints})
	}
}

// stack lays a definition over those that there are of the same account.
func (c *catalog) stack(d defined, path string) (conflicts []complaint) {
	id := d.entityID()
	def := c.defs[id]
	if def == nil {
		def = &definition{account: d.account}
		c.defs[id] = def
	} else {
		merged, disagree := merge(d.account, def.account, compatible, false)
		def.account = merged
		for _, x := range disagree {
			conflicts = append(conflicts, complaint{line: d.line, text: x.text(id), plain: true})
		}
	}
	def.files = append(def.files, path)
	if (d.broken || len(conflicts) > 0) && def.broken == "" {
		def.broken = path
	}
	return conflicts
}

// findOrphans finds the accounts that have a base image and no definition at all. Other files may lie there, too.
func (c *catalog) findOrphans(state holo.Dir) error {
	err := checkDir(state, baseDir)
	var files []rootfs.DirEntry
	if err == nil {
		files, err = state.ReadDir(baseDir)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", state.Join(baseDir), err)
	}
	for _, f := range files {
		id, ok := strings.CutSuffix(f.Name, suffix)
		a, known := accountOf(id)
		if ok && known && f.Type == rootfs.Regular && c.defs[id] == nil {
			c.orphans[id] = a
		}
	}
	return nil
}

// accountOf returns the account that an entity ID means.
func accountOf(id string) (account, bool) {
	k, name, _ := strings.Cut(id, ":")
	a := account{kind: kind(k), name: name}
	return a, (a.kind == group || a.kind == user) && checkName(name) == ""
}

// complain prints what is wrong with the files. The reference's form is followed; only in a build, where the first error
// is shown alone at the end, each has a line that says all.
func (c *catalog) complain(w io.Writer, build bool) {
	for _, f := range c.invalid {
		if !build {
			fmt.Fprintf(w, "!! File %s is invalid:\n", f.path)
		}
		for _, x := range f.complaints {
			switch {
			case build && x.line > 0:
				fmt.Fprintf(w, "!! %s:%d: %s\n", f.path, x.line, oneLine(x.text))
			case build:
				fmt.Fprintf(w, "!! %s: %s\n", f.path, oneLine(x.text))
			case x.line > 0 && !x.plain:
				fmt.Fprintf(w, ">> line %d: %s\n", x.line, oneLine(x.text))
			default:
				fmt.Fprintf(w, ">> %s\n", oneLine(x.text))
			}
		}
	}
	for _, text := range c.ignored {
		fmt.Fprintf(w, ">> %s\n", text)
	}
	if c.unclear != "" && len(c.orphans) > 0 {
		fmt.Fprintf(w, ">> not scrubbed, as long as %s is invalid: %s\n", c.unclear,
			strings.Join(slices.Sorted(maps.Keys(c.orphans)), ", "))
	}
}

func oneLine(text string) string { return strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ") }

// entities are those that can be applied, sorted by ID.
func (c *catalog) entities() []holo.Entity {
	var out []holo.Entity
	for _, id := range slices.Sorted(maps.Keys(c.defs)) {
		if d := c.defs[id]; d.broken == "" {
			out = append(out, d.report())
		}
	}
	if c.unclear == "" {
		for _, id := range slices.Sorted(maps.Keys(c.orphans)) {
			out = append(out, holo.Entity{ID: id, Verb: "Scrubbing", Reason: "all definition files have been deleted"})
		}
	}
	slices.SortFunc(out, func(a, b holo.Entity) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// report is an entity's part of the scan report; 4.2.2.
func (d *definition) report() holo.Entity {
	out := holo.Entity{ID: d.entityID()}
	for _, f := range d.files {
		out.Sources = append(out.Sources, f)
		out.Info = append(out.Info, holo.InfoLine{Key: "found in", Value: f})
	}
	if text := d.attributes(); text != "" {
		out.Info = append(out.Info, holo.InfoLine{Key: "with", Value: text})
	}
	return out
}
