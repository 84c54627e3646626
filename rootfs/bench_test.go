package rootfs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
	"github.com/holo-build/holo-build/rootfs/rootfstest"
)

// benchLayer is a layer of 20,000 small files in 400 directories, some links among them.
func benchLayer(b *testing.B) layer {
	var list []entry
	for d := range 400 {
		parent := fmt.Sprintf("usr/share/package-%03d/data", d)
		list = append(list, dir(parent, 0755))
		for f := range 50 {
			name := fmt.Sprintf("%s/file-%02d.conf", parent, f)
			switch f {
			case 10:
				list = append(list, symlink(name, "file-00.conf"))
			case 20:
				list = append(list, link(name, parent+"/file-00.conf"))
			default:
				list = append(list, file(name, 0644, strings.Repeat(name, 1+f)))
			}
		}
	}
	return rootfstest.Tar(b, list...)
}

// benchStage stages a layer in a directory of its own; done removes it.
func benchStage(b *testing.B, l layer) (s *rootfs.Staging, done func()) {
	w, err := rootfs.NewWorkDir(b.TempDir())
	must(b, err)
	s, err = rootfstest.Stage(b.Context(), []rootfs.Layer{l}, rootfs.StageOptions{Dir: w.Path}, rootfs.BaseOptions{})
	must(b, err)
	return s, func() {
		must(b, s.Close())
		must(b, w.Close())
	}
}

func BenchmarkStage(b *testing.B) {
	l := benchLayer(b)
	b.ReportAllocs()
	for b.Loop() {
		_, done := benchStage(b, l)
		b.StopTimer()
		done()
		b.StartTimer()
	}
}

// BenchmarkRescan looks for changes after a process that has made one file, as after each entity of an executable.
func BenchmarkRescan(b *testing.B) {
	l := benchLayer(b)
	for _, way := range []string{"copy", "covered copy", "mount"} {
		if ways()[way] == nil {
			continue // it takes root
		}
		b.Run(way, func(b *testing.B) {
			w, err := rootfs.NewWorkDir(b.TempDir())
			must(b, err)
			s, err := ways()[way](b.Context(), w.Path, []rootfs.Layer{l}, rootfs.BaseOptions{})
			must(b, err)
			must(b, s.Rescan(b.Context(), tester)) // what was staged in the last moment is read once more
			must(b, s.Root(tester).Put("usr/share/new", rootfs.Meta{Mode: 0644}, strings.NewReader("new")))
			b.ReportAllocs()
			for b.Loop() {
				must(b, s.Rescan(b.Context(), tester))
			}
			must(b, s.Close())
			must(b, w.Close())
		})
	}
}

func BenchmarkWorkDirClose(b *testing.B) {
	l := benchLayer(b)
	for b.Loop() {
		b.StopTimer()
		_, done := benchStage(b, l)
		b.StartTimer()
		done()
	}
}
