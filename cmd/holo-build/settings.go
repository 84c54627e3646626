package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/plugins/holo/imageconfig"
	"github.com/holo-build/holo-build/rootfs"
)

// settingFlags are the flags that change the configuration of the image.
type settingFlags struct {
	env, labels, annotations, ports, volumes []string
	// one are the flags with one value, by the names of the settings.
	one map[string]*string
	set *pflag.FlagSet
}

func (s *settingFlags) addFlags(f *pflag.FlagSet) {
	f.StringArrayVar(&s.env, "env", nil, "set a variable of the image's configuration, `NAME=VALUE`, or with NAME- remove it")
	f.StringArrayVar(&s.labels, "label", nil, "set a label, `NAME=VALUE`, or with NAME- remove it")
	f.StringArrayVar(&s.annotations, "annotation", nil, "set an annotation of the manifest, `NAME=VALUE`, or with NAME- remove it")
	f.StringArrayVar(&s.ports, "expose", nil, "add a port, `NUMBER[/tcp|udp|sctp]`, or with a - behind remove it")
	f.StringArrayVar(&s.volumes, "volume", nil, "add a volume `PATH`, or with a - behind remove it")
	s.one = map[string]*string{}
	for _, o := range []struct{ flag, usage string }{
		{"entrypoint", "set the entry point: `LIST` is a JSON array, or one word; \"\" removes it"},
		{"cmd", "set the arguments, or the command: `LIST` is a JSON array, or one word;\n\"\" removes it"},
		{"user", "set the user to run as, `USER[:GROUP]`; \"\" removes it"},
		{"workdir", "set the working directory `PATH`; \"\" removes it"},
		{"stop-signal", "set the `SIGNAL` that ends the program; \"\" removes it"},
	} {
		s.one[o.flag] = f.String(o.flag, "", o.usage)
	}
	s.set = f
}

// settings are what the flags say: nil for what is to go.
func (s *settingFlags) settings() (oci.Settings, error) {
	out := oci.Settings{}
	var errs []error
	add := func(flag, name string, value []string) {
		if err := imageconfig.Check(name, value); err != nil {
			errs = append(errs, usageError{fmt.Errorf("--%s: %w", flag, err)})
		}
		out[name] = value
	}
	for _, list := range []struct {
		flag, prefix string
		values       []string
	}{{"env", "env/", s.env}, {"label", "label/", s.labels}} {
		for _, kv := range list.values {
			name, value, err := assignment(kv)
			if err != nil {
				errs = append(errs, usageError{fmt.Errorf("--%s %w", list.flag, err)})
				continue
			}
			if value == nil {
				add(list.flag, list.prefix+name, nil)
			} else {
				add(list.flag, list.prefix+name, []string{*value})
			}
		}
	}
	for _, p := range s.ports {
		name, value := presence(p)
		if !strings.Contains(name, "/") {
			name += "/tcp"
		}
		add("expose", "port/"+name, value)
	}
	for _, v := range s.volumes {
		name, value := presence(v)
		add("volume", "volume/"+name, value)
	}
	for _, name := range slices.Sorted(maps.Keys(s.one)) {
		if s.set == nil || !s.set.Changed(name) {
			continue
		}
		value, err := oneValue(name, *s.one[name])
		if err != nil {
			errs = append(errs, usageError{fmt.Errorf("--%s: %w", name, err)})
		}
		add(name, name, value)
	}
	return out, errors.Join(errs...)
}

// annotated are the annotations that the flags say: nil for one that is to go.
func (s *settingFlags) annotated() (map[string]*string, error) {
	out := map[string]*string{}
	for _, kv := range s.annotations {
		name, value, err := assignment(kv)
		if err == nil && !utf8.ValidString(kv) {
			err = fmt.Errorf("%q: it is not UTF-8", kv)
		}
		if err != nil {
			return nil, usageError{fmt.Errorf("--annotation %w", err)}
		}
		out[name] = value
	}
	return out, nil
}

// assignment reads NAME=VALUE, or NAME-, for which the value is nil.
func assignment(kv string) (name string, value *string, err error) {
	if name, v, ok := strings.Cut(kv, "="); ok && name != "" {
		return name, &v, nil
	}
	if name, ok := strings.CutSuffix(kv, "-"); ok && name != "" && !strings.Contains(name, "=") {
		return name, nil, nil
	}
	return "", nil, fmt.Errorf("%q: it is NAME=VALUE, or NAME- to remove it", kv)
}

// presence reads what is there, or with a - behind is to go.
func presence(s string) (name string, value []string) {
	if name, ok := strings.CutSuffix(s, "-"); ok {
		return name, nil
	}
	return s, []string{}
}

// oneValue reads a flag with one value.
func oneValue(name, text string) ([]string, error) {
	switch {
	case text == "":
		return nil, nil
	case name != "entrypoint" && name != "cmd":
		return []string{text}, nil
	case strings.HasPrefix(text, "["):
		return stringList(text)
	case strings.ContainsAny(text, " \t\n"):
		return nil, fmt.Errorf(`%q has blanks: give a JSON array, as ["/usr/bin/app", "--serve"]`, text)
	}
	return []string{text}, nil
}

// stringList reads a JSON array of strings, and nothing that would become other strings: what is not UTF-8, or null.
func stringList(text string) ([]string, error) {
	var list []*string
	err := json.Unmarshal([]byte(text), &list)
	if err != nil || slices.Contains(list, nil) {
		return nil, fmt.Errorf("%q is no JSON array of strings", text)
	}
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("%q is not UTF-8", text)
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = *s
	}
	return out, nil
}

// offerSettings puts the settings of the base, with those of the command line, where the plugin image-config finds them, if
// it is one of the plugins.
func (b *build) offerSettings(stage stager, specs []holo.Spec) error {
	if !slices.ContainsFunc(specs, func(s holo.Spec) bool { return s.ID == imageconfig.ID }) {
		return nil
	}
	dir := path.Join(stateDir, imageconfig.ID)
	root := stage.Root(byBuild)
	if err := rootfs.MkdirAll(root, dir, rootfs.Meta{Mode: 0o755}); err != nil {
		return fmt.Errorf("offering the image's configuration: %w", err)
	}
	if b.base == nil {
		return nil // there is no image: what the plugin has there is all that is known
	}
	return imageconfig.WriteImage(rootfs.Sub(root, dir), imageconfig.Image{
		Settings: imageconfig.Settings(b.base.Settings().With(b.given)), Given: slices.Sorted(maps.Keys(b.given)),
	})
}

// takeSettings returns what is to change in the base's configuration: what the plugin image-config wants, which knows of the
// command line, or what the command line alone does.
func (b *build) takeSettings(stage stager, specs []holo.Spec) (oci.Settings, error) {
	before := b.base.Settings()
	if !slices.ContainsFunc(specs, func(s holo.Spec) bool { return s.ID == imageconfig.ID }) {
		return before.ChangesTo(before.With(b.given)), nil
	}
	i, err := imageconfig.ReadImage(rootfs.Sub(stage.Root(byBuild), path.Join(stateDir, imageconfig.ID)))
	if err != nil {
		return nil, err
	}
	for name, value := range i.Settings {
		if err := imageconfig.Check(name, value); err != nil && !slices.Equal(before[name], value) {
			return nil, fmt.Errorf("the plugin %s wants what no image can have: %w", imageconfig.ID, err)
		}
	}
	return before.ChangesTo(oci.Settings(i.Settings)), nil
}

// configured reports whether the configuration of the image, or its annotations, become others than the base's.
func (b *build) configured(out outcome) bool { return len(out.settings) > 0 || len(b.annotations) > 0 }

// warnOfSettings tells of destinations that have no configuration.
func (b *build) warnOfSettings(settings oci.Settings) {
	if len(settings) == 0 && len(b.annotations) == 0 {
		return
	}
	for _, ref := range b.o.outputs {
		if name, _, err := oci.ParseDestination(ref); err == nil && (name == oci.NameRootFS || name == oci.NameTarball) {
			b.ui.warn(ref + " is no image: the configuration that was set gets lost there")
		}
	}
}

// settingRecords are the changes of the configuration, for the log, by name.
func (b *build) settingRecords(changes oci.Settings) (list []settingRecord) {
	before := b.base.Settings()
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		by := byRecord{Kind: "entity", Plugin: imageconfig.ID, Entity: imageconfig.ID + ":" + name}
		if _, given := b.given[name]; given {
			by = byRecord{Kind: "flags"}
		}
		list = append(list, settingRecord{Type: "setting", Name: name, Before: before[name], After: changes[name], By: []byRecord{by}})
	}
	return list
}

// settingsBooks is what the plugin image-config remembers of the settings that it has provisioned.
const settingsBooks = stateDir + "/" + imageconfig.ID + "/settings.json"

// touched reports whether a file is among the changes, by the name that it has once symlinks are followed.
func touched(changes []rootfs.Change, root rootfs.Root, name string) bool {
	real, err := root.Resolve(name)
	return err == nil && slices.ContainsFunc(changes, func(c rootfs.Change) bool { return c.Path == real })
}
