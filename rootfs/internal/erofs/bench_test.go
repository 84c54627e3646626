package erofs_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/holo-build/holo-build/rootfs/internal/erofs"
)

// benchTree is like the tree of an image: a tenth directories, a few links, nearly all files.
func benchTree(inodes int) *erofs.Inode {
	root := dir()
	var sub *erofs.Inode
	for i := range inodes {
		when := time.Unix(1_700_000_000+int64(i), 0)
		switch {
		case i%10 == 0:
			sub = &erofs.Inode{Mode: dirMode, ModTime: when}
			root.Entries = append(root.Entries, entry(fmt.Sprintf("directory-%d", i), sub))
		case i%10 == 5:
			sub.Entries = append(sub.Entries, entry(fmt.Sprintf("libsomething-%d.so", i), link("libsomething.so.1.2")))
		default:
			n := &erofs.Inode{Mode: fileMode, ModTime: when, Size: 30000, Offset: int64(i) * 32768, Device: i % 6}
			sub.Entries = append(sub.Entries, entry(fmt.Sprintf("some-file-%d.txt", i), n))
		}
	}
	return root
}

func BenchmarkWrite(b *testing.B) {
	for _, inodes := range []int{25_000, 1_000_000} {
		b.Run(fmt.Sprint(inodes), func(b *testing.B) {
			root := benchTree(inodes)
			blocks := int64(inodes) * 8
			options := erofs.Options{Devices: []int64{blocks, blocks, blocks, blocks, blocks, blocks}}
			b.ReportAllocs()
			for b.Loop() {
				size, err := erofs.Write(io.Discard, root, options)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(size), "bytes/image")
			}
		})
	}
}
