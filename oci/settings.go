package oci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Settings are what an image's configuration tells whoever runs it (image-spec, config.md, "config"), each by a name:
//
//	entrypoint, cmd         a list of arguments
//	user, workdir           one string
//	stop-signal             one string
//	env/NAME, label/NAME    one string
//	port/PORT, volume/PATH  an empty list: it is there
//
// A name that is not there is not set; nil says so of one that is to be taken away.
type Settings map[string][]string

// The kinds of settings that there are many of, as names begin with them, and the members that hold them.
const (
	envPrefix    = "env/"
	labelPrefix  = "label/"
	portPrefix   = "port/"
	volumePrefix = "volume/"
)

// settingMembers are the members of the settings that there is one of.
var settingMembers = map[string]string{
	"entrypoint": "Entrypoint", "cmd": "Cmd", "user": "User", "workdir": "WorkingDir", "stop-signal": "StopSignal",
}

// Settings returns the settings of an image; none of what is no image. What has another type than it should is left out.
func (i *Image) Settings() Settings {
	s := Settings{}
	doc, err := parseObject(i.Config)
	if err != nil {
		return s
	}
	config, err := parseObject(doc.get("config"))
	if err != nil {
		return s
	}
	for name, member := range settingMembers {
		var list []string
		var one string
		raw := config.get(member)
		switch {
		case raw == nil:
		case json.Unmarshal(raw, &list) == nil && len(list) > 0:
			s[name] = list
		case json.Unmarshal(raw, &one) == nil && one != "":
			s[name] = []string{one}
		}
	}
	var env []string
	_ = json.Unmarshal(config.get("Env"), &env) // what is no list has no variables
	for _, kv := range slices.Backward(env) {   // of two, the first is the one that counts
		if name, value, ok := strings.Cut(kv, "="); ok {
			s[envPrefix+name] = []string{value}
		}
	}
	labels, _ := parseObject(config.get("Labels"))
	for _, m := range labels {
		var value string
		if json.Unmarshal(m.value, &value) == nil {
			s[labelPrefix+m.name] = []string{value}
		}
	}
	for prefix, member := range map[string]string{portPrefix: "ExposedPorts", volumePrefix: "Volumes"} {
		set, _ := parseObject(config.get(member))
		for _, m := range set {
			s[prefix+m.name] = []string{}
		}
	}
	return s
}

// ChangesTo returns what must be set, or taken away, so that settings become others.
func (s Settings) ChangesTo(to Settings) Settings {
	changes := Settings{}
	for name := range s {
		if _, stays := to[name]; !stays {
			changes[name] = nil
		}
	}
	for name, value := range to {
		if old, ok := s[name]; !ok || !slices.Equal(old, value) {
			changes[name] = value
		}
	}
	return changes
}

// With returns settings with changes made to them.
func (s Settings) With(changes Settings) Settings {
	out := maps.Clone(s)
	for name, value := range changes {
		if value == nil {
			delete(out, name)
		} else {
			out[name] = value
		}
	}
	return out
}

// setConfig changes settings in a configuration; all else stays as it was written.
func setConfig(doc object, changes Settings) (object, error) {
	if len(changes) == 0 {
		return doc, nil
	}
	config := object{}
	if raw := doc.get("config"); raw != nil {
		var err error
		if config, err = parseObject(raw); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		var err error
		if config, err = setSetting(config, name, changes[name]); err != nil {
			return nil, fmt.Errorf("setting %s: %w", quoted(name), err)
		}
	}
	return doc.set("config", config.bytes()), nil
}

func setSetting(config object, name string, value []string) (object, error) {
	if err := checkUTF8(append([]string{name}, value...)...); err != nil {
		return nil, err
	}
	prefix, key, many := strings.Cut(name, "/")
	if member, ok := settingMembers[name]; ok {
		switch {
		case value == nil:
			return config.remove(member), nil
		case name == "entrypoint" || name == "cmd":
			return config.set(member, encode(value)), nil
		case len(value) == 1:
			return config.set(member, encode(value[0])), nil
		}
		return nil, fmt.Errorf("internal error: %d values", len(value))
	}
	switch {
	case !many || key == "":
	case prefix+"/" == envPrefix:
		return setEnv(config, key, value)
	case prefix+"/" == labelPrefix:
		return setKey(config, "Labels", key, value, func() json.RawMessage { return encode(value[0]) })
	case prefix+"/" == portPrefix:
		return setKey(config, "ExposedPorts", key, value, func() json.RawMessage { return json.RawMessage(`{}`) })
	case prefix+"/" == volumePrefix:
		return setKey(config, "Volumes", key, value, func() json.RawMessage { return json.RawMessage(`{}`) })
	}
	return nil, fmt.Errorf("internal error: no such setting")
}

// setEnv sets a variable in its place, or at the end.
func setEnv(config object, name string, value []string) (object, error) {
	list, err := parseArray(config.get("Env"))
	if err != nil {
		return nil, err
	}
	out, found := []json.RawMessage{}, value == nil
	for _, raw := range list {
		var kv string
		if json.Unmarshal(raw, &kv) != nil || !strings.HasPrefix(kv, name+"=") && kv != name {
			out = append(out, raw)
			continue
		}
		if !found {
			out, found = append(out, encode(name+"="+value[0])), true
		}
	}
	if !found {
		out = append(out, encode(name+"="+value[0]))
	}
	if len(out) == 0 {
		return config.remove("Env"), nil
	}
	return config.set("Env", joinArray(out)), nil
}

// setKey sets a key of an object that a member is, or takes it away, and with the last one the member.
func setKey(config object, member, key string, value []string, raw func() json.RawMessage) (object, error) {
	set := object{}
	if old := config.get(member); old != nil {
		var err error
		if set, err = parseObject(old); err != nil {
			return nil, err
		}
	}
	if value != nil {
		return config.set(member, set.set(key, raw()).bytes()), nil
	}
	if set = set.remove(key); len(set) == 0 {
		return config.remove(member), nil
	}
	return config.set(member, set.bytes()), nil
}

// AnnotationChanges returns those changes of annotations that are changes: of an image, what it has already is none.
func (i *Image) AnnotationChanges(wanted map[string]*string) map[string]*string {
	doc, _ := parseObject(i.Manifest) // what is no image has none
	have, _ := parseObject(doc.get("annotations"))
	changes := map[string]*string{}
	for name, value := range wanted {
		raw := have.get(name)
		if value == nil && raw == nil || value != nil && bytes.Equal(raw, encode(*value)) {
			continue
		}
		changes[name] = value
	}
	return changes
}

// setAnnotations sets annotations of a manifest, or with nil takes them away; all else stays as it was written.
func setAnnotations(doc object, changes map[string]*string) (object, error) {
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		var value []string
		if v := changes[key]; v != nil {
			value = []string{*v}
		}
		err := checkUTF8(append([]string{key}, value...)...)
		if err != nil {
			return nil, fmt.Errorf("setting annotation %s: %w", quoted(key), err)
		}
		if doc, err = setKey(doc, "annotations", key, value, func() json.RawMessage { return encode(value[0]) }); err != nil {
			return nil, fmt.Errorf("setting annotation %s: %w", quoted(key), err)
		}
	}
	return doc, nil
}

// checkUTF8 tells of strings that JSON can't hold (RFC 8259, 8.1): writing them would change them.
func checkUTF8(values ...string) error {
	for _, v := range values {
		if !utf8.ValidString(v) {
			return fmt.Errorf("not UTF-8: %s", quoted(v))
		}
	}
	return nil
}
