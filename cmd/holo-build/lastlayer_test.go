package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/holo-build/holo-build/oci"
)

// lastLayer is a program for scripts: lastlayer PATH[:TAG] lists the last layer of an image in a layout, an entry to a
// line: type, mode, owner, size and name, and what a link refers to.
func lastLayer() {
	if err := listLastLayer(context.Background(), os.Stdout, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "lastlayer:", err)
		os.Exit(1)
	}
}

func listLastLayer(ctx context.Context, w io.Writer, ref string) (err error) {
	img, err := oci.Layout{}.Open(ctx, ref, oci.OpenOptions{})
	if err != nil {
		return err
	}
	r, err := img.Layers[len(img.Layers)-1].Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	kinds := map[byte]string{tar.TypeReg: "f", tar.TypeDir: "d", tar.TypeSymlink: "l", tar.TypeLink: "h", tar.TypeChar: "c"}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		to := ""
		if h.Linkname != "" {
			to = " -> " + h.Linkname
		}
		fmt.Fprintf(w, "%s %04o %d:%d %d %s%s\n", kinds[h.Typeflag], h.Mode, h.Uid, h.Gid, h.Size, h.Name, to)
	}
}
