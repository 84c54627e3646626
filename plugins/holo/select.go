package holo

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holo-build/holo-build/rootfs"
)

// Bundled is a plugin that comes with this program.
type Bundled struct {
	ID string
	// Order is its place among the plugins that nobody has put in order, and the number of its holorc snippet.
	Order  int
	Plugin Plugin
	// OnRoot says that it runs its resources on the root (Command.OnRoot), which takes one that is a directory.
	OnRoot bool
}

// Selection says which plugins are loaded: those of Flags, then those of Holorc, then those that have resources and
// are bundled or were brought, by their order. One that is named twice is loaded once, at its first place.
type Selection struct {
	// Flags are the values of --plugin, ID or ID=BINARY.
	Flags []string
	// Holorc are the lines of the root, as ReadHolorc returns them.
	Holorc []HolorcLine
	// Resources are the IDs that have a resource directory, and Brought those of them that the builder has brought: each
	// of these counts as a holorc line without a path.
	Resources, Brought []string
	Bundled            []Bundled
	// Dir is where the building host keeps plugins; empty means DefaultPluginDir.
	Dir string
	// Live says that the root is the running system: the paths that its holorc names may be run.
	Live bool
	// InRoot says which plugins run inside the staging root, whose files are Image; nil for none.
	InRoot *InRoot
	Image  rootfs.Root
}

// DefaultPluginDir is where plugins are without an explicit path; holo-plugin-interface(7), "Plugin discovery".
const DefaultPluginDir = "/usr/lib/holo"

// ErrImageCode is code that comes with the image, which can't be run as long as nothing confines it.
var ErrImageCode = errors.New("the image's own code")

// BinaryError says that a plugin's executable can't be run.
type BinaryError struct {
	Plugin, Path string
	// Reason is "does not exist", "is not executable" or the like.
	Reason string
}

func (e *BinaryError) Error() string {
	return fmt.Sprintf("loading plugin %s: %s %s; --plugin %s=BINARY names another", e.Plugin, e.Path, e.Reason, e.Plugin)
}

// Specs returns the plugins in the order in which they are loaded. Its error joins all that are wrong.
func (s Selection) Specs() ([]Spec, error) {
	c := &chooser{Selection: s, seen: make(map[string]string)}
	for _, value := range s.Flags {
		c.flag(value)
	}
	for _, l := range s.Holorc {
		c.line(l)
	}
	for _, id := range s.unordered() {
		c.add(id, "", "the resource directory "+resourceDir+"/"+id)
	}
	if s.InRoot != nil {
		for _, id := range s.InRoot.IDs {
			if _, ok := c.seen[id]; !ok {
				c.fail("--in-root %s: there is no such plugin in this build: it has no resources, and neither --plugin nor holorc names it", id)
			}
		}
	}
	return c.specs, errors.Join(c.errs...)
}

// unordered lists the IDs that have resources and a plugin, by order and ID.
func (s Selection) unordered() []string {
	order := make(map[string]int)
	for _, id := range s.Brought {
		order[id] = snippetOrder
	}
	for _, b := range s.Bundled {
		if slices.Contains(s.Resources, b.ID) || slices.Contains(s.Brought, b.ID) {
			order[b.ID] = b.Order
		}
	}
	var ids []string
	for id := range order {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(cmp.Compare(order[a], order[b]), cmp.Compare(a, b))
	})
	return ids
}

// chooser collects the plugins of a selection.
type chooser struct {
	Selection
	specs []Spec
	seen  map[string]string // the binary by flag of each ID that is decided
	errs  []error
}

func (c *chooser) fail(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

func (c *chooser) flag(value string) {
	id, binary, explicit := strings.Cut(value, "=")
	if explicit && binary == "" {
		c.fail("--plugin %s: no binary given after the =", value)
		return
	}
	if explicit {
		abs, err := filepath.Abs(binary)
		if err != nil {
			c.fail("--plugin %s: %w", value, err)
			return
		}
		binary = abs
	}
	if old, ok := c.seen[id]; ok && old != binary {
		c.fail("--plugin %s is given twice, with different binaries", id)
		return
	}
	c.add(id, binary, "--plugin "+value)
}

func (c *chooser) line(l HolorcLine) {
	where := fmt.Sprintf("%s, line %d", l.File, l.Number)
	if c.Live && l.Explicit {
		c.add(l.ID, l.Path, where)
		return
	}
	_, decided := c.seen[l.ID]
	if l.Explicit && l.Path != c.defaultBinary(l.ID) && !decided && c.valid(l.ID, where) {
		c.seen[l.ID] = ""
		if runs, why := c.InRoot.code(); !runs {
			c.fail("loading plugin %s: %s names %s, which is %w%s; --plugin %s takes the default instead, --plugin %s=BINARY another",
				l.ID, where, l.Path, ErrImageCode, why, l.ID, l.ID)
			return
		}
		c.inImage(l.ID, l.Path, where)
		return
	}
	c.add(l.ID, "", where)
}

func (c *chooser) valid(id, where string) bool {
	switch {
	case !validResourceID(id):
		c.fail("%s: %q is no plugin ID: only lower-case letters, digits and inner dashes", where, id)
	case id == generatorsName || id == mocksName:
		c.fail("%s: %q is reserved, and no plugin ID", where, id)
	default:
		return true
	}
	return false
}

// add decides on a plugin, unless it is decided already. binary is empty unless a flag gives one.
func (c *chooser) add(id, binary, where string) {
	if _, ok := c.seen[id]; ok {
		return
	}
	c.seen[id] = binary
	if !c.valid(id, where) {
		return
	}
	spec := Spec{ID: id, Binary: binary, Inside: c.InRoot.runs(id)}
	if binary == "" {
		i := slices.IndexFunc(c.Bundled, func(b Bundled) bool { return b.ID == id })
		if i >= 0 {
			spec.Plugin = c.Bundled[i].Plugin
			if spec.Inside && !c.Bundled[i].OnRoot {
				c.fail("--in-root %s: it is part of holo-build, and runs nothing that could run in the root", id)
			}
			c.specs = append(c.specs, spec)
			return
		}
		spec.Binary = c.defaultBinary(id)
		if image := (Spec{ID: id, Binary: spec.Binary}); spec.Inside && checkImageBinary(c.Image, image) == nil {
			spec.InImage = true
			c.specs = append(c.specs, spec)
			return
		}
	}
	if err := checkBinary(spec); err != nil {
		c.errs = append(c.errs, fmt.Errorf("%w (wanted by %s)", err, where))
		return
	}
	c.specs = append(c.specs, spec)
}

// inImage decides on a plugin that is the image's own.
func (c *chooser) inImage(id, binary, where string) {
	spec := Spec{ID: id, Binary: binary, Inside: true, InImage: true}
	if !path.IsAbs(binary) {
		c.fail("loading plugin %s: %s names %q, which is no absolute path", id, where, binary)
	} else if err := checkImageBinary(c.Image, spec); err != nil {
		c.errs = append(c.errs, fmt.Errorf("%w (wanted by %s)", err, where))
	} else {
		c.specs = append(c.specs, spec)
	}
}

func (c *chooser) defaultBinary(id string) string {
	return cmp.Or(c.Dir, DefaultPluginDir) + "/holo-" + id
}

func checkBinary(s Spec) error {
	fi, err := os.Stat(s.Binary)
	reason := ""
	switch {
	case errors.Is(err, os.ErrNotExist):
		reason = "does not exist"
	case err != nil:
		reason = "can't be reached: " + err.Error()
	case !fi.Mode().IsRegular():
		reason = "is no file"
	case fi.Mode()&0o111 == 0:
		reason = "is not executable"
	default:
		return nil
	}
	return &BinaryError{s.ID, s.Binary, reason}
}
