package holotest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// The files of a case.
const (
	targetName      = "target"
	sourceTreeName  = "source-tree"
	sourceImageName = "source-image"
	envName         = "env.sh"
	treeName        = "tree"
	outputSuffix    = "-output"
	coloredPrefix   = "colored-"
	expectedPrefix  = "expected-"
)

// testCase is one case that is run.
type testCase struct {
	// dir is the case's directory, and work the one it runs in; bin is what PATH begins with.
	dir, work, bin string
	o              Options
	// format is that of the tree that is compared, and before the tree before, for the format Changes.
	format Format
	before *Tree
	// got are the outputs, by name.
	got map[string][]byte
	// colored are those of the operations, before their colours were taken away.
	colored map[string][]byte
	// standIns are those that plugins find; nil for none. If compared is set, their ledger is.
	standIns *standIns
	compared bool
}

// artifact reports whether a file of a case directory is what came of an earlier run.
func (c *testCase) artifact(name string) bool {
	return name == callsName && c.compared || name == targetName || name == treeName || !strings.HasPrefix(name, expectedPrefix) && slices.Contains(outputNames(), strings.TrimPrefix(name, coloredPrefix))
}

// outputNames are the names of the operations' outputs, in their order.
func outputNames() []string {
	var list []string
	for _, op := range operations {
		list = append(list, op.name+outputSuffix)
	}
	return list
}

// run runs the case.
func (c *testCase) run(ctx context.Context) (err error) {
	wanted, compared, err := c.wantsStandIns()
	if err != nil {
		return err
	}
	c.compared = compared
	if err := c.prepare(ctx); err != nil {
		return err
	}
	if wanted {
		if err := c.startStandIns(ctx); err != nil {
			return err
		}
	}
	err = c.operate(ctx)
	if wanted {
		err = errors.Join(err, c.standIns.close())
	}
	if err != nil {
		return err
	}
	if c.compared {
		c.got[callsName] = c.ledger()
	}
	target := filepath.Join(c.work, targetName)
	if fi, err := os.Lstat(target); err != nil || !fi.IsDir() {
		return fmt.Errorf("%s is no directory any more", targetName)
	}
	root, err := rootfs.OpenHost(target)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	after, err := ReadTree(root, c.format)
	if err != nil {
		return fmt.Errorf("dumping the tree: %w", err)
	}
	if c.format == Changes {
		after = after.Since(c.before)
	}
	var b bytes.Buffer
	if err := after.Write(&b); err != nil {
		return err
	}
	c.got[treeName] = b.Bytes()
	if c.o.InPlace {
		return c.leave()
	}
	return nil
}

// prepare makes the directory in which the case runs, and the tree that it begins with.
func (c *testCase) prepare(ctx context.Context) (err error) {
	if c.o.InPlace {
		err = c.clear()
	} else {
		err = c.copy()
	}
	if err != nil {
		return fmt.Errorf("preparing the case: %w", err)
	}
	source, err := c.source(ctx)
	if err != nil {
		return err
	}
	root, err := rootfs.OpenHost(filepath.Join(c.work, targetName))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if err := source.Make(root); err != nil {
		return fmt.Errorf("%s: %w", sourceTreeName, err)
	}
	if err := makeDirs(root); err != nil {
		return fmt.Errorf("making the directories of Holo: %w", err)
	}
	if c.format == Changes {
		c.before, err = ReadTree(root, Changes)
	}
	return err
}

// clear removes what an earlier run in place has left.
func (c *testCase) clear() error {
	list, err := os.ReadDir(c.work)
	if err != nil {
		return err
	}
	for _, e := range list {
		if c.artifact(e.Name()) {
			if err := rootfs.RemoveTree(filepath.Join(c.work, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// copy copies the case, but for what is made anew, and what is compared with.
func (c *testCase) copy() error {
	list, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	if err := os.Mkdir(c.work, 0o755); err != nil {
		return err
	}
	for _, e := range list {
		from, to := filepath.Join(c.dir, e.Name()), filepath.Join(c.work, e.Name())
		if c.artifact(e.Name()) || strings.HasPrefix(e.Name(), expectedPrefix) {
			continue
		}
		if err := copyAny(from, to, e); err != nil {
			return err
		}
	}
	return nil
}

func copyAny(from, to string, e fs.DirEntry) error {
	switch {
	case e.IsDir():
		return os.CopyFS(to, os.DirFS(from))
	case e.Type() == fs.ModeSymlink:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case !e.Type().IsRegular():
		return fmt.Errorf("%s: neither file, directory nor symlink", from)
	}
	src, err := openRegular(from)
	if err != nil {
		return err
	}
	defer src.Close()
	i, err := src.Stat()
	if err != nil {
		return err
	}
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, i.Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// source makes target/, and returns the tree to be laid over it. It settles the format of the tree to compare.
func (c *testCase) source(ctx context.Context) (*Tree, error) {
	target := filepath.Join(c.work, targetName)
	tree, treeErr := readTreeFile(filepath.Join(c.dir, sourceTreeName), readRegular)
	if treeErr != nil && !errors.Is(treeErr, fs.ErrNotExist) {
		return nil, treeErr
	}
	ref, platform, err := readImageFile(filepath.Join(c.dir, sourceImageName))
	switch {
	case err == nil:
		c.format = Changes
		if c.o.Image == nil {
			return nil, fmt.Errorf("%s: images can't be opened here", sourceImageName)
		}
		if err := c.o.Image(ctx, c.dir, ref, platform, target); err != nil {
			return nil, fmt.Errorf("%s: %w", sourceImageName, err)
		}
		if treeErr != nil {
			tree = &Tree{}
		}
		return tree, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case treeErr != nil:
		return nil, fmt.Errorf("no test case: there is neither %s nor %s", sourceTreeName, sourceImageName)
	}
	c.format = tree.Format
	if expected, err := expectedFormat(filepath.Join(c.dir, expectedPrefix+treeName)); err == nil {
		c.format = expected
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return tree, os.Mkdir(target, 0o755)
}

func readTreeFile(name string, read func(name string) ([]byte, error)) (*Tree, error) {
	b, err := read(name)
	if err != nil {
		return nil, err
	}
	t, err := ParseTree(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%s, %w", filepath.Base(name), err)
	}
	return t, nil
}

// expectedFormat looks at the first line.
func expectedFormat(name string) (Format, error) {
	b, err := readRegular(name)
	if err != nil {
		return Plain, err
	}
	switch line, _, _ := strings.Cut(string(b), "\n"); line {
	case fullMark:
		return Full, nil
	case changesMark:
		return Changes, nil
	}
	return Plain, nil
}

// readImageFile reads what names an image: a line with its reference, and perhaps one with "platform" and a platform.
// Empty lines and lines that begin with # are skipped.
func readImageFile(name string) (ref, platform string, err error) {
	b, err := readRegular(name)
	if err != nil {
		return "", "", err
	}
	for i, line := range strings.Split(string(b), "\n") {
		line = strings.TrimSpace(line)
		p, isPlatform := strings.CutPrefix(line, "platform ")
		switch {
		case line == "" || line[0] == '#':
		case isPlatform && ref != "" && platform == "":
			platform = strings.TrimSpace(p)
		case ref == "":
			ref = line
		default:
			return "", "", fmt.Errorf("%s, line %d: %q follows the reference", sourceImageName, i+1, line)
		}
	}
	if ref == "" {
		return "", "", fmt.Errorf("%s has no reference of an image", sourceImageName)
	}
	return ref, platform, nil
}

// makeDirs makes the directories that cases rely on; holo-test(7).
func makeDirs(root rootfs.Root) error {
	dirs := []string{"run", "tmp", "var/lib/holo/files/base", "var/lib/holo/files/provisioned", "usr/share/holo/generators"}
	ids, err := pluginIDs(root)
	if err != nil {
		return err
	}
	for _, id := range ids {
		dirs = append(dirs, "usr/share/holo/"+id)
	}
	for _, dir := range dirs {
		if err := rootfs.MkdirAll(root, dir, mine(rootfs.Meta{Mode: 0o755})); err != nil && !errors.Is(err, rootfs.ErrName) {
			return err
		}
	}
	return nil
}

// pluginIDs lists the IDs in lines "plugin ID" and "plugin ID=PATH" of the root's holorc, whatever else stands there: that
// may be what a case is about.
func pluginIDs(root rootfs.Root) ([]string, error) {
	const dir = "etc/holorc.d"
	files := []string{"etc/holorc"}
	list, err := root.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range list {
		files = append(files, dir+"/"+e.Name)
	}
	var ids []string
	for _, name := range files {
		if m, err := rootfs.Stat(root, name); err != nil || m.Type != rootfs.Regular {
			continue
		}
		text, err := readFile(root, name)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			rest, ok := strings.CutPrefix(strings.TrimSpace(line), "plugin ")
			id, _, _ := strings.Cut(rest, "=")
			if id = strings.TrimSpace(id); ok && id != "" {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}
