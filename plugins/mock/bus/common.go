package bus

import (
	"encoding/xml"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/introspect"
)

// Interfaces that all objects have; D-Bus specification, "Standard Interfaces".
const (
	busName         = "org.freedesktop.DBus"
	peerIface       = busName + ".Peer"
	introspectIface = busName + ".Introspectable"
	propertiesIface = busName + ".Properties"
)

// common is what all objects have.
func common() []iface {
	return []iface{
		{name: peerIface, methods: map[string]method{
			"Ping":         {do: func(*call) result { return result{} }},
			"GetMachineId": {out: "s", do: func(*call) result { return result{err: failure(fileNotFound, "an image is no machine yet")} }},
		}},
		{name: introspectIface, methods: map[string]method{"Introspect": {out: "s", do: (*call).introspect}}},
		{name: propertiesIface, methods: map[string]method{
			"Get":    {"s s", "v", (*call).getProperty},
			"GetAll": {"s", "a{sv}", (*call).getProperties},
			"Set":    {"s s v", "", nil}, // find refuses it: its variant is not to be decoded
		}},
	}
}

// properties returns those of an interface of the object that is called; all for an empty name.
func (k *call) properties(name string) (list map[string]property, e *dbus.Error) {
	o, _ := k.s.object(k.m.text(dbus.FieldPath))
	list = map[string]property{}
	known := name == ""
	for _, i := range slices.Concat(o.ifaces, common()) {
		if name == "" || i.name == name {
			known = true
			maps.Copy(list, i.properties)
		}
	}
	if !known {
		return nil, failure(unknownIface, "%s has no interface %s here", k.s.name, name)
	}
	return list, nil
}

func (k *call) getProperty() result {
	list, e := k.properties(k.text(0))
	if e != nil {
		return k.asked(refused(e))
	}
	p, ok := list[k.text(1)]
	if !ok {
		return k.asked(refused(failure(unknownProp, "%s has no property %s", k.text(0), k.text(1))))
	}
	v, err := p.get(k)
	if err != nil {
		return k.asked(refused(asFailure(err)))
	}
	return k.asked(realised(dbus.MakeVariantWithSignature(v, dbus.ParseSignatureMust(p.signature))))
}

func (k *call) getProperties() result {
	list, e := k.properties(k.text(0))
	if e != nil {
		return k.asked(refused(e))
	}
	all := map[string]dbus.Variant{}
	for name, p := range list {
		v, err := p.get(k)
		if err != nil {
			return k.asked(refused(asFailure(err)))
		}
		all[name] = dbus.MakeVariantWithSignature(v, dbus.ParseSignatureMust(p.signature))
	}
	return k.asked(realised(all))
}

// asked leaves out of the log what the bus itself is asked for.
func (k *call) asked(r result) result {
	if k.s == k.b.driver {
		r.outcome = ""
	}
	return r
}

// introspect describes an object, for those who look around: busctl(1) tree and introspect, gdbus(1).
func (k *call) introspect() result {
	at := k.m.text(dbus.FieldPath)
	o, _ := k.s.object(at)
	n := &introspect.Node{Name: at}
	for _, child := range o.children {
		n.Children = append(n.Children, introspect.Node{Name: child})
	}
	if !strings.HasPrefix(objectPath(k.s.name), at) {
	} else if rest := strings.Trim(strings.TrimPrefix(objectPath(k.s.name), at), "/"); rest != "" {
		first, _, _ := strings.Cut(rest, "/")
		n.Children = append(n.Children, introspect.Node{Name: first})
	}
	if len(o.ifaces) > 0 {
		for _, i := range slices.Concat(o.ifaces, common()) {
			n.Interfaces = append(n.Interfaces, describe(i))
		}
	}
	text, err := xml.Marshal(n)
	if err != nil {
		return result{err: asFailure(err)}
	}
	return result{out: []any{introspect.IntrospectDeclarationString[1:] + string(text)}}
}

func describe(i iface) introspect.Interface {
	d := introspect.Interface{Name: i.name}
	for _, name := range slices.Sorted(maps.Keys(i.methods)) {
		m := introspect.Method{Name: name}
		for _, s := range strings.Fields(i.methods[name].in) {
			m.Args = append(m.Args, introspect.Arg{Type: s, Direction: "in"})
		}
		for _, s := range strings.Fields(i.methods[name].out) {
			m.Args = append(m.Args, introspect.Arg{Type: s, Direction: "out"})
		}
		d.Methods = append(d.Methods, m)
	}
	for _, name := range slices.Sorted(maps.Keys(i.properties)) {
		d.Properties = append(d.Properties, introspect.Property{Name: name, Type: i.properties[name].signature, Access: "read"})
	}
	return d
}

// objectPath is where the object of a service is, by its name.
func objectPath(service string) string { return path.Join("/", strings.ReplaceAll(service, ".", "/")) }
