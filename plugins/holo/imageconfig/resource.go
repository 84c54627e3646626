package imageconfig

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

// file is a resource file, as TOML has it.
type file struct {
	Entrypoint *[]string         `toml:"entrypoint"`
	Cmd        *[]string         `toml:"cmd"`
	User       *string           `toml:"user"`
	Workdir    *string           `toml:"workdir"`
	StopSignal *string           `toml:"stop-signal"`
	Ports      []string          `toml:"ports"`
	Volumes    []string          `toml:"volumes"`
	Remove     []string          `toml:"remove"`
	Env        map[string]string `toml:"env"`
	Labels     map[string]string `toml:"labels"`
}

// parseFile reads a resource file: the settings that it defines, nil for one that is to go. Its error says in which line.
func parseFile(text []byte) (Settings, error) {
	var f file
	err := toml.NewDecoder(strings.NewReader(string(text))).DisallowUnknownFields().Decode(&f)
	if unknown, ok := errors.AsType[*toml.StrictMissingError](err); ok && len(unknown.Errors) > 0 {
		e := unknown.Errors[0]
		line, _ := e.Position()
		return nil, fmt.Errorf("line %d: unknown key %q", line, strings.Join(e.Key(), "."))
	}
	if e, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := e.Position()
		return nil, fmt.Errorf("line %d, column %d: %s", line, column, strings.TrimPrefix(e.Error(), "toml: "))
	}
	if err != nil {
		return nil, err
	}
	return f.settings()
}

// settings are what a file defines, checked.
func (f *file) settings() (Settings, error) {
	s := Settings{}
	var errs []error
	add := func(name string, value []string) {
		if _, twice := s[name]; twice {
			errs = append(errs, fmt.Errorf("%s is defined twice", name))
		}
		if err := Check(name, value); err != nil {
			errs = append(errs, err)
		}
		s[name] = value
	}
	for name, list := range map[string]*[]string{"entrypoint": f.Entrypoint, "cmd": f.Cmd} {
		if list != nil {
			add(name, append([]string{}, *list...))
		}
	}
	for name, one := range map[string]*string{"user": f.User, "workdir": f.Workdir, "stop-signal": f.StopSignal} {
		if one != nil {
			add(name, []string{*one})
		}
	}
	for _, p := range f.Ports {
		if !strings.Contains(p, "/") {
			p += "/tcp"
		}
		add("port/"+p, []string{})
	}
	for _, v := range f.Volumes {
		add("volume/"+v, []string{})
	}
	for name, value := range f.Env {
		add("env/"+name, []string{value})
	}
	for name, value := range f.Labels {
		add("label/"+name, []string{value})
	}
	for _, name := range f.Remove {
		add(name, nil)
	}
	// Maps have no order, and messages must.
	slices.SortFunc(errs, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return s, errors.Join(errs...)
}

// definition is what the resources say of a setting.
type definition struct {
	value []string
	// sources are the files that say so, by their names below the resource directory.
	sources []string
	// broken says that they contradict one another.
	broken bool
}

// catalog is what all resources say.
type catalog struct {
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
	c := &catalog{defs: map[string]*definition{}}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if e.Type == rootfs.Directory || !strings.HasSuffix(e.Name, ".toml") {
			continue
		}
		text, err := readFile(env.Resources, e.Name)
		var s Settings
		if err == nil {
			s, err = parseFile(text)
		}
		if err != nil {
			c.unreadable = true
			for line := range strings.SplitSeq(err.Error(), "\n") {
				c.complaints = append(c.complaints, env.Resources.Join(e.Name)+": "+line)
			}
			continue
		}
		c.add(env, e.Name, s)
	}
	return c, nil
}

// add stacks the definitions of a file over those before it.
func (c *catalog) add(env *holo.Env, name string, s Settings) {
	for _, setting := range slices.Sorted(maps.Keys(s)) {
		d := c.defs[setting]
		if d == nil {
			d = &definition{value: s[setting]}
			c.defs[setting] = d
		}
		if !same(d.value, s[setting]) {
			d.broken = true
			c.complaints = append(c.complaints, fmt.Sprintf("%s: %s is %s, but %s in %s", env.Resources.Join(name), setting,
				describe(setting, s[setting]), describe(setting, d.value), env.Resources.Join(d.sources[0])))
		}
		d.sources = append(d.sources, name)
	}
}
