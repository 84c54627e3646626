package main

import (
	"archive/tar"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holo-build/holo-build/oci"
	"github.com/holo-build/holo-build/oci/ocitest"
)

// latePlugin writes, changes and links files, and sets times that have not come yet: one the same in all builds, one
// another in each. What it writes is large enough to be compressed in many blocks.
const latePlugin = `#!/bin/sh -e
case $1 in
info) printf 'MIN_API_VERSION=3\nMAX_API_VERSION=3\n' ;;
scan) echo 'ENTITY: late:1' ;;
apply)
    cd "$HOLO_ROOT_DIR/etc"
    for n in 5 3 9 1 7; do mkdir late$n; echo $n >late$n/file; ln late$n/file late$n/again; ln -s file late$n/link; done
    seq 400000 >late5/numbers
    touch -d 2100-01-01 late5 late5/file late5/numbers
    touch -h -d 2100-01-01 late3/link
    touch -d '1 hour' late3 late3/file
    touch -d '1 hour' . ;;
esac
`

// replacePlugin puts new files in the place of the base's: by removal, by rename, as install(1) does, under the name of
// one of two links, with content that is new or as before. What a file system gives the new file of the old one, such as
// its inode number, is up to the file system and whoever else uses it.
const replacePlugin = `#!/bin/sh -e
case $1 in
info) printf 'MIN_API_VERSION=3\nMAX_API_VERSION=3\n' ;;
scan) echo 'ENTITY: replace:1' ;;
apply)
    cd "$HOLO_ROOT_DIR/removed"
    for f in *; do rm -f $f; echo new >$f; done
    cd ../same
    for f in *; do rm -f $f; echo old >$f; done
    touch -d @1700000000 *
    cd ../renamed
    for f in *; do echo new >../new; mv -f ../new $f; done
    cd ../installed
    echo new >../new
    for f in *; do install -m 4755 ../new $f; done
    rm ../new
    cd ../linked
    rm -f a c; echo new >a; ln b c ;;
esac
`

// aheadPlugin sets a time that is ahead of some clocks, and behind others, and one that is ahead of the first builds and
// behind the last. It also makes things right in the root, whose file on the disk is a child of the build's own.
const aheadPlugin = `#!/bin/sh -e
case $1 in
info) printf 'MIN_API_VERSION=3\nMAX_API_VERSION=3\n' ;;
scan) echo 'ENTITY: ahead:1' ;;
apply)
    cd "$HOLO_ROOT_DIR/etc"
    mkdir ahead ../top ../top/dir; echo new >ahead/file; ln -s file ahead/link
    for f in ../file ../top/file ../top/dir/file; do echo new >$f; done
    touch -h -d @AHEAD ahead/file ahead/link ahead hostname
    touch -h -d @SOON ../file ../top/file ../top/dir os-release ;;
esac
`

// recipes are the inputs of the builds, by name: their arguments, of which DIR is where the inputs are seen.
var recipes = []struct{ name, args string }{
	{"minimal", "oci:DIR/images/minimal -r DIR/demo --plugin greeting=DIR/demo-plugins/holo-greeting"},
	{"two-layers", "oci:DIR/images/two-layers -r DIR/demo --plugin greeting=DIR/demo-plugins/holo-greeting"},
	{"late", "oci:DIR/images/two-layers -r DIR/late --plugin late=DIR/demo-plugins/holo-late"},
	{"replace", "oci:DIR/images/labelled -r DIR/replace --plugin replace=DIR/demo-plugins/holo-replace"},
	{"ahead", "oci:DIR/images/minimal -r DIR/ahead --plugin ahead=DIR/demo-plugins/holo-ahead"},
	{"files", "oci:DIR/images/labelled -r DIR/files"},
	{"tree", "rootfs:DIR/tree -r DIR/demo -r DIR/late --plugin greeting=DIR/demo-plugins/holo-greeting --plugin late=DIR/demo-plugins/holo-late"},
}

// reproducibleInputs copies the repository's test data to a directory, and adds the plugins late, replace and ahead,
// each with a resource, an image with labels, and a tree with links, whose order is another wherever it is read.
func reproducibleInputs(t *testing.T) string { return reproducibleInputsIn(t, t.TempDir()) }

func reproducibleInputsIn(t *testing.T, parent string) string {
	t.Helper()
	dir := filepath.Join(parent, "inputs")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(repository, "testdata"))); err != nil {
		t.Fatal(err)
	}
	halfYear := strconv.FormatInt(time.Now().AddDate(0, 6, 0).Unix(), 10)
	soon := strconv.FormatInt(time.Now().Add(8*time.Second).Unix(), 10)
	for id, script := range map[string]string{
		"late": latePlugin, "replace": replacePlugin,
		"ahead": strings.NewReplacer("AHEAD", halfYear, "SOON", soon).Replace(aheadPlugin),
	} {
		writeResource(t, filepath.Join(dir, "demo-plugins/holo-"+id), script, 0o755)
		writeResource(t, filepath.Join(dir, id, id, "x"), "", 0o644)
	}
	writeFilesResources(t, filepath.Join(dir, "files"))
	ocitest.Write(t, oci.Layout{}, filepath.Join(dir, "images/labelled"), oci.Result{Image: labelled(t)})
	for _, sub := range []string{"etc", "usr", "usr/share"} {
		for n := range 12 {
			file := filepath.Join(dir, "tree", sub, strconv.Itoa(n*7%12))
			writeResource(t, file, fmt.Sprintln(n), 0o644)
			if n%3 == 0 {
				if err := os.Link(file, file+"-again"); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return dir
}

// writeFilesResources makes resources for the plugin files alone: new files, a symlink, files of the labelled image that
// are replaced, and one that goes through a script.
func writeFilesResources(t *testing.T, dir string) {
	t.Helper()
	top := filepath.Join(dir, "files/50-files")
	for n := range 6 {
		writeResource(t, filepath.Join(top, "removed", strconv.Itoa(n)), fmt.Sprintln("new", n), 0o644)
		writeResource(t, filepath.Join(top, "etc/new", strconv.Itoa(n)), strings.Repeat(fmt.Sprintln(n), 30_000*n), 0o755)
	}
	writeResource(t, filepath.Join(top, "linked/b"), "new\n", 0o644)
	writeResource(t, filepath.Join(top, "same/7.holoscript"), "#!/bin/sh\nexec tr a-z A-Z\n", 0o755)
	if err := os.Symlink("../new/3", filepath.Join(top, "etc/new/link")); err != nil {
		t.Fatal(err)
	}
}

// labelled is the image whose files the plugin replace replaces. They have what a new file in their place has not: an
// SELinux label, which no disk holds for us, another owner, bits and an extended attribute.
func labelled(t *testing.T) *oci.Image {
	t.Helper()
	file := func(name string) ocitest.Entry {
		e := ocitest.File(name, "old\n")
		e.Header.PAXRecords = map[string]string{
			"SCHILY.xattr.security.selinux": "system_u:object_r:etc_t:s0\x00", "SCHILY.xattr.user.note": "base",
		}
		return e
	}
	var list []ocitest.Entry
	for _, dir := range []string{"removed", "same", "renamed", "installed"} {
		list = append(list, ocitest.Dir(dir))
		for n := range 12 {
			e := file(dir + "/" + strconv.Itoa(n))
			if n%2 == 1 {
				e.Header.Uid, e.Header.Gid = 5, 6
			}
			if n%3 == 1 {
				e.Header.Mode = 0o6755
			}
			if n%4 == 3 {
				delete(e.Header.PAXRecords, "SCHILY.xattr.user.note")
			}
			list = append(list, e)
		}
	}
	list = append(list, ocitest.Dir("linked"), file("linked/a"))
	for _, name := range []string{"linked/b", "linked/c"} {
		list = append(list, ocitest.Entry{Header: tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: "linked/a", Mode: 0o644}})
	}
	return ocitest.Image(t, ocitest.Options{}, list)
}
