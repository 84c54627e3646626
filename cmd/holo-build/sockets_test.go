package main

import (
	"errors"
	"testing"

	"github.com/holo-build/holo-build/plugins/mock"
)

// TestSocketsLive: on the running system, daemons are its own, and it is wrong use to ask for another XenStore.
func TestSocketsLive(t *testing.T) {
	record := func(mock.Call) { t.Error("something is recorded") }
	if list, err := (&build{live: true}).sockets(&mock.Tools{Record: record}); len(list) > 0 || err != nil {
		t.Errorf("%v, %v", list, err)
	}
	_, err := (&build{live: true, o: buildOptions{xenStore: "xen"}}).sockets(&mock.Tools{Record: record})
	if _, ok := errors.AsType[usageError](err); !ok {
		t.Errorf("%v", err)
	}
}
