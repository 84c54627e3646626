package imageconfig

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// definition is what the resources say of a setting.
type definition struct {
	value []string
	// sources are the files that say so, by their names below the resource directory; line is where the first says it.
	sources []string
	line    int
	// broken says that they contradict one another.
	broken bool
}

// catalog is what all resources say.
type catalog struct {
	env  *holo.Env
	defs map[string]*definition
	// complaints are what is wrong, a line each; unreadable says that a file's definitions are not known.
	complaints []string
	unreadable bool
}

// readCatalog reads all resource files.
func readCatalog(ctx context.Context, env *holo.Env) (*catalog, error) {
	entries, err := env.Resources.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", env.Resources.Path, err)
	}
	c := &catalog{env: env, defs: map[string]*definition{}}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if e.Type == rootfs.Directory || !strings.HasSuffix(e.Name, ".toml") {
			continue
		}
		text, err := readFile(env.Resources, e.Name)
		switch {
		case strings.Contains(e.Name, "\n"):
			c.unusable(e.Name, complaint{Text: "its name has a line break"})
		case err != nil:
			c.unusable(e.Name, complaint{Text: err.Error()})
		default:
			c.read(e.Name, text)
		}
	}
	return c, nil
}

// complain says what is wrong in a file.
func (c *catalog) complain(name string, x complaint) {
	c.complaints = append(c.complaints, x.Of(c.env.Resources.Join(name)))
}

// unusable says what is wrong in a file of which nothing is used.
func (c *catalog) unusable(name string, x complaint) {
	c.unreadable = true
	c.complain(name, x)
}

// read stacks the definitions of a file over those before it.
func (c *catalog) read(name string, text []byte) {
	settings, wrong := parseFile(text)
	for _, x := range wrong {
		c.unusable(name, x)
	}
	if len(wrong) > 0 {
		return
	}
	for _, setting := range slices.Sorted(maps.Keys(settings)) {
		s, d := settings[setting], c.defs[setting]
		if d == nil {
			d = &definition{value: s.value, line: s.line}
			c.defs[setting] = d
		}
		if !same(d.value, s.value) {
			d.broken = true
			c.complain(name, complaint{Line: s.line, Text: fmt.Sprintf("%s is %s, but %s in %s, line %d", setting, describe(setting, s.value),
				describe(setting, d.value), c.env.Resources.Join(d.sources[0]), d.line)})
		}
		d.sources = append(d.sources, name)
	}
}
