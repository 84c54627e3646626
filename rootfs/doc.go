// Package rootfs holds a root file system while it is provisioned: layers in, names resolved inside, changes out.
//
// A layer is read once, into an [Unpacked]: an index of its entries, and one file with the content of all its files.
// Layers are merged into a [Base] by their indexes alone, which can be kept in a tree file and be read from that, directory
// by directory. A [Staging] is what becomes of a base. It keeps a model of the tree (types, modes, owners, extended
// attributes, link groups, devices, times) in two generations: base, which is what the layers said, and current, which is
// what the tree is now.
//
//	layers --Unpack--> indexes, data --Merge--> Base --Stage--> current --Root, Rescan--> current' --Changes--> one tar
//
// A staging begins as a view: nothing is written out. For executables, [Staging.WriteOut] makes a directory with all files,
// and [Staging.Mount] has the kernel show the tree. A disk holds the tree as far as the calling user may create it; where
// the two differ for want of privilege, the model has the truth. So a plain user gets the layer that root gets.
//
// Everything of ours changes the tree through a [Root], which records who did it. What a foreign process did in a
// directory is found afterwards by [Staging.Rescan].
//
// The package knows tar, and nothing of images, registries or plugins.
package rootfs
