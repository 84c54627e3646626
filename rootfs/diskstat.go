package rootfs

import (
	"time"

	"golang.org/x/sys/unix"
)

// diskStat is what stat(2) said of a file when it was last looked at: as long as it says the same, nobody has touched
// the file. Times are in the file system's own clock.
type diskStat struct {
	dev, ino     uint64
	mode         uint32
	nlink        uint32
	uid, gid     uint32
	rdev         uint64
	size         int64
	mtime, ctime unix.Timespec
}

func statAt(dirfd int, base string) (diskStat, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(dirfd, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return diskStat{}, err
	}
	return makeDiskStat(&st), nil
}

func statFD(fd int) (diskStat, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return diskStat{}, err
	}
	return makeDiskStat(&st), nil
}

func makeDiskStat(st *unix.Stat_t) diskStat {
	return diskStat{dev: st.Dev, ino: st.Ino, mode: st.Mode, nlink: uint32(st.Nlink), uid: st.Uid, gid: st.Gid,
		rdev: st.Rdev, size: st.Size, mtime: st.Mtim, ctime: st.Ctim}
}

// fileID tells files of one disk apart.
type fileID struct{ dev, ino uint64 }

func (s diskStat) id() fileID { return fileID{s.dev, s.ino} }

func (s diskStat) isDir() bool { return s.mode&unix.S_IFMT == unix.S_IFDIR }

// fileType returns the type of a file; ok is false for a socket, which no layer can hold.
func (s diskStat) fileType() (t Type, ok bool) {
	switch s.mode & unix.S_IFMT {
	case unix.S_IFREG:
		return Regular, true
	case unix.S_IFDIR:
		return Directory, true
	case unix.S_IFLNK:
		return Symlink, true
	case unix.S_IFCHR:
		return CharDevice, true
	case unix.S_IFBLK:
		return BlockDevice, true
	case unix.S_IFIFO:
		return FIFO, true
	}
	return 0, false
}

// meta is what the disk alone says of a file; content, target and extended attributes are read by readMeta.
func (s diskStat) meta() (m Meta, ok bool) {
	t, ok := s.fileType()
	m = Meta{Type: t, Mode: s.mode & 07777, UID: s.uid, GID: s.gid, ModTime: timeOf(s.mtime)}
	switch t {
	case Regular:
		m.Size = s.size
	case CharDevice, BlockDevice:
		m.Major, m.Minor = unix.Major(s.rdev), unix.Minor(s.rdev)
	}
	return m, ok
}

func timeOf(ts unix.Timespec) time.Time { return time.Unix(ts.Unix()).UTC() }

func timespecBefore(a, b unix.Timespec) bool {
	return a.Sec < b.Sec || a.Sec == b.Sec && a.Nsec < b.Nsec
}
