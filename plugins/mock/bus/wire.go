package bus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/godbus/dbus/v5"
)

// Bounds of messages. The protocol's own are 128 MiB and 16 descriptors or more, which is too much to keep for whoever
// asks.
const (
	maxMessage = 1 << 20
	maxFields  = 64 << 10
	maxFDs     = 4
)

// message is one as it came, without its body being looked at.
type message struct {
	dbus.Message
	order  binary.ByteOrder
	serial uint32
	// raw is all of it, and body the end of it.
	raw, body []byte
	fds       []int
	// decoded is what leading has found; nil before that.
	decoded []any
}

// errWire is what is no message. Who sends it has lost count of what it sends, so that nothing can be said to it any more.
var errWire = errors.New("not a D-Bus message")

func wireError(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errWire}, args...)...)
}

// headSize is how much of a message has the same length in each.
const headSize = 16

// fieldSignatures are the types of header fields by their codes; D-Bus specification, "Header Fields".
var fieldSignatures = map[dbus.HeaderField]byte{
	dbus.FieldPath: 'o', dbus.FieldInterface: 's', dbus.FieldMember: 's', dbus.FieldErrorName: 's', dbus.FieldReplySerial: 'u',
	dbus.FieldDestination: 's', dbus.FieldSender: 's', dbus.FieldSignature: 'g', dbus.FieldUnixFDs: 'u',
}

// sizes reads the head of a message: how long it is, and where its body begins.
func sizes(head []byte) (order binary.ByteOrder, size, body int, err error) {
	switch head[0] {
	case 'l':
		order = binary.LittleEndian
	case 'B':
		order = binary.BigEndian
	default:
		return nil, 0, 0, wireError("byte order %q", head[0])
	}
	bodySize, fields := order.Uint32(head[4:]), order.Uint32(head[12:])
	switch {
	case head[3] != 1:
		return nil, 0, 0, wireError("protocol version %d", head[3])
	case fields > maxFields || bodySize > maxMessage || headSize+fields+bodySize > maxMessage:
		return nil, 0, 0, wireError("%d bytes of fields and %d of body are too many", fields, bodySize)
	}
	body = headSize + int(fields+7)&^7
	return order, body + int(bodySize), body, nil
}

// parse takes a whole message apart. The fields are not decoded by godbus: a field is a variant, so that whoever sends it
// chooses its type, and godbus makes a Go type of each, which is never freed.
func parse(raw []byte) (*message, error) {
	order, size, body, err := sizes(raw)
	if err != nil {
		return nil, err
	}
	if size != len(raw) {
		return nil, wireError("length")
	}
	m := &message{order: order, serial: order.Uint32(raw[8:]), raw: raw, body: raw[body:]}
	m.Type, m.Flags = dbus.Type(raw[1]), dbus.Flags(raw[2])&(dbus.FlagNoReplyExpected|dbus.FlagNoAutoStart|dbus.FlagAllowInteractiveAuthorization)
	if m.serial == 0 {
		return nil, wireError("serial 0")
	}
	f := fields{order: order, raw: raw[:headSize+int(order.Uint32(raw[12:]))], at: headSize}
	if m.Headers, err = f.all(); err != nil {
		return nil, err
	}
	if err := m.IsValid(); err != nil { // names and paths, and which fields there must be
		return nil, wireError("%v", err)
	}
	for _, field := range []dbus.HeaderField{dbus.FieldDestination, dbus.FieldSender} {
		if name := m.text(field); name != "" && !validBusName(name) {
			return nil, wireError("name %.300q", name)
		}
	}
	if m.signature() == "" && len(m.body) > 0 {
		return nil, wireError("a body without a signature")
	}
	return m, nil
}

// fields reads header fields: an array of structs of a code and a variant.
type fields struct {
	order binary.ByteOrder
	raw   []byte
	at    int
}

func (f *fields) all() (map[dbus.HeaderField]dbus.Variant, error) {
	list := map[dbus.HeaderField]dbus.Variant{}
	for f.at < len(f.raw) {
		f.at = (f.at + 7) &^ 7
		head, err := f.take(4) // code, length of the signature, signature, NUL
		if err != nil {
			return nil, err
		}
		code := dbus.HeaderField(head[0])
		kind, known := fieldSignatures[code]
		if _, twice := list[code]; twice || !known || head[1] != 1 || head[2] != kind || head[3] != 0 {
			return nil, wireError("field %d of type %q", code, head[2])
		}
		v, err := f.value(kind)
		if err != nil {
			return nil, err
		}
		list[code] = dbus.MakeVariant(v)
	}
	return list, nil
}

func (f *fields) take(n int) ([]byte, error) {
	if n < 0 || f.at > len(f.raw) || n > len(f.raw)-f.at {
		return nil, wireError("fields end too early")
	}
	f.at += n
	return f.raw[f.at-n : f.at], nil
}

func (f *fields) number() (uint32, error) {
	f.at = (f.at + 3) &^ 3
	b, err := f.take(4)
	if err != nil {
		return 0, err
	}
	return f.order.Uint32(b), nil
}

func (f *fields) value(kind byte) (any, error) {
	if kind == 'u' {
		return f.number()
	}
	var length int
	if kind == 'g' {
		b, err := f.take(1)
		if err != nil {
			return nil, err
		}
		length = int(b[0])
	} else {
		n, err := f.number()
		if err != nil {
			return nil, err
		}
		length = int(min(n, maxFields))
	}
	b, err := f.take(length + 1)
	if err != nil {
		return nil, err
	}
	text := string(b[:length])
	if b[length] != 0 || !plain(text) {
		return nil, wireError("text %.300q", text)
	}
	switch kind {
	case 'g':
		s, err := dbus.ParseSignature(text)
		if err != nil {
			return nil, wireError("%.300v", err)
		}
		return s, nil
	case 'o':
		return dbus.ObjectPath(text), nil
	}
	return text, nil
}

// plain reports whether a text is one that a message can have.
func plain(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// text is a field that is a name or a path; empty if it is not there.
func (m *message) text(field dbus.HeaderField) string {
	switch v := m.Headers[field].Value().(type) {
	case string:
		return v
	case dbus.ObjectPath:
		return string(v)
	}
	return ""
}

// method is the name of what is called, with its interface if that is given.
func (m *message) method() string {
	if iface := m.text(dbus.FieldInterface); iface != "" {
		return iface + "." + m.text(dbus.FieldMember)
	}
	return m.text(dbus.FieldMember)
}

func (m *message) number(field dbus.HeaderField) uint32 {
	n, _ := m.Headers[field].Value().(uint32)
	return n
}

// signature is that of the body.
func (m *message) signature() string {
	s, _ := m.Headers[dbus.FieldSignature].Value().(dbus.Signature)
	return s.String()
}

// args decodes a body, whose signature the caller knows and has no variant in it; of a shorter signature, the beginning.
func (m *message) args(signature string) ([]any, error) {
	head := dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldReplySerial: dbus.MakeVariant(uint32(1)), dbus.FieldSignature: dbus.MakeVariant(dbus.ParseSignatureMust(signature)),
	}}
	raw, err := encode(&head, m.order, 1, m.body)
	if err != nil {
		return nil, err
	}
	decoded, err := dbus.DecodeMessage(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	for _, v := range decoded.Body {
		if !plainValue(v) {
			return nil, errors.New("a text is no UTF-8, or has a NUL")
		}
	}
	return decoded.Body, nil
}

// plainValue is plain for all texts in a value.
func plainValue(v any) bool {
	switch v := v.(type) {
	case string:
		return plain(v)
	case dbus.ObjectPath:
		return v.IsValid()
	case []string:
		for _, s := range v {
			if !plain(s) {
				return false
			}
		}
	case map[string]string:
		for k, s := range v {
			if !plain(k) || !plain(s) {
				return false
			}
		}
	}
	return true
}

// encode is a message with a body that is encoded already, in the same byte order.
func encode(head *dbus.Message, order binary.ByteOrder, serial uint32, body []byte) ([]byte, error) {
	var b bytes.Buffer
	if err := head.EncodeTo(&b, order); err != nil {
		return nil, err
	}
	raw := b.Bytes()
	order.PutUint32(raw[4:], uint32(len(body)))
	order.PutUint32(raw[8:], serial)
	return append(raw, body...), nil
}

// whole is a message with a body that is not encoded yet, and the descriptors in it.
func whole(m *dbus.Message, serial uint32) (raw []byte, fds []int, err error) {
	if len(m.Body) > 0 {
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(m.Body...))
	}
	n, err := m.CountFds()
	if err != nil {
		return nil, nil, err
	}
	if n > 0 {
		m.Headers[dbus.FieldUnixFDs] = dbus.MakeVariant(uint32(n))
	}
	var b bytes.Buffer
	if fds, err = m.EncodeToWithFDs(&b, binary.LittleEndian); err != nil {
		return nil, nil, err
	}
	raw = b.Bytes()
	binary.LittleEndian.PutUint32(raw[8:], serial)
	return raw, fds, nil
}

// validBusName reports whether a connection can have a name; D-Bus specification, "Valid Names, Bus names".
func validBusName(name string) bool {
	const maxName = 255
	rest, unique := strings.CutPrefix(name, ":")
	elements := strings.Split(rest, ".")
	if len(name) > maxName || len(elements) < 2 {
		return false
	}
	for _, e := range elements {
		if e == "" || !unique && e[0] >= '0' && e[0] <= '9' {
			return false
		}
		for i := range len(e) {
			c := e[i]
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
				return false
			}
		}
	}
	return true
}
