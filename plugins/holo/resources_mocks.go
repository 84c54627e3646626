package holo

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// MockFile is a file of scripted stand-ins in a resource tree.
type MockFile struct {
	// Name is the resource's, "mocks/foosql.toml".
	Name string
	// From is the directory that it is from, as the builder wrote it, or "the image", for which Image is set.
	From  string
	Image bool
	r     *resource
}

// mockSuffix ends the names of such files.
const mockSuffix = ".toml"

// Mocks lists the files of scripted stand-ins, by name, with a notice for whatever else is in their directory.
func (r *Resources) Mocks() (list []MockFile, notices []string) {
	for _, name := range r.names {
		rest, ok := strings.CutPrefix(name, mocksName+"/")
		if !ok || strings.Contains(rest, "/") {
			continue
		}
		n := r.byName[name]
		if n.kind != rootfs.Regular || !strings.HasSuffix(name, mockSuffix) {
			notices = append(notices, fmt.Sprintf("%q of %s is no file with a name *%s, and ignored", name, n.from, mockSuffix))
			continue
		}
		list = append(list, MockFile{Name: name, From: n.from, Image: n.image, r: n})
	}
	return list, notices
}

// Read reads the file, and no more than a byte beyond a limit.
func (m MockFile) Read(ctx context.Context, limit int64) ([]byte, error) {
	f, err := m.r.opened(ctx)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit+1))
}
