package systemdunits

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
)

// counting counts the questions that a root is asked.
type counting struct {
	rootfs.Root
	n int
}

func (c *counting) Lstat(name string) (rootfs.Meta, error) { c.n++; return c.Root.Lstat(name) }
func (c *counting) Resolve(name string) (string, error)    { c.n++; return c.Root.Resolve(name) }
func (c *counting) Open(name string) (io.ReadCloser, error) {
	c.n++
	return c.Root.Open(name)
}
func (c *counting) ReadDir(name string) ([]rootfs.DirEntry, error) {
	c.n++
	return c.Root.ReadDir(name)
}

// TestOthersCostNothing: what applying a unit asks of the root does not grow with the number of others.
func TestOthersCostNothing(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		const others = 1000
		list := []string{`"a"`}
		for i := range others {
			name := fmt.Sprintf("x%d.service", i)
			w.put(lib+"/"+name, "[Install]\nWantedBy=multi-user.target\n")
			w.link(etc+"/multi-user.target.wants/"+name, "/usr/lib/systemd/system/"+name)
			list = append(list, `"`+name+`"`)
		}
		w.resource("1.toml", "enable = ["+strings.Join(list, ", ")+"]\n")
		w.scan()
		for _, want := range []string{"applied", "not-changed"} {
			count := &counting{Root: w.root}
			w.root = count
			got, err := (Plugin{}).Apply(t.Context(), w.env(), "unit:a.service", false)
			if must(t, err); string(got) != want || count.n > others {
				t.Errorf("%s, and %d questions, beside %d other units", got, count.n, others)
			}
			w.root = count.Root
		}
	})
}

// TestLargeCatalog: what a scan has found may be larger than a resource file.
func TestLargeCatalog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	long := strings.Repeat("x", 200)
	for f := range 2 {
		var list []string
		for i := range 10_000 {
			list = append(list, fmt.Sprintf("\"%s%d.%d.service\"", long, f, i))
		}
		w.resource(fmt.Sprintf("%d.toml", f), "mask = ["+strings.Join(list, ",")+"]\n")
	}
	w.want("unit:"+long+"1.9999.service", false, "applied")
	w.want("unit:"+long+"1.10000.service", false, "unknown entity ID")
}
