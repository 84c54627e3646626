package mock

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNewMessage(t *testing.T) {
	for name, c := range map[string]struct{ tag, text, wantTag, want string }{
		"plain":    {"app", "hello\n", "app", "hello"},
		"lines":    {"app", "a\n\tb\n\n\x00", "app", "a\n\tb"},
		"terminal": {"a\x1b[2J", "\x1b]0;title\a \u0085x\r\x7f", "a\ufffd[2J", "\ufffd]0;title\ufffd \ufffdx\ufffd\ufffd"},
		"no UTF-8": {"\xff", "\xffa", "\ufffd", "\ufffda"},
		"long":     {strings.Repeat("t", 200), strings.Repeat("x", maxText+10), strings.Repeat("t", maxTag), strings.Repeat("x", maxText) + " ... (cut)"},
		"letter": {
			"", strings.Repeat("x", maxText-1) + "\u20ac.", "", strings.Repeat("x", maxText-1) + " ... (cut)",
		},
		"as long as may be": {"", strings.Repeat("x", maxText-3) + "\u20ac", "", strings.Repeat("x", maxText-3) + "\u20ac"},
	} {
		t.Run(name, func(t *testing.T) {
			m := NewMessage("test", Err, []byte(c.tag), []byte(c.text)).Clean()
			if m.Tag != c.wantTag || m.Text != c.want || m.Source != "test" || m.Priority != Err {
				t.Errorf("%+q", m)
			}
		})
	}
}

func FuzzNewMessage(f *testing.F) {
	f.Add([]byte("app"), []byte("hello\n"), uint(1))
	f.Add([]byte("\xe2\x82"), []byte("\u20ac"), uint(4000))
	f.Fuzz(func(t *testing.T, tag, text []byte, times uint) {
		text = bytes.Repeat(text, int(min(times, uint(2*maxText/(len(text)+1)))))
		m := NewMessage("test", Info, tag, text).Clean()
		if !utf8.ValidString(m.Tag) || !utf8.ValidString(m.Text) || strings.ContainsAny(m.Tag+m.Text, "\x00\x07\x1b\r\x7f\u009b") {
			t.Errorf("%+q", m)
		}
		if len(m.Text) > 3*maxText+100 {
			t.Errorf("%d bytes", len(m.Text))
		}
	})
}

// TestMessages: what is kept is bounded, the beginning of it is kept, and groups are together.
func TestMessages(t *testing.T) {
	var m Messages
	for _, g := range []int{2, 1, 2} {
		m.Add(g, Message{Text: strings.Repeat("x", g)})
	}
	var got []int
	for _, one := range m.All("test") {
		got = append(got, len(one.Text))
	}
	if !slices.Equal(got, []int{1, 2, 2}) {
		t.Errorf("%v", got)
	}
	for range maxMessages {
		m.Add(0, Message{})
	}
	if list := m.All("test"); len(list) != maxMessages+1 || list[maxMessages] != (Message{"test", Warning, "", "3 more messages were not kept"}) {
		t.Errorf("%d messages, %+v", len(list), list[len(list)-1])
	}
	var large Messages
	for range maxAllText / maxText {
		large.Add(0, Message{Text: strings.Repeat("x", maxRaw)})
	}
	large.Add(0, Message{Text: "y"})
	large.Add(0, Message{})
	if list := large.All("test"); len(list) != maxAllText/maxText+1 || list[len(list)-1].Text != "2 more messages were not kept" {
		t.Errorf("%d messages", len(list))
	}
	if Priority(0).String() != "emerg" || Debug.String() != "debug" || Priority(8).String() != "Priority(8)" {
		t.Error("names of priorities")
	}
}
