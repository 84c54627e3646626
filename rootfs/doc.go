// Package rootfs holds a root file system while it is provisioned: layers in, names resolved inside, changes out.
//
// A [Staging] is made from the layers of a base, oldest first. It keeps a model of the merged tree (types, modes,
// owners, extended attributes, link groups, devices, times) in two generations: base, which is what the layers said,
// and current, which is what the tree is now. The disk holds the same tree as far as the calling user may create it;
// where the two differ for want of privilege, the model has the truth. So a plain user gets the layer that root gets.
//
//	layers --read--> base --seal--> current --Root, Rescan--> current' --Changes--> one deterministic tar
//
// Everything of ours changes the tree through a [Root], which records who did it. What a foreign process did on the
// disk is found afterwards by [Staging.Rescan].
//
// The package knows tar, and nothing of images, registries or plugins.
package rootfs
