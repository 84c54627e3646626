// Package erofs writes EROFS images that hold the metadata of a file tree alone: names, owners, modes, times, extended
// attributes, link targets, and for each regular file where its content lies on another device. So one small image
// makes a mountable tree of content that is stored elsewhere, such as the layers of an image, one file for each.
//
// The format is the kernel's (Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h), of which this is used:
//
//   - blocks of 4096 bytes, inodes of 64 bytes (32-bit owners, times in nanoseconds), numbered by their place;
//   - regular files as chunks with indexes (Linux 5.15) that name a device of the device table (Linux 5.16);
//   - directories and link targets beside their inode where both fit into a block, else in blocks of their own;
//   - extended attributes beside their inode.
//
// An image is laid out as superblock and device table, inodes, blocks. It holds no clock and no randomness: the same
// tree is the same bytes. Mounting is left to others.
package erofs
