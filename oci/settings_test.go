package oci

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSetConfig: what is asked for is changed, in its place, and nothing else is.
func TestSetConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, config string
		changes      Settings
		want         string
	}{
		{"nothing", `{"b": 1.50,"config": {"Env": ["A=1"]}}`, Settings{}, `{"b":1.50,"config":{"Env": ["A=1"]}}`},
		{"one string", `{"config":{"User":"a","X":{"y": 1e400}}}`, Settings{"user": {"b"}, "workdir": {"/w"}, "stop-signal": {"SIGHUP"}},
			`{"config":{"User":"b","X":{"y": 1e400},"StopSignal":"SIGHUP","WorkingDir":"/w"}}`},
		{"lists", `{"config":{"Entrypoint":["/old"],"Cmd":["x"]}}`, Settings{"entrypoint": {"/new", "<a>"}, "cmd": nil},
			`{"config":{"Entrypoint":["/new","<a>"]}}`},
		{"an empty list is not none", `{"config":{"Cmd":["x"]}}`, Settings{"cmd": {}}, `{"config":{"Cmd":[]}}`},
		{"variables", `{"config":{"Env":["A=1","B=2","A=3","odd",7,"AB=4"]}}`, Settings{"env/A": {"x=y"}, "env/B": nil, "env/C": {""}},
			`{"config":{"Env":["A=x=y","odd",7,"AB=4","C="]}}`},
		{"a variable without a value", `{"config":{"Env":["A"]}}`, Settings{"env/A": {"1"}}, `{"config":{"Env":["A=1"]}}`},
		{"the last variable", `{"config":{"Env":["A=1"]}}`, Settings{"env/A": nil}, `{"config":{}}`},
		{"labels", `{"config":{"Labels":{"a":"1","b":"2"}}}`, Settings{"label/b": nil, "label/c/d": {"3"}, "label/a": {"4"}},
			`{"config":{"Labels":{"a":"4","c/d":"3"}}}`},
		{"ports and volumes", `{"config":{"ExposedPorts":{"80/tcp":{"x":1}},"Volumes":{"/old":{}}}}`,
			Settings{"port/80/tcp": {}, "port/53/udp": {}, "volume//new": {}, "volume//old": nil},
			`{"config":{"ExposedPorts":{"80/tcp":{},"53/udp":{}},"Volumes":{"/new":{}}}}`},
		{"no configuration yet", `{"os":"linux"}`, Settings{"user": {"a"}}, `{"os":"linux","config":{"User":"a"}}`},
		{"null", `{"config":null}`, Settings{"env/A": {"1"}}, `{"config":{"Env":["A=1"]}}`},
		{"null members", `{"config":{"Env":null,"Labels":null}}`, Settings{"env/A": {"1"}, "label/a": {"1"}},
			`{"config":{"Env":["A=1"],"Labels":{"a":"1"}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			doc, err := parseObject([]byte(c.config))
			if err != nil {
				t.Fatal(err)
			}
			before := (&Image{Config: []byte(c.config)}).Settings()
			if doc, err = setConfig(doc, c.changes); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(doc.bytes())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			after := (&Image{Config: doc.bytes()}).Settings()
			if diff := cmp.Diff(before.With(c.changes), after); diff != "" && !strings.Contains(c.name, "empty list") {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
			if changes := before.ChangesTo(after); len(after.ChangesTo(after)) > 0 || !cmp.Equal(before.With(changes), after) {
				t.Errorf("from %v to %v it takes %v", before, after, changes)
			}
		})
	}
}

// TestSettingsOfStrangeConfigs: what has another type is no setting, and nothing is lost of it.
func TestSettingsOfStrangeConfigs(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]Settings{
		``:                                  {},
		`{}`:                                {},
		`{"config":7}`:                      {},
		`{"config":{"User":7,"Env":"A=1"}}`: {},
		`{"config":{"Cmd":"/bin/sh -c x"}}`: {"cmd": {"/bin/sh -c x"}},
		`{"config":{"Labels":{"a":7}}}`:     {},
		`{"config":{"Volumes":["/a"]}}`:     {},
	} {
		i := &Image{}
		if config != "" {
			i.Config = []byte(config)
		}
		if diff := cmp.Diff(want, i.Settings()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", config, diff)
		}
	}
	for _, config := range []string{`{"config":7}`, `{"config":{"Env":"A=1"}}`} {
		doc, err := parseObject([]byte(config))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := setConfig(doc, Settings{"env/A": {"2"}}); err == nil {
			t.Errorf("%s: no error", config)
		}
	}
}

// TestSetAnnotations: of a manifest, in place.
func TestSetAnnotations(t *testing.T) {
	t.Parallel()
	one := "1"
	doc, err := parseObject([]byte(`{"annotations":{"b":"2","a":"0"},"x":[1,  2]}`))
	if err == nil {
		doc, err = setAnnotations(doc, map[string]*string{"a": &one, "b": nil, "c": &one})
	}
	if want := `{"annotations":{"a":"1","c":"1"},"x":[1,  2]}`; err != nil || string(doc.bytes()) != want {
		t.Errorf("%s, %v, want %s", doc.bytes(), err, want)
	}
	if doc, err = setAnnotations(doc, map[string]*string{"a": nil, "c": nil}); err != nil || string(doc.bytes()) != `{"x":[1,  2]}` {
		t.Errorf("%s, %v", doc.bytes(), err)
	}
}

func FuzzSetConfig(f *testing.F) {
	f.Add(`{"config":{"Env":["A=1"],"User":"a","Labels":{"x":"y"}}}`, "env/A", "2")
	f.Add(`{"config":{"ExposedPorts":{"1/tcp":{}}}}`, "port/1/tcp", "")
	f.Fuzz(func(t *testing.T, config, name, value string) {
		if !json.Valid([]byte(config)) {
			return
		}
		doc, err := parseObject([]byte(config))
		if err != nil {
			return
		}
		_, single := settingMembers[name]
		set := Settings{name: {value}}
		if strings.HasPrefix(name, portPrefix) || strings.HasPrefix(name, volumePrefix) {
			set[name] = []string{}
		}
		if doc, err = setConfig(doc, set); err != nil {
			return
		}
		if _, err := parseObject(doc.bytes()); err != nil {
			t.Fatalf("%s: %v", doc.bytes(), err)
		}
		got := (&Image{Config: doc.bytes()}).Settings()
		if _, ok := got[name]; !ok && !(single && value == "") && !strings.Contains(name, "=") {
			t.Errorf("%s is not there in %s", name, doc.bytes())
		}
	})
}
