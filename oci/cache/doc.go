// Package cache keeps layers that were read once: unpacked, checked, and found again by the digest of the stored blob.
//
//	DIR/v1/                  mode 0700, owned by the caller; another version of the layout stands beside it
//	  layers/HEX/            the layer whose DiffID is HEX: index and data, as [rootfs.Unpack] writes them
//	  blobs/HEX              what the stored blob with that digest really was: sizes and DiffID
//	  trees/HEX.KIND/        what was made of the layers whose ChainID is HEX: content and its digest
//	  tmp/TEXT/              what is being made, locked as long as its process lives
//	  locks/HEX              locked by who reads the blob with that digest
//	  lock                   locked while a name comes or goes
//
// A DiffID in an image is a claim. So a layer is looked for by the digest of its blob: the record of that says which
// DiffID the blob had when it was read, and with it which index was made of it, and that has the digest of each file. An
// image that claims something else gets the error that reading the layer would give. Everything appears by rename, when
// it is whole and checked; a layer is on the disk then, so that a loss of power leaves none that is not what it was.
//
// The files of what is open are never taken away by [Cache.Prune]: a directory is locked, shared, as long as one of its
// users has it open. What is damaged, or was removed by somebody, is made anew. A cache that can't be written makes no
// build fail: layers are then unpacked elsewhere.
//
// The directory of an older version, which is laid out by the same names, goes when there is no room, or when it is asked
// for, if nobody has any of it locked and all that is in it is so named. That of a newer one is left alone.
//
// Whoever may write to the directory is trusted, since digests of content are not taken where the kernel mounts it. So the
// directory must belong to the caller, and nobody else may write to it. It is opened once, and used by its descriptor.
package cache
