package rootfs_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

func TestHostileWhiteouts(t *testing.T) {
	mark := func(name string) entry { return file(name, 0, "") }
	below := rootfstest.Tar(t, file("d/x", 0644, "1"), file("d/y", 0644, "2"), file("d/e/z", 0644, "3"), symlink("l", "d"))
	over := func(list ...entry) []layer { return []layer{below, rootfstest.Tar(t, list...)} }
	var tests []hostile
	for _, name := range []string{".wh.", ".wh..", ".wh...", "d/.wh.", ".wh..wh..opq/child", ".wh.d/child", "d/.wh.x/child"} {
		tests = append(tests, hostile{name: name, layers: over(mark(name)), is: rootfs.ErrFormat, entry: name, layer: 1})
	}
	all := []string{"5 0755 0:0 d/", "5 0755 0:0 d/e/", `0 0644 0:0 d/e/z "3"`, `0 0644 0:0 d/x "1"`, `0 0644 0:0 d/y "2"`, "2 0777 0:0 l -> d"}
	for _, name := range []string{".wh..wh.x", ".wh..wh.plnk/12.34", "d/.wh..wh.orph/child", "nowhere/.wh.x", "nowhere/.wh..wh..opq", "d/x/.wh.y", "l/.wh.x",
		"l/.wh..wh..opq", ".wh.nowhere"} {
		tests = append(tests, hostile{name: "nothing by " + name, layers: over(mark(name)), want: all})
	}
	long := strings.Repeat("n", 255)
	runHostile(t, append(tests, []hostile{
		{name: "in what is no layer", layers: one(t, mark(".wh.x")), plain: true, is: rootfs.ErrFormat, entry: ".wh.x"},
		{name: "AUFS in what is no layer", layers: one(t, mark(".wh..wh.x/y")), plain: true, is: rootfs.ErrFormat, entry: ".wh..wh.x/y"},
		{name: "of a symlink", layers: over(mark(".wh.l")), want: all[:5]},
		{name: "of a directory", layers: over(mark(".wh.d")), want: all[5:]},
		{name: "of all", layers: over(mark(".wh..wh..opq"))},
		{name: "of the longest name", layers: append(one(t, file(long, 0644, "")), one(t, mark(".wh."+long))...)},
		{name: "of its own layer", layers: over(file("new", 0644, "n"), mark(".wh.new"), mark(".wh.d"), mark(".wh.l")), want: []string{`0 0644 0:0 new "n"`}},
		{name: "opaque first", layers: over(mark("d/.wh..wh..opq"), file("d/a", 0644, "")), want: []string{"5 0755 0:0 d/", `0 0644 0:0 d/a ""`, all[5]}},
		{name: "opaque last", layers: over(file("d/a", 0644, ""), mark("d/.wh..wh..opq")), want: []string{"5 0755 0:0 d/", `0 0644 0:0 d/a ""`, all[5]}},
		{name: "opaque between", layers: over(file("d/a", 0644, ""), mark("d/.wh..wh..opq"), file("d/x", 0600, "")),
			want: []string{"5 0755 0:0 d/", `0 0644 0:0 d/a ""`, `0 0600 0:0 d/x ""`, all[5]}},
		{name: "opaque keeps what is deep in its own layer", layers: over(file("d/e/a", 0644, ""), mark("d/.wh..wh..opq")),
			want: []string{"5 0755 0:0 d/", "5 0755 0:0 d/e/", `0 0644 0:0 d/e/a ""`, all[5]}},
		{name: "opaque keeps a link to a lower file", layers: over(link("d/k", "d/x"), mark("d/.wh..wh..opq")),
			want: []string{"5 0755 0:0 d/", `0 0644 0:0 d/k "1"`, all[5]}},
		{name: "opaque thousands of times", layers: over(repeat(mark("d/.wh..wh..opq"), 3000)...), want: []string{"5 0755 0:0 d/", all[5]}},
	}...))
}

func repeat(e entry, n int) (list []entry) {
	for range n {
		list = append(list, e)
	}
	return list
}

func TestHostileFlips(t *testing.T) {
	outside := canary(t)
	kinds := map[string][]entry{
		"file": {file("p", 0644, "f")},
		"dir":  {dir("p", 0750), file("p/in", 0644, "i")},
		"link": {symlink("p", outside)},
		"fifo": {{Header: tar.Header{Typeflag: tar.TypeFifo, Name: "p", Mode: 0600, ModTime: epoch}}},
	}
	lines := map[string][]string{
		"file": {`0 0644 0:0 p "f"`},
		"dir":  {"5 0750 0:0 p/", `0 0644 0:0 p/in "i"`},
		"link": {"2 0777 0:0 p -> " + outside},
		"fifo": {"6 0600 0:0 p"},
	}
	var tests []hostile
	for from, a := range kinds {
		for to, b := range kinds {
			tests = append(tests, hostile{name: from + " to " + to + " in the next layer", layers: append(one(t, a...), one(t, b...)...), want: lines[to]},
				hostile{name: from + " to " + to + " in one layer", layers: one(t, append(append([]entry{}, a...), b...)...), want: lines[to]})
		}
	}
	runHostile(t, append(tests, []hostile{
		{name: "below a file of a lower layer", layers: append(one(t, kinds["file"]...), one(t, file("p/in", 0644, "i"))...),
			want: []string{"5 0755 0:0 p/", `0 0644 0:0 p/in "i"`}},
		{name: "below a file of the same layer", layers: one(t, file("p", 0644, ""), file("p/in", 0644, "")), is: rootfs.ErrFormat, entry: "p/in"},
		{name: "duplicates", layers: one(t, file("a", 0644, "1"), file("a", 0600, "22"), dir("b", 0700), file("b/c", 0644, ""), dir("b", 0711)),
			want: []string{`0 0600 0:0 a "22"`, "5 0711 0:0 b/", `0 0644 0:0 b/c ""`}},
	}...))
}

func TestHostileSizes(t *testing.T) {
	type fields = map[string]string
	sparse := func(name string, size int64) rootfstest.Raw { // GNU sparse format 1.0, all hole: GNU tar manual, "PAX 1"
		return rootfstest.Raw{Name: name, Type: tar.TypeReg, Body: "0\n" + strings.Repeat("\x00", 510), PAX: map[string]string{
			"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": name, "GNU.sparse.realsize": fmt.Sprint(size)}}
	}
	runHostile(t, []hostile{
		{name: "negative", layers: raw(rootfstest.Raw{Name: "f", Type: tar.TypeReg, Fields: fields{"size": "-0000000001\x00"}}), is: rootfs.ErrFormat},
		{name: "negative in base 256", layers: raw(rootfstest.Raw{Name: "f", Type: tar.TypeReg, Fields: fields{"size": strings.Repeat("\xff", 12)}}), is: rootfs.ErrFormat},
		{name: "2^63-1", layers: raw(rootfstest.Raw{Name: "f", Type: tar.TypeReg, Fields: fields{"size": "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff"}}),
			is: rootfs.ErrLimit, entry: "f"},
		{name: "2^63 in a record", layers: raw(rootfstest.Raw{Name: "f", Type: tar.TypeReg, PAX: fields{"size": "9223372036854775808"}}), is: rootfs.ErrFormat},
		{name: "more than there is", layers: raw(rootfstest.Raw{Name: "f", Type: tar.TypeReg, Body: "x", Fields: fields{"size": "00000100000\x00"}}),
			is: rootfs.ErrFormat, entry: "f"},
		{name: "less than there is", layers: raw(rootfstest.Raw{Name: "f", Type: tar.TypeReg, Body: strings.Repeat("x", 600),
			Fields: fields{"size": "00000000001\x00"}}),
			is: rootfs.ErrFormat},
		{name: "record larger than the field", layers: raw(rootfstest.Raw{Name: "f", Type: tar.TypeReg, Body: "x", PAX: fields{"size": "5000"}}), is: rootfs.ErrFormat, entry: "f"},
		{name: "file over the limit", layers: one(t, file("f", 0644, "12345")), limits: rootfs.Limits{FileBytes: 4}, is: rootfs.ErrLimit, entry: "f"},
		{name: "layer over the limit", layers: one(t, file("f", 0644, "12345")), limits: rootfs.Limits{LayerBytes: 1024}, is: rootfs.ErrLimit},
		{name: "padding over the limit", layers: []layer{make(layer, 10_000)}, limits: rootfs.Limits{LayerBytes: 9_999}, is: rootfs.ErrLimit},
		{name: "padding", layers: []layer{make(layer, 10_000)}, limits: rootfs.Limits{LayerBytes: 10_000}},
		{name: "a terabyte of hole", layers: raw(sparse("f", 1<<40)), is: rootfs.ErrLimit, entry: "f"},
		{name: "holes together", layers: raw(sparse("f", 60_000), sparse("g", 60_000)), limits: rootfs.Limits{LayerBytes: 100_000}, is: rootfs.ErrLimit, entry: "g"},
		{name: "hard links together", layers: one(t, file("f", 0644, strings.Repeat("x", 40_000)), link("g", "f"), link("h", "f")),
			limits: rootfs.Limits{LayerBytes: 100_000}, is: rootfs.ErrLimit, entry: "h"},
		{name: "no tar", layers: []layer{layer(strings.Repeat("no tar ", 100))}, is: rootfs.ErrFormat},
		{name: "nothing", layers: []layer{nil}},
		{name: "nothing but a global header", layers: raw(rootfstest.Raw{Name: "g", Type: tar.TypeXGlobalHeader, Body: "11 comment=\n"}), is: rootfs.ErrFormat},
		{name: "unknown type", layers: raw(rootfstest.Raw{Name: "f", Type: 'M'}), is: rootfs.ErrFormat, entry: "f"},
	})
}

func TestHostileMetadata(t *testing.T) {
	long := strings.Repeat("k", 300)
	owned := func(uid, gid int) []layer { return one(t, file("f", 0644, "").Owned(uid, gid)) }
	at := func(tm time.Time) []layer { return one(t, file("f", 0644, "").At(tm)) }
	runHostile(t, []hostile{
		{name: "owner 2^32", layers: owned(1<<32, 0), is: rootfs.ErrFormat, entry: "f"},
		{name: "owner 2^32-1", layers: owned(1<<32-1, 0), is: rootfs.ErrFormat, entry: "f"},
		{name: "group 2^32-1", layers: owned(0, 1<<32-1), is: rootfs.ErrFormat, entry: "f"},
		{name: "owner 2^32-2", layers: owned(1<<32-2, 1<<32-2), want: []string{`0 0644 4294967294:4294967294 f ""`}},
		{name: "negative owner", layers: raw(rootfstest.Raw{Name: "f", Type: tar.TypeReg, PAX: map[string]string{"uid": "-1"}}), is: rootfs.ErrFormat, entry: "f"},
		{name: "owner of 20 digits", layers: raw(rootfstest.Raw{Name: "f", Type: tar.TypeReg, PAX: map[string]string{"uid": strings.Repeat("9", 20)}}), is: rootfs.ErrFormat},
		{name: "before 1970", layers: at(time.Unix(-1<<40, 0)), want: []string{`0 0644 0:0 f @-32873-11-12T23:23:44 ""`}},
		{name: "year 1", layers: at(time.Time{}), want: []string{`0 0644 0:0 f ""`}},
		{name: "year 9999", layers: at(time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)), want: []string{`0 0644 0:0 f @9999-12-31T23:59:59.999999999 ""`}},
		{name: "beyond every disk", layers: at(time.Unix(1<<50, 0)), want: []string{`0 0644 0:0 f @35680317-09-25T18:57:04 ""`}},
		{name: "device 0:0", layers: one(t, rootfstest.Char("c", 0600, 0, 0)), want: []string{"3 0600 0:0 c 0,0"}},
		{name: "disk", layers: one(t, rootfstest.Char("b", 0666, 8, 0).With(func(h *tar.Header) { h.Typeflag = tar.TypeBlock })), want: []string{"4 0666 0:0 b 8,0"}},
		{name: "device that Linux can't have", layers: one(t, rootfstest.Char("c", 0600, 1<<12, 0)), is: rootfs.ErrFormat, entry: "c"},
		{name: "negative device", layers: raw(rootfstest.Raw{Name: "c", Type: tar.TypeChar, Fields: map[string]string{"devminor": strings.Repeat("\xff", 8)}}),
			is: rootfs.ErrFormat, entry: "c"},
		{name: "modes beyond 07777", layers: one(t, file("f", 0107755, "")), want: []string{`0 7755 0:0 f ""`}},
		{name: "overlay's attributes", layers: one(t, dir("d", 0755).
			Xattr("trusted.overlay.opaque", "y").Xattr("user.overlay.whiteout", "y").Xattr("user.k", "v")),
			want: []string{"5 0755 0:0 d/ user.k=76"}},
		{name: "many attributes", layers: one(t, file("f", 0644, "").Xattr("user.a", "123").Xattr("user.b", "456")), limits: rootfs.Limits{XattrBytes: 17},
			is: rootfs.ErrLimit, entry: "f"},
		{name: "attributes over 1 MiB", layers: raw(rootfstest.Raw{Name: "f", Type: tar.TypeReg, PAX: map[string]string{"SCHILY.xattr.user.a": strings.Repeat("x", 1<<20)}}), is: rootfs.ErrLimit},
		{name: "attribute with a long name", layers: one(t, file("f", 0644, "").Xattr("user."+long, "")), is: rootfs.ErrFormat, entry: "f"},
		{name: "attribute without a name", layers: one(t, file("f", 0644, "").Xattr("", "x")), is: rootfs.ErrFormat, entry: "f"},
		{name: "attributes that no file can have", layers: one(t, file("f", 0644, "").Xattr("nonsense", "\x00").Xattr("system.posix_acl_access", "x").Xattr("user.e", "")),
			want: []string{`0 0644 0:0 f "" nonsense=00 system.posix_acl_access=78 user.e=`}},
	})
}

func TestHostileAttributeBeyondTheKernel(t *testing.T) {
	big := strings.Repeat("x", 100_000)
	s := stage(t, []entry{file("f", 0644, "").Xattr("user.big", big), dir("d", 0755).Xattr("user.big", big)})
	must(t, s.Rescan(t.Context(), tester))
	m, err := s.Root(tester).Lstat("f")
	must(t, err)
	if m.Xattrs["user.big"] != big {
		t.Errorf("%d bytes remain", len(m.Xattrs["user.big"]))
	}
	must(t, quiet(s))
}

// TestTruncatedLayers cuts a layer at every block and within. Where it ends between two entries it can pass for a whole
// one: what is missing is for its digest to tell.
func TestTruncatedLayers(t *testing.T) {
	canary(t)
	whole := rootfstest.Tar(t, dir("d", 0755), file("d/f", 0644, strings.Repeat("x", 700)).Xattr("user.k", "v"), symlink("d/l", "f"), link("g", "d/f"))
	for n := 0; n < len(whole); n += 256 {
		_, err := stageLayers(t, whole[:n])
		if le, ok := errors.AsType[*rootfs.LayerError](err); err != nil && (!ok || !errors.Is(err, rootfs.ErrFormat) || le.Layer != 0) {
			t.Errorf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

// TestRescanRefuses holds what a plugin can do to make a scan endless or its result unfit for a layer.
func TestRescanRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(dir string) error
		is   error
		text string
	}{
		{"a sparse lastlog", func(dir string) error {
			return errors.Join(unix.Mkdir(dir+"/log", 0755), unix.Mknod(dir+"/log/lastlog", unix.S_IFREG|0600, 0), unix.Truncate(dir+"/log/lastlog", 1<<40))
		}, rootfs.ErrLimit, "looking for changes: access log/lastlog: a file of 1099511627776 bytes, holes included: limit exceeded (is it sparse, as a lastlog is? useradd -l makes none)"},
		{"a tree too deep", func(dir string) error { return nest(dir, 2100) }, rootfs.ErrLimit, "name of 4097 bytes: limit exceeded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := stage(t, base()) // whose directory is removed in the end, or the test fails
			must(t, tt.do(s.Dir()))
			err := s.Rescan(t.Context(), tester)
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.text) || len(err.Error()) > 500 {
				t.Errorf("got %v", err)
			}
		})
	}
	s := stage(t, base())
	must(t, unix.Mkfifo(s.Dir()+"/.wh.x", 0600))
	must(t, s.Rescan(t.Context(), tester))
	if _, err := s.Changes(); !errors.Is(err, rootfs.ErrName) {
		t.Errorf("a whiteout made by a plugin: %v", err)
	}
}

// nest makes directories in each other, deeper than a path can say.
func nest(dir string, depth int) error {
	fd, err := unix.Open(dir, unix.O_PATH, 0)
	for i := 0; i < depth && err == nil; i++ {
		var next int
		if err = unix.Mkdirat(fd, "n", 0755); err == nil {
			if next, err = unix.Openat(fd, "n", unix.O_PATH, 0); err == nil {
				unix.Close(fd)
				fd = next
			}
		}
	}
	return errors.Join(err, unix.Close(fd))
}
