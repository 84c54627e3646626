package accounts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/rootfs"
)

// large is a root with so many users.
func large(n int) etc {
	e := debian()
	var passwd, group, shadow, gshadow strings.Builder
	for i := range n {
		fmt.Fprintf(&passwd, "user%d:x:%d:%d:User %d:/home/user%d:/bin/bash\n", i, 100000+i, 100000+i, i, i)
		fmt.Fprintf(&group, "user%d:x:%d:\n", i, 100000+i)
		fmt.Fprintf(&shadow, "user%d:!:19000:0:99999:7:::\n", i)
		fmt.Fprintf(&gshadow, "user%d:!::\n", i)
	}
	e["passwd"] += passwd.String()
	e["group"] += group.String()
	e["shadow"] += shadow.String()
	e["gshadow"] += gshadow.String()
	return e
}

// BenchmarkAddUser adds users one after the other to roots that have more and more of them. An edit reads and writes the
// whole databases, so that its time is that of their size, and no more.
func BenchmarkAddUser(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			root := stage(b, large(n)).Root(rootfs.Actor{})
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := (Editor{Root: root, Day: 20000}).AddUser(b.Context(), AddUser{Name: fmt.Sprintf("new%d", i)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
