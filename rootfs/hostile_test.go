package rootfs_test

import (
	"testing"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// The corpus as layers that are handed in as they are; package oci runs it through files of every kind.

func TestHostileNames(t *testing.T) { runHostile(t, rootfstest.HostileNames(t)) }

func TestHostileRoots(t *testing.T) { runHostile(t, rootfstest.HostileRoots(t)) }

func TestHostileLinks(t *testing.T) { runHostile(t, rootfstest.HostileLinks(t, canary(t))) }

func TestHostileWhiteouts(t *testing.T) { runHostile(t, rootfstest.HostileWhiteouts(t)) }

func TestHostileFlips(t *testing.T) { runHostile(t, rootfstest.HostileFlips(t, canary(t))) }

func TestHostileSizes(t *testing.T) { runHostile(t, rootfstest.HostileSizes(t)) }

func TestHostileMetadata(t *testing.T) { runHostile(t, rootfstest.HostileMetadata(t)) }

func runHostile(t *testing.T, tests []rootfstest.Hostile) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.Name, func(t *testing.T) {
			var layers []rootfs.Layer
			for _, l := range tt.Layers {
				layers = append(layers, l)
			}
			tt.Run(t, layers)
		})
	}
}

func canary(t *testing.T) string {
	t.Helper()
	return canaryOf(t)
}

func canaryOf(t testing.TB) string {
	t.Helper()
	return rootfstest.Canary(t)
}

func snapshot(t *testing.T, dir string) []string {
	t.Helper()
	return rootfstest.Snapshot(t, dir)
}
