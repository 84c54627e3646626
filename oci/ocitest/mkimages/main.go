// Mkimages writes the images that tests, the demo and the measurements start from. It uses nothing of this project's
// own code for images, so that what it writes is a second opinion on the formats.
//
//	mkimages DIR               the small images of testdata/images, and nothing else below DIR
//	mkimages -import TAR DIR   an OCI layout with a plain tarball as the one layer of its only image
//	mkimages -large DIR        an OCI layout with a large image: about 700 MB in six layers
//
// What it writes depends on nothing but the program itself. The plain tars, and so the DiffIDs, are the same for ever;
// the compressed layers, and so the manifests, are those of the compressor in Go's standard library, which may write
// other bytes in another version of Go. That is why no test pins them.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// run does what the command line asks for and returns the exit status: 0, 1 for a failure, 2 for wrong use.
func run(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("mkimages", flag.ContinueOnError)
	flags.SetOutput(stderr)
	tarball := flags.String("import", "", "make the layout's only layer of this plain `TAR`")
	large := flags.Bool("large", false, "make the large image")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if flags.NArg() != 1 || *large && *tarball != "" {
		fmt.Fprintln(stderr, "usage: mkimages [-import TAR | -large] DIR")
		return 2
	}
	if err := write(flags.Arg(0), *tarball, *large); err != nil {
		fmt.Fprintf(stderr, "mkimages: %v\n", err)
		return 1
	}
	return 0
}

func write(dir, tarball string, large bool) error {
	switch {
	case large:
		return writeLarge(dir, largeSize)
	case tarball != "":
		return importTarball(dir, tarball)
	}
	return writeSmall(dir)
}
