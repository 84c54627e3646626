package xenstore

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/holo-build/holo-build/plugins/mock"
)

// Bounds of what a domain can make, as xenstored has them, and of what a directory can give.
const (
	maxNodes        = 1000
	maxValue        = 2048
	maxPerms        = 5
	maxWatches      = 128
	maxTransactions = 10
	maxEvents       = 1000 // in a transaction
	maxGiven        = 2000
)

// defaultDomain is the number of the domain, unless there is another.
const defaultDomain = 1

// writable are the nodes that a guest may write to, xenstore-paths.markdown and xl's way of making a domain.
var writable = []string{"attr", "data", "drivers", "error", "feature"}

// Store is a XenStore, as one domain sees it.
type Store struct {
	home string

	mu           sync.Mutex
	tree         tree
	watches      []*watcher
	transactions int
	// told are the nodes as they were when changes were told.
	told map[string]*node
}

// NewStore makes the store of a domain, 1 if it is 0. What is in dir, which may be empty, is below its home.
func NewStore(dir string, domain uint16) (*Store, error) {
	domain = cmp.Or(domain, defaultDomain)
	id := strconv.Itoa(int(domain))
	s := &Store{home: "/local/domain/" + id}
	s.tree = tree{nodes: map[string]*node{}, domain: domain}
	hosts, readable := []perm{{0, 0}}, []perm{{0, 0}, {domain, mayRead}}
	for _, p := range []string{"/", "/local", "/local/domain"} {
		s.tree.put(p, node{perms: hosts})
	}
	s.tree.put(s.home, node{perms: readable})
	s.tree.put(s.home+"/domid", node{perms: readable, value: []byte(id)})
	for _, name := range writable {
		s.tree.put(s.home+"/"+name, node{perms: []perm{{domain, 0}}})
	}
	if dir != "" {
		if err := s.load(dir); err != nil {
			return nil, fmt.Errorf("reading a XenStore from %s: %w", dir, err)
		}
	}
	s.tree.most = s.tree.owned + maxNodes // what is given does not count
	s.told = maps.Clone(s.tree.nodes)
	return s, nil
}

func (s *Store) load(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	given := 0
	defer func() {
		for _, n := range s.tree.nodes {
			slices.Sort(n.children)
		}
	}()
	return fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		path := s.home + "/" + name
		if given++; given > maxGiven {
			return fmt.Errorf("there are more than %d nodes", maxGiven)
		}
		if _, ok := s.path(path); !ok {
			return fmt.Errorf("%s can't be the name of a node: it has letters, digits and -_@, and less than %d bytes", name, maxPath)
		}
		n := s.tree.nodes[path]
		if n == nil {
			above := s.tree.nodes[parentOf(path)]
			n = &node{perms: above.perms}
			above.children = append(above.children, filepath.Base(name))
			s.tree.nodes[path] = n
			s.tree.owned += s.tree.owns(n)
		}
		switch {
		case e.IsDir():
		case !e.Type().IsRegular():
			return fmt.Errorf("%s is neither a file nor a directory", name)
		default:
			if n.value, err = value(root, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// value is the content of a file, but for the end of its last line, which is the editor's.
func value(root *os.Root, name string) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPayload+2))
	b = bytes.TrimSuffix(b, []byte("\n"))
	if err == nil && len(b) > maxPayload {
		err = fmt.Errorf("%s has more than the %d bytes that a node can have", name, maxPayload)
	}
	return b, err
}

// Digest is the SHA-256 of all nodes, with their values and permissions, as the log has it.
func (s *Store) Digest() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := sha256.New()
	for _, p := range slices.Sorted(maps.Keys(s.tree.nodes)) {
		n := s.tree.nodes[p]
		fmt.Fprintf(sum, "%s %v %d %s\n", p, n.perms, len(n.value), n.value)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// path resolves and checks a path of a request.
func (s *Store) path(p string) (string, bool) {
	if !strings.HasPrefix(p, "/") {
		if p == "" || len(p) > maxRelative {
			return "", false
		}
		p = s.home + "/" + p
	}
	odd := strings.ContainsFunc(p, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-/_@", r)
	})
	if odd || len(p) > maxPath || strings.Contains(p, "//") || p != "/" && strings.HasSuffix(p, "/") {
		return "", false
	}
	return p, true
}

// changes are the commands that would do what has been done since they were last asked for.
func (s *Store) changes() (list [][]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	paths := slices.Concat(slices.Collect(maps.Keys(s.tree.nodes)), slices.Collect(maps.Keys(s.told)))
	slices.Sort(paths)
	for _, p := range slices.Compact(paths) {
		old, now := s.told[p], s.tree.nodes[p]
		switch {
		case now == nil:
			if s.tree.nodes[parentOf(p)] != nil {
				list = append(list, []string{"xenstore-rm", p})
			}
			continue
		case old == nil || !bytes.Equal(old.value, now.value):
			said := mock.Redacted
			if len(now.value) == 0 {
				said = ""
			}
			list = append(list, []string{"xenstore-write", p, said})
		}
		if old != nil && !slices.Equal(old.perms, now.perms) {
			argv := []string{"xenstore-chmod", p}
			for _, one := range now.perms {
				argv = append(argv, one.String())
			}
			list = append(list, argv)
		}
	}
	s.told = maps.Clone(s.tree.nodes)
	return list
}
