package rootfs

import (
	"time"

	"golang.org/x/sys/unix"
)

// diskStat is what stat(2) said of a file when it was last looked at: as long as it says the same, nobody has touched
// the file. Times are in the file system's own clock.
type diskStat struct {
	dev, ino     uint64
	born         unix.Timespec // zero where the file system does not say: ext2, FUSE
	mode         uint32
	nlink        uint32
	uid, gid     uint32
	rdev         uint64
	size         int64
	mtime, ctime unix.Timespec
}

// diskFile is what a staging directory has of a file, as it was last seen. Names of one file on the disk share it.
type diskFile struct {
	stat diskStat
	// racy: the file was changed so shortly before it was seen that a further change might have left the same times. Its
	// content is compared, too.
	racy bool
	// hidden are the extended attributes that the disk could not be given.
	hidden map[string]string
}

// statAt asks for a name of an opened directory, and follows no symlink.
func statAt(dirfd int, base string) (diskStat, error) {
	return statx(dirfd, base, unix.AT_SYMLINK_NOFOLLOW)
}

// statFD asks for an open file.
func statFD(fd int) (diskStat, error) { return statx(fd, "", unix.AT_EMPTY_PATH) }

func statx(dirfd int, name string, flags int) (diskStat, error) {
	var st unix.Statx_t
	if err := unix.Statx(dirfd, name, flags, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st); err != nil {
		return diskStat{}, err
	}
	return diskStat{
		dev: unix.Mkdev(st.Dev_major, st.Dev_minor), ino: st.Ino, born: timespec(st.Btime), mode: uint32(st.Mode), nlink: st.Nlink,
		uid: st.Uid, gid: st.Gid, rdev: unix.Mkdev(st.Rdev_major, st.Rdev_minor), size: int64(st.Size),
		mtime: timespec(st.Mtime), ctime: timespec(st.Ctime),
	}, nil
}

func timespec(t unix.StatxTimestamp) unix.Timespec {
	return unix.Timespec{Sec: t.Sec, Nsec: int64(t.Nsec)}
}

// sameFile reports whether a name still is the file that it was: a number is given again as soon as its file is gone, but
// not with the time of birth, where the file system has that.
func (s diskStat) sameFile(o diskStat) bool { return s.id() == o.id() && s.born == o.born }

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
