// Package mounts makes mounts that hang on a file descriptor and nowhere else: an EROFS image whose content lies in
// further files, and overlays. Once the descriptor is closed, by whatever end its process has, the mount is gone, and
// its loop devices with it. What to mount is for others to say.
//
// The calls are those of the mount API of Linux 5.2 (fsopen(2), fsconfig(2), fsmount(2), open_tree(2), move_mount(2)).
// What later kernels do better is tried first:
//
//	EROFS of many devices                    Linux 5.16
//	EROFS from files, without loop devices   Linux 6.12, and not if the image (its devices may) lies on tmpfs or overlayfs
//	layers of an overlay one by one          Linux 6.8 as paths, 6.13 as descriptors
//	a detached mount as a layer, and cloned  Linux 6.15; before, by way of a mount namespace that only we hold
//
// What a kernel, or a container's filter of system calls, does not have is an [UnsupportedError].
package mounts
