package main

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestMixed: each plugin's entities stay together, all orders come up, and the seed alone decides.
func TestMixed(t *testing.T) {
	entities := []entityRecord{{Plugin: "p"}, {Plugin: "p"}, {Plugin: "p"}, {Plugin: "q"}, {Plugin: "r"}, {Plugin: "r"}}
	seen := map[[6]int]bool{}
	for n := range uint64(200) {
		o := mixed(entities, rand.New(rand.NewPCG(1, n)))
		if !slices.Equal(o, mixed(entities, rand.New(rand.NewPCG(1, n)))) {
			t.Fatal("another order of the same seed")
		}
		for at, i := range o {
			if entities[i].Plugin != entities[at].Plugin {
				t.Fatalf("%v mixes plugins", o)
			}
		}
		seen[[6]int(o)] = true
	}
	if len(seen) != 12 {
		t.Errorf("%d orders came up, there are 12", len(seen))
	}
}

// TestCulprit finds the one pair whose order decides, in few attempts.
func TestCulprit(t *testing.T) {
	for n := range uint64(50) {
		random := rand.New(rand.NewPCG(1, n))
		o := order(random.Perm(100))
		first, second := 10+random.IntN(40), 60+random.IntN(40)
		right := func(o order) bool { return slices.Index(o, first) < slices.Index(o, second) }
		if right(o) {
			slices.Reverse(o)
		}
		tries := 0
		got, err := culprit(o, func(o order) (bool, error) {
			tries++
			return right(o), nil
		})
		if err != nil || got != [2]int{second, first} {
			t.Errorf("%d: %v, %v, want %d and %d", n, got, err, second, first)
		}
		if tries > 13 { // the logarithm of half the square of 100
			t.Errorf("%d: %d attempts", n, tries)
		}
	}
}

// TestShuffleFlag reads values of --shuffle.
func TestShuffleFlag(t *testing.T) {
	for value, want := range map[string]string{"3": "3:1", "10:7": "10:7", "1:18446744073709551615": "1:18446744073709551615",
		"0": "", "-1": "", "": "", "3:": "", "x": "", "3:-1": "", "3:4:5": "", "3.5": ""} {
		var f shuffleFlag
		err := f.Set(value)
		if (err != nil) != (want == "") || err == nil && f.String() != want {
			t.Errorf("%q: %v, %v, want %q", value, f.String(), err, want)
		}
	}
}
