package scanlines

import "testing"

// TestLines: values come back, whatever is in them, and each by its own key alone.
func TestLines(t *testing.T) {
	values := map[string]string{"a": "1", "b": "a\t2\nb\t3\n", "ab": "", `"x\ty"`: "\u2028"}
	var w Writer
	for _, key := range []string{"b", "ab", "a", `"x\ty"`} {
		w.Set(key, values[key])
	}
	l, err := w.Lines()
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range values {
		var got string
		if ok, err := l.Get(key, &got); !ok || err != nil || got != want || !l.Has(key) {
			t.Errorf("%q: got %q, %v, %v", key, got, ok, err)
		}
	}
	var got string
	for _, key := range []string{"", "c", "2", "y", `"`} {
		if ok, err := l.Get(key, &got); ok || err != nil || l.Has(key) {
			t.Errorf("%q: got %q, %v", key, got, err)
		}
	}
	if _, err := Lines("a\t1\nb\tno JSON\n").Get("b", &got); err == nil {
		t.Error("what is no value is taken")
	}
	w.Set("c\n", 1)
	if _, err := w.Lines(); err == nil {
		t.Error("a key with a line break is taken")
	}
}
