package rootfstest

import (
	"archive/tar"
	"strings"
	"testing"
	"time"

	"github.com/holo-build/holo-build/rootfs"
)

// HostileSizes are sizes that lie, and contents beyond a limit.
func HostileSizes(t testing.TB) []Hostile {
	t.Helper()
	type fields = map[string]string
	return []Hostile{
		{Name: "negative", Layers: raw(Raw{Name: "f", Type: tar.TypeReg, Fields: fields{"size": "-0000000001\x00"}}), Is: rootfs.ErrFormat},
		{Name: "negative in base 256", Layers: raw(Raw{Name: "f", Type: tar.TypeReg, Fields: fields{"size": strings.Repeat("\xff", 12)}}), Is: rootfs.ErrFormat},
		{Name: "2^63-1", Layers: raw(Raw{Name: "f", Type: tar.TypeReg, Fields: fields{"size": "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff"}}),
			Is: rootfs.ErrLimit, Entry: "f"},
		{Name: "2^63 in a record", Layers: raw(Raw{Name: "f", Type: tar.TypeReg, PAX: fields{"size": "9223372036854775808"}}), Is: rootfs.ErrFormat},
		{Name: "more than there is", Layers: raw(Raw{Name: "f", Type: tar.TypeReg, Body: "x", Fields: fields{"size": "00000100000\x00"}}),
			Is: rootfs.ErrFormat, Entry: "f"},
		{Name: "less than there is", Layers: raw(Raw{Name: "f", Type: tar.TypeReg, Body: strings.Repeat("x", 600),
			Fields: fields{"size": "00000000001\x00"}}),
			Is: rootfs.ErrFormat},
		{Name: "record larger than the field", Layers: raw(Raw{Name: "f", Type: tar.TypeReg, Body: "x", PAX: fields{"size": "5000"}}), Is: rootfs.ErrFormat, Entry: "f"},
		{Name: "file over the limit", Layers: one(t, File("f", 0644, "12345")), Limits: rootfs.Limits{FileBytes: 4}, Is: rootfs.ErrLimit, Entry: "f"},
		{Name: "layer over the limit", Layers: one(t, File("f", 0644, "12345")), Limits: rootfs.Limits{LayerBytes: 1024}, Is: rootfs.ErrLimit},
		{Name: "padding over the limit", Layers: []Layer{make(Layer, 10_000)}, Limits: rootfs.Limits{LayerBytes: 9_999}, Is: rootfs.ErrLimit},
		{Name: "padding", Layers: []Layer{make(Layer, 10_000)}, Limits: rootfs.Limits{LayerBytes: 10_000}},
		{Name: "a terabyte of hole", Layers: raw(SparseRaw("f", 1<<40)), Is: rootfs.ErrLimit, Entry: "f"},
		{Name: "holes together", Layers: raw(SparseRaw("f", 60_000), SparseRaw("g", 60_000)), Limits: rootfs.Limits{LayerBytes: 100_000}, Is: rootfs.ErrLimit, Entry: "g"},
		{Name: "hard links together", Layers: one(t, File("f", 0644, strings.Repeat("x", 40_000)), Link("g", "f"), Link("h", "f")),
			Limits: rootfs.Limits{LayerBytes: 100_000}, Is: rootfs.ErrLimit, Entry: "h"},
		{Name: "no tar", Layers: []Layer{Layer(strings.Repeat("no tar ", 100))}, Is: rootfs.ErrFormat},
		{Name: "nothing", Layers: []Layer{nil}},
		{Name: "nothing but a global header", Layers: raw(Raw{Name: "g", Type: tar.TypeXGlobalHeader, Body: "11 comment=\n"}), Is: rootfs.ErrFormat},
		{Name: "unknown type", Layers: raw(Raw{Name: "f", Type: 'M'}), Is: rootfs.ErrFormat, Entry: "f"},
	}
}

// HostileMetadata are owners, times, devices, modes and attributes at and beyond the edge of what there can be.
func HostileMetadata(t testing.TB) []Hostile {
	t.Helper()
	long, zeros := strings.Repeat("k", 300), strings.Repeat("\x00", 14)
	owned := func(uid, gid int) []Layer { return one(t, File("f", 0644, "").Owned(uid, gid)) }
	at := func(tm time.Time) []Layer { return one(t, File("f", 0644, "").At(tm)) }
	return []Hostile{
		{Name: "owner 2^32", Layers: owned(1<<32, 0), Is: rootfs.ErrFormat, Entry: "f"},
		{Name: "owner 2^32-1", Layers: owned(1<<32-1, 0), Is: rootfs.ErrFormat, Entry: "f"},
		{Name: "group 2^32-1", Layers: owned(0, 1<<32-1), Is: rootfs.ErrFormat, Entry: "f"},
		{Name: "owner 2^32-2", Layers: owned(1<<32-2, 1<<32-2), Want: []string{`0 0644 4294967294:4294967294 f ""`}},
		{Name: "negative owner", Layers: raw(Raw{Name: "f", Type: tar.TypeReg, PAX: map[string]string{"uid": "-1"}}), Is: rootfs.ErrFormat, Entry: "f"},
		{Name: "owner of 20 digits", Layers: raw(Raw{Name: "f", Type: tar.TypeReg, PAX: map[string]string{"uid": strings.Repeat("9", 20)}}), Is: rootfs.ErrFormat},
		{Name: "before 1970", Layers: at(time.Unix(-1<<40, 0)), Want: []string{`0 0644 0:0 f @-32873-11-12T23:23:44 ""`}},
		{Name: "year 1", Layers: at(time.Time{}), Want: []string{`0 0644 0:0 f ""`}},
		{Name: "year 9999", Layers: at(time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)), Want: []string{`0 0644 0:0 f @9999-12-31T23:59:59.999999999 ""`}},
		{Name: "beyond every disk", Layers: at(time.Unix(1<<50, 0)), Want: []string{`0 0644 0:0 f @35680317-09-25T18:57:04 ""`}},
		{Name: "device 0:0", Layers: one(t, Char("c", 0600, 0, 0)), Want: []string{"3 0600 0:0 c 0,0"}},
		{Name: "disk", Layers: one(t, Char("b", 0666, 8, 0).With(func(h *tar.Header) { h.Typeflag = tar.TypeBlock })), Want: []string{"4 0666 0:0 b 8,0"}},
		{Name: "label and list of GNU tar", Layers: raw(Raw{Name: "volume", Type: 'V'}, Raw{Name: "d/", Type: 'D', Body: "Yf\x00\x00"}),
			Want: []string{"5 0644 0:0 d/"}},
		{Name: "device that Linux can't have", Layers: one(t, Char("c", 0600, 1<<12, 0)), Is: rootfs.ErrFormat, Entry: "c"},
		{Name: "negative device", Layers: raw(Raw{Name: "c", Type: tar.TypeChar, Fields: map[string]string{"devminor": strings.Repeat("\xff", 8)}}),
			Is: rootfs.ErrFormat, Entry: "c"},
		{Name: "modes beyond 07777", Layers: one(t, File("f", 0107755, "")), Want: []string{`0 7755 0:0 f ""`}},
		{Name: "overlay's attributes", Layers: one(t, Dir("d", 0755).
			Xattr("trusted.overlay.opaque", "y").Xattr("user.overlay.whiteout", "y").Xattr("user.k", "v")),
			Want: []string{"5 0755 0:0 d/ user.k=76"}},
		{Name: "capabilities, versions 1 to 3", Layers: one(t, File("1", 0644, "").Xattr("security.capability", "\x01\x00\x00\x01"+zeros[:8]),
			File("2", 0755, "").Xattr("security.capability", "\x01\x00\x00\x02\x00\x04"+zeros[:14]),
			File("3", 0755, "").Xattr("security.capability", "\x01\x00\x00\x03\x00\x04"+zeros[:14]+"\x39\x30\x00\x00"), // its root is 12345
			Symlink("4", "3").Xattr("security.capability", "no capability at all")),
			Want: []string{`0 0644 0:0 1 "" security.capability=010000010000000000000000`,
				`0 0755 0:0 2 "" security.capability=0100000200040000000000000000000000000000`,
				`0 0755 0:0 3 "" security.capability=010000030004000000000000000000000000000039300000`,
				`2 0777 0:0 4 -> 3 security.capability=6e6f206361706162696c69747920617420616c6c`}},
		{Name: "many attributes", Layers: one(t, File("f", 0644, "").Xattr("user.a", "123").Xattr("user.b", "456")), Limits: rootfs.Limits{XattrBytes: 17},
			Is: rootfs.ErrLimit, Entry: "f"},
		{Name: "attributes over 1 MiB", Layers: raw(Raw{Name: "f", Type: tar.TypeReg, PAX: map[string]string{"SCHILY.xattr.user.a": strings.Repeat("x", 1<<20)}}), Is: rootfs.ErrLimit},
		{Name: "attribute with a long name", Layers: one(t, File("f", 0644, "").Xattr("user."+long, "")), Is: rootfs.ErrFormat, Entry: "f"},
		{Name: "attribute without a name", Layers: one(t, File("f", 0644, "").Xattr("", "x")), Is: rootfs.ErrFormat, Entry: "f"},
		{Name: "attributes that no file can have", Layers: one(t, File("f", 0644, "").Xattr("nonsense", "\x00").Xattr("system.posix_acl_access", "x").Xattr("user.e", "")),
			Want: []string{`0 0644 0:0 f "" nonsense=00 system.posix_acl_access=78 user.e=`}},
	}
}
