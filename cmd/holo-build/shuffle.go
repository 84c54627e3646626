package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/holo-build/holo-build/plugins/holo"
	"github.com/holo-build/holo-build/rootfs"
)

const shuffleUsage = "apply the entities of each plugin in so many other orders, too, to\ncopies that are thrown away, and tell if that makes a difference;\n`N[:SEED]`, 1 if not given, says which orders"

// shuffleFlag is the value of --shuffle.
type shuffleFlag struct {
	orders int
	seed   uint64
}

// Set implements pflag.Value.
func (f *shuffleFlag) Set(s string) (err error) {
	n, seed, given := strings.Cut(s, ":")
	f.seed = 1
	if f.orders, err = strconv.Atoi(n); err == nil && given {
		f.seed, err = strconv.ParseUint(seed, 10, 64)
	}
	if err != nil || f.orders < 1 {
		return errors.New("it is a number of orders, at least 1, and perhaps a colon and the number of a seed")
	}
	return nil
}

func (f *shuffleFlag) String() string {
	if f.orders == 0 {
		return ""
	}
	return fmt.Sprintf("%d:%d", f.orders, f.seed)
}

// Type implements pflag.Value.
func (*shuffleFlag) Type() string { return "N[:SEED]" }

// order is an order of entities: for each, its place in the order of the build.
type order []int

// shuffle applies the entities in other orders to the base, and tells whether what comes of it is the same. If it is not,
// it finds two entities whose exchange, where one comes right after the other, makes a difference: on the way from the
// order that does to that of the build, one exchange of neighbours after the other, there is such a pair, and to halve the
// way time and again is the fastest way to it.
func (b *build) shuffle(ctx context.Context, entities []entityRecord) error {
	f := b.o.shuffle
	if f.orders == 0 {
		return nil
	}
	b.ui.begin(fmt.Sprintf("Applying in %s, seed %d", count(f.orders, "other order", "other orders"), f.seed))
	defer b.ui.end()
	usual := make(order, len(entities))
	for i := range usual {
		usual[i] = i
	}
	want, err := b.resultOf(ctx, entities, usual)
	if err != nil {
		return err
	}
	tried := 0
	for n := range f.orders {
		o := mixed(entities, rand.New(rand.NewPCG(f.seed, uint64(n))))
		if slices.IsSorted(o) {
			continue // that of the build
		}
		tried++
		got, err := b.resultOf(ctx, entities, o)
		if err != nil {
			return err
		}
		if maps.Equal(got, want) {
			continue
		}
		text, err := b.blameOrder(ctx, entities, o, want, got)
		if err != nil {
			return err
		}
		text = fmt.Sprintf("--shuffle %s: order %d: %s", &f, n+1, text)
		if b.o.strict {
			return errors.New("--strict: " + text)
		}
		b.ui.warn(text)
		return nil
	}
	if tried == 0 {
		b.ui.report(fmt.Sprintf("\nno other order of entities was met, seed %d\n", f.seed))
		return nil
	}
	b.ui.report(fmt.Sprintf("\nthe same in %s of entities, seed %d\n", count(tried, "other order", "other orders"), f.seed))
	return nil
}

// blameOrder says why an order gives another result than that of the build: got, and not want.
func (b *build) blameOrder(ctx context.Context, entities []entityRecord, o order, want, got map[string]string) (string, error) {
	usual := slices.Sorted(slices.Values(o))
	second, err := b.resultOf(ctx, entities, usual)
	if err != nil {
		return "", err
	}
	if !maps.Equal(second, want) {
		return "even in one order the entities do not always do the same: " + someOf(differing(want, second)), nil
	}
	p, err := culprit(o, func(o order) (bool, error) {
		closer, err := b.resultOf(ctx, entities, o)
		same := maps.Equal(closer, want)
		if !same {
			got = closer
		}
		return same, err
	})
	first, last := entities[min(p[0], p[1])], entities[max(p[0], p[1])]
	return fmt.Sprintf("it makes a difference whether %s comes before %s (plugin %s): %s", first.ID, last.ID, first.Plugin,
		someOf(differing(want, got))), err
}

// mixed is an order in which each plugin's entities, which stand together, are at each other's places.
func mixed(entities []entityRecord, random *rand.Rand) order {
	o := make(order, len(entities))
	for i := range o {
		o[i] = i
	}
	for from := 0; from < len(o); {
		to := from
		for to < len(o) && entities[to].Plugin == entities[from].Plugin {
			to++
		}
		part := o[from:to]
		random.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
		from = to
	}
	return o
}

// culprit returns two entities, by their places in the build's order, whose exchange as neighbours decides whether the
// result is the same. That of o is not, that of the build's order is; so they are not one.
func culprit(o order, same func(order) (bool, error)) (pair [2]int, err error) {
	// The exchanges of neighbours that sort the order.
	var swaps []int
	sorting := slices.Clone(o)
	for i := range sorting {
		for j := i; j > 0 && sorting[j] < sorting[j-1]; j-- {
			sorting[j], sorting[j-1] = sorting[j-1], sorting[j]
			swaps = append(swaps, j-1)
		}
	}
	after := func(n int) order {
		o := slices.Clone(o)
		for _, at := range swaps[:n] {
			o[at], o[at+1] = o[at+1], o[at]
		}
		return o
	}
	differs, is := 0, len(swaps)
	for is-differs > 1 {
		middle := (differs + is) / 2
		ok, err := same(after(middle))
		if err != nil {
			return pair, err
		}
		if ok {
			is = middle
		} else {
			differs = middle
		}
	}
	last := after(differs)
	at := swaps[differs]
	return [2]int{last[at], last[at+1]}, nil
}

// resultOf applies the entities in an order, and returns what came of it: each path that was changed, but for books, locks,
// caches and logs, with what it is now, wherever in a file of single entries these stand; the configuration; and what failed.
func (b *build) resultOf(ctx context.Context, entities []entityRecord, o order) (result map[string]string, err error) {
	type key struct{ plugin, id string }
	place := map[key]int{}
	for at, i := range o {
		place[key{entities[i].Plugin, entities[i].ID}] = at
	}
	sorted := func(list []*holo.Scanned) {
		slices.SortStableFunc(list, func(a, b *holo.Scanned) int {
			return cmp.Compare(place[key{a.Plugin, a.ID}], place[key{b.Plugin, b.ID}])
		})
	}
	err = b.throwAway(ctx, b.base, sorted, func(stage *rootfs.Staging, done provisioned) error {
		result = map[string]string{}
		if err := done.failure(); err != nil {
			problems := slices.Sorted(slices.Values(done.problems))
			result["what fails"] = strings.Join(problems, "\n")
			return nil // what could not be collected after that follows from it
		}
		changes, err := stage.Changes(b.epoch)
		if err != nil {
			return err
		}
		class := classifier(stage.Root(byBuild), done.plugins)
		for _, c := range changes {
			if class(c.Path) != "" {
				continue
			}
			r := newChangeRecord(c, "")
			r.By = nil
			if isLineSet(c) {
				if r.After.Digest, err = digestOfLines(stage.Root(byBuild), c.Path); err != nil {
					return err
				}
			}
			text, err := json.Marshal(r)
			if err != nil {
				return err
			}
			result[r.Path] = string(text)
		}
		settings, err := json.Marshal(done.settings)
		result["the image's configuration"] = string(settings)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("--shuffle: %w", err)
	}
	return result, nil
}

// lineSets are the files in which each line stands for itself: passwd(5), shadow(5), group(5), gshadow(5), subuid(5),
// subgid(5).
var lineSets = []string{"etc/passwd", "etc/shadow", "etc/group", "etc/gshadow", "etc/subuid", "etc/subgid"}

// isLineSet reports whether the order of a file's lines is nothing that anybody goes by: as in lineSets, and in a user's
// keys, sshd(8), "AUTHORIZED_KEYS FILE FORMAT".
func isLineSet(c rootfs.Change) bool {
	const most = 8 << 20 // what is larger is compared as it is
	return c.Kind != rootfs.Deleted && c.After.Type == rootfs.Regular && c.After.Size <= most &&
		(slices.Contains(lineSets, c.Path) || path.Base(c.Path) == "authorized_keys")
}

// digestOfLines is that of a file with its lines sorted.
func digestOfLines(root rootfs.Root, name string) (digest string, err error) {
	f, err := root.Open(name)
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	lines := slices.SortedFunc(bytes.Lines(content), bytes.Compare)
	return sha256Text(sha256.Sum256(bytes.Join(lines, nil))), nil
}

// differing lists in what two results differ.
func differing(a, b map[string]string) (list []string) {
	for name := range a {
		if a[name] != b[name] {
			list = append(list, name)
		}
	}
	for name := range b {
		if _, both := a[name]; !both {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}
