// Package oci reads and writes images: OCI layouts, archives, registries, and trees that are no images.
//
// A [Transport] is one place where images live. It opens a reference as an [Image], whose documents were checked and
// whose layers are read lazily, every byte checked against digest and size; and it creates a [Destination], which is
// written whole before its name moves. [Append] makes a new image from a base and one more layer without touching
// what was there.
//
// The package knows nothing of plugins. Trees come from and go to package rootfs.
package oci
