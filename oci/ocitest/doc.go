// Package ocitest is for tests: small images, broken images, a registry, and a suite for any [oci.Transport] that can
// be written and read back. Nothing in it reaches another machine.
package ocitest
