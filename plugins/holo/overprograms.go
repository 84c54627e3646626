package holo

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/holo-build/holo-build/plugins/sandbox"
)

// programDirs are where a system's tools are.
var programDirs = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// overPrograms puts the stand-in over the tools of the building machine, for those who call them by their paths. Where a name
// stands for a program of many names, by a symlink or a hard link, it stays: what is shown in its place would be seen by all
// of them.
func (s *StandIns) overPrograms() []sandbox.Bind {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != nil {
		return s.over
	}
	s.over = []sandbox.Bind{}
	for _, dir := range programDirs {
		if real, err := filepath.EvalSymlinks(dir); err != nil || real != dir {
			continue // the same as another, or not there
		}
		for _, name := range s.names() {
			at := filepath.Join(dir, name)
			info, err := os.Lstat(at)
			if err != nil || info.Mode().Type() != 0 || links(info) != 1 {
				continue
			}
			s.over = append(s.over, sandbox.Bind{Host: s.Program, At: at})
		}
	}
	return s.over
}

func links(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 0
}
