package bus

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/holo-build/holo-build/plugins/internal/units"
	"github.com/holo-build/holo-build/plugins/mock"
	"github.com/holo-build/holo-build/rootfs"
)

// service is the bus itself, or a stand-in for a service of the system.
type service struct {
	b            *bus
	name, unique string
	// object returns what is at a path; ok is false where nothing is.
	object func(path string) (o object, ok bool)
}

// object is what has a path.
type object struct {
	ifaces []iface
	// children are the paths below it, for those who look around.
	children []string
	// subject is what it stands for, as the first argument of its methods in the log; empty if there is only one such object.
	subject string
}

// iface is an interface of an object.
type iface struct {
	name       string
	methods    map[string]method
	properties map[string]property
}

// method is what can be called. Its arguments are single types with blanks between.
type method struct {
	in, out string
	do      func(k *call) result
}

// property is what can be read.
type property struct {
	signature string
	get       func(k *call) (any, error)
}

// call is one call of a method of a service.
type call struct {
	ctx     context.Context
	b       *bus
	c       *client
	s       *service
	m       *message
	iface   string
	subject string
	args    []any
	// root is the root that is provisioned; nil for methods of the bus itself.
	root  rootfs.Root
	units *units.Tree
}

// result is what comes of a call. Without an outcome it is none of the system's business, and not recorded.
type result struct {
	out     []any
	outcome mock.Outcome
	err     *dbus.Error
	// after is done when the answer is on its way.
	after func()
}

func realised(out ...any) result { return result{out: out, outcome: mock.Realised} }

func deferred(out ...any) result { return result{out: out, outcome: mock.Deferred} }

func refused(e *dbus.Error) result { return result{err: e, outcome: mock.Refused} }

// done is realised, or refused if there is an error.
func done(err error, out ...any) result {
	if err != nil {
		return refused(asFailure(err))
	}
	return realised(out...)
}

func (k *call) text(i int) string     { s, _ := k.args[i].(string); return s }
func (k *call) list(i int) []string   { l, _ := k.args[i].([]string); return l }
func (k *call) flag(i int) bool       { b, _ := k.args[i].(bool); return b }
func (k *call) number(i int) uint32   { n, _ := k.args[i].(uint32); return n }
func (k *call) number64(i int) uint64 { n, _ := k.args[i].(uint64); return n }

// call does what a service is called for. After an error, the connection is to be closed.
func (s *service) call(ctx context.Context, c *client, m *message) error {
	k := &call{ctx: ctx, b: s.b, c: c, s: s, m: m}
	do, e := k.find()
	if e == nil {
		if signature := m.signature(); signature != strings.ReplaceAll(do.in, " ", "") {
			e = failure(invalidArgs, "%s takes arguments of type %q, not %q", m.method(), strings.ReplaceAll(do.in, " ", ""), signature)
		} else if signature != "" {
			var err error
			if k.args, err = m.args(signature); err != nil {
				e = failure(invalidArgs, "%v", err)
			}
		}
	}
	if e != nil {
		if !s.b.note(m, s.name, e) {
			return errLeave
		}
		k.reply(refused(e))
		return nil
	}
	u := s.b.o.Use
	u.Argv = k.argv()
	r := result{}
	switch {
	case s == s.b.driver, k.iface == peerIface, k.iface == introspectIface:
		if r = do.do(k); r.outcome != "" {
			if !s.b.spend(u.Argv) {
				return errLeave
			}
			s.b.o.Tools.Note(u, s.name, k.answer(r))
		}
	case !s.b.spend(u.Argv):
		return errLeave
	case u.Root == nil:
		r = refused(failure(accessDenied, "there is no root file system to work on here"))
		s.b.o.Tools.Note(u, s.name, k.answer(r))
	default:
		k.root = u.Root
		err := s.b.o.Tools.Answer(ctx, u, s.name, func() mock.Answer {
			r = do.do(k)
			return k.answer(r)
		})
		if err != nil {
			r = refused(asFailure(err))
		}
	}
	k.reply(r)
	return nil
}

// answer is what is recorded of a result.
func (k *call) answer(r result) mock.Answer {
	a := mock.Answer{Outcome: r.outcome}
	if r.err != nil {
		a.Error = r.err.Name
	}
	if r.outcome == mock.Deferred {
		a.Command = k.command()
	}
	return a
}

// command is the call as a command of busctl(1).
func (k *call) command() []string {
	argv := []string{"busctl", "call", k.s.name, k.m.text(dbus.FieldPath), k.iface, k.m.text(dbus.FieldMember)}
	if len(k.args) > 0 {
		argv = append(argv, k.m.signature())
	}
	for _, arg := range k.args {
		if list, ok := arg.([]string); ok {
			argv = append(argv, strconv.Itoa(len(list)))
		}
		argv = append(argv, words(arg)...)
	}
	return argv
}

// find returns the method that is called.
func (k *call) find() (method, *dbus.Error) {
	path, iface, member := k.m.text(dbus.FieldPath), k.m.text(dbus.FieldInterface), k.m.text(dbus.FieldMember)
	o, ok := k.s.object(path)
	if !ok && iface != peerIface && iface != introspectIface {
		return method{}, failure(unknownObject, "%s has no object %s", k.s.name, path)
	}
	k.subject = o.subject
	known := iface == ""
	for _, i := range slices.Concat(o.ifaces, common()) {
		if iface != "" && i.name != iface {
			continue
		}
		known = true
		m, ok := i.methods[member]
		if ok && m.do == nil {
			return method{}, failure(readOnlyProp, "properties of %s are changed by its methods", k.s.name)
		}
		if k.iface = i.name; ok {
			return m, nil
		}
	}
	if !known {
		return method{}, failure(unknownIface, "%s has no interface %s here", k.s.name, iface)
	}
	return method{}, failure(unknownMethod, "there is no %s while an image is provisioned", k.m.method())
}

// argv is the call as the log has it.
func (k *call) argv() []string {
	argv := []string{k.iface + "." + k.m.text(dbus.FieldMember)}
	if k.subject != "" {
		argv = append(argv, k.subject)
	}
	for _, arg := range k.args {
		argv = append(argv, words(arg)...)
	}
	return argv
}

// words are an argument as one would type it.
func words(arg any) []string {
	switch v := arg.(type) {
	case []string:
		return v
	case string, dbus.ObjectPath, bool, uint32, int32, uint64, int64:
		return []string{fmt.Sprint(v)}
	}
	return nil
}

// reply sends what has come of a call.
func (k *call) reply(r result) {
	switch {
	case k.m.Flags&dbus.FlagNoReplyExpected != 0:
	case r.err != nil:
		k.c.refuse(k.s.unique, k.m.serial, r.err)
	default:
		m := &dbus.Message{Type: dbus.TypeMethodReply, Body: r.out}
		if err := k.c.answer(k.s.unique, k.m.serial, m); err != nil {
			k.c.refuse(k.s.unique, k.m.serial, failure(failed, "%s: a text of the root can't be sent: %v", k.m.method(), err))
		}
	}
	if r.after != nil {
		r.after()
	}
}

// refuse answers a call with an error.
func (c *client) refuse(sender string, serial uint32, e *dbus.Error) {
	m := &dbus.Message{Type: dbus.TypeError, Body: e.Body, Headers: map[dbus.HeaderField]dbus.Variant{dbus.FieldErrorName: dbus.MakeVariant(e.Name)}}
	if c.answer(sender, serial, m) != nil {
		m.Body = nil // its text may have bytes of the root's in it
		delete(m.Headers, dbus.FieldSignature)
		_ = c.answer(sender, serial, m)
	}
}

// answer sends an answer to a call. Descriptors in it are taken over.
func (c *client) answer(sender string, serial uint32, m *dbus.Message) error {
	if m.Headers == nil {
		m.Headers = map[dbus.HeaderField]dbus.Variant{}
	}
	m.Flags = dbus.FlagNoReplyExpected
	m.Headers[dbus.FieldReplySerial] = dbus.MakeVariant(serial)
	m.Headers[dbus.FieldSender] = dbus.MakeVariant(sender)
	if c.unique != "" {
		m.Headers[dbus.FieldDestination] = dbus.MakeVariant(c.unique)
	}
	raw, fds, err := whole(m, 1)
	if err != nil {
		return err
	}
	c.queue.put(frame{raw, fds})
	return nil
}
