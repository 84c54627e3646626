package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestOwnPlace: root, who may make a directory everywhere, makes none unasked in another user's home; others make it
// wherever they may, whomever the place belongs to: /tmp is root's.
func TestOwnPlace(t *testing.T) {
	home := t.TempDir()
	plain := os.Geteuid() != 0
	if plain {
		home = "/" // root's
	} else if err := os.Chown(home, 1234, -1); err != nil {
		t.Fatal(err)
	}
	if err := ownPlace(filepath.Join(home, "no-such-directory/cache")); (err == nil) != plain {
		t.Errorf("in another user's home: %v", err)
	}
	if err := ownPlace(filepath.Join(t.TempDir(), "missing/cache")); err != nil {
		t.Errorf("in this user's: %v", err)
	}
}
