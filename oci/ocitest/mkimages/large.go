package main

import (
	"archive/tar"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
)

// size says how large a large image is.
type size struct {
	layers int
	// dirs directories in each layer hold small files each, of about 9 KiB in the mean, up to 40 KiB.
	dirs, small int
	// large files in each layer are of 1 to largeMax MiB.
	large, largeMax int
}

// largeSize gives 21,600 small and 102 large files, about 700 MB in all: few of the files have most of the bytes, as in
// images of a distribution with a language's runtime and its libraries.
var largeSize = size{layers: 6, dirs: 180, small: 20, large: 17, largeMax: 9}

// writeLarge writes a layout with one image of the given size. Its first layer has the minimal tree as well; each later
// layer replaces a few files of the layer below, and removes others, as updates do.
func writeLarge(dir string, s size) error {
	m := image{arch: "amd64", config: runConfig{Env: []string{defaultPath}, Cmd: []string{"/bin/sh"}}}
	for i := range s.layers {
		m.by = append(m.by, fmt.Sprintf("mkimages -large: layer %d", i+1))
		m.layers = append(m.layers, func(w io.Writer) error { return s.writeLayer(w, i) })
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	_, _, err := m.writeLayout(dir)
	return err
}

// writeLayer writes layer n as a plain tar.
func (s size) writeLayer(w io.Writer, n int) error {
	g := &generator{tar: tar.NewWriter(w), rand: rand.New(rand.NewPCG(uint64(n), 20240501))}
	if n == 0 {
		for _, e := range minimalTree() {
			g.add(e)
		}
		g.add(dir("usr/lib", 0o755))
	}
	top := fmt.Sprintf("usr/lib/part%d", n)
	g.add(dir(top, 0o755))
	for d := range s.dirs {
		s.writeDirectory(g, fmt.Sprintf("%s/package%03d", top, d))
	}
	for i := range s.large {
		bytes := 1<<20 + g.rand.IntN(s.largeMax<<20-1<<20)
		g.random(fmt.Sprintf("%s/lib%02d.so.%d", top, i, n), 0o755, bytes)
	}
	if n > 0 {
		below := fmt.Sprintf("usr/lib/part%d", n-1)
		g.add(dir(below, 0o755))
		for d := range min(10, s.dirs) {
			pkg := fmt.Sprintf("%s/package%03d", below, d)
			g.add(dir(pkg, 0o755))
			g.random(pkg+"/file00.py", 0o644, 5000)
			g.add(file(pkg+"/.wh.file01.py", 0, ""))
		}
	}
	return g.close()
}

// writeDirectory writes a directory of small files, with a symlink and a hard link.
func (s size) writeDirectory(g *generator, name string) {
	g.add(dir(name, 0o755))
	for i := range s.small {
		// The cube of a number between 0 and 1 has its mean at a quarter: many files are tiny, some are not.
		x := g.rand.Float64()
		g.random(fmt.Sprintf("%s/file%02d.py", name, i), 0o644, 64+int(x*x*x*40_000))
	}
	g.add(symlink(name+"/current", "file00.py"))
	licence := file(name+"/LICENSE", 0o644, "See the other name of this file.\n")
	g.add(licence)
	g.add(hardlink(name+"/COPYING", licence))
}

// generator writes a tar of random files. The first error sticks.
type generator struct {
	tar  *tar.Writer
	rand *rand.Rand
	err  error
}

func (g *generator) add(e entry) {
	if g.err != nil {
		return
	}
	if g.err = g.tar.WriteHeader(&e.header); g.err == nil {
		_, g.err = io.WriteString(g.tar, e.content)
	}
}

func (g *generator) close() error {
	if g.err != nil {
		return g.err
	}
	return g.tar.Close()
}

// random adds a file of n bytes that compress to about 40 %: words from a small vocabulary, every fourth a random number.
func (g *generator) random(name string, mode int64, n int) {
	e := file(name, mode, "")
	e.header.Size = int64(n)
	g.add(e)
	var line []byte
	for g.err == nil && n > 0 {
		line = line[:0]
		for len(line) < 4096 {
			if g.rand.IntN(4) == 0 {
				line = fmt.Appendf(line, "%x ", g.rand.Uint64())
			} else {
				line = append(line, vocabulary[g.rand.IntN(len(vocabulary))]...)
			}
		}
		line = line[:min(n, len(line))]
		n -= len(line)
		_, g.err = g.tar.Write(line)
	}
}

var vocabulary = strings.SplitAfter(`import return class self None function value = ( ) : [ ] { } def for while if else
 try except raise with as from package module string integer float buffer pointer offset length size count index key
 result error message context request response handler server client socket stream reader writer parser token node
 tree list map set table column row record field type name path file directory mode owner group time zone date hour
`, " ")
