package scripted

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holo-build/holo-build/plugins/mock"
)

func named(t *testing.T, name, text string) *File {
	t.Helper()
	f, err := Parse(name, name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const (
	programA  = "[[program]]\nname = 'a'\n"
	socketX   = "[[socket]]\npath = '/run/x'\n"
	replacing = "replace = true\n"
)

// TestMergeTaken: a name that is there already is an error, unless the file says that it replaces it.
func TestMergeTaken(t *testing.T) {
	given := Given{Sockets: []mock.Socket{{At: "/run/x", Variable: "X"}}, HasVariable: func(name string) bool { return name == "PATH" }}
	for _, c := range []struct {
		name  string
		files []string
		want  string
	}{
		{"a stand-in", []string{"[[program]]\nname = 'useradd'\n"}, `0, line 2: program "useradd" is a stand-in of holo-build; say replace = true if this is to take its place`},
		{"a stand-in, replaced", []string{"[[program]]\nname = 'useradd'\n" + replacing}, ""},
		{"of two files", []string{programA, "\n" + programA}, `1, line 3: program "a" is in 0, too; say replace = true if this is to take its place`},
		{"of two files, replaced", []string{programA, programA + replacing}, ""},
		{"of two files, replaced by the first", []string{programA + replacing, programA}, `1, line 2: program "a" is in 0, too`},
		{"a socket", []string{socketX}, `0, line 2: socket "/run/x" is a stand-in of holo-build`},
		{"a socket, replaced", []string{socketX + replacing}, ""},
		{"sockets of two files", []string{"[[socket]]\npath = '/run/y'\n", "[[socket]]\npath = '/run/y'\n"}, `1, line 2: socket "/run/y" is in 0, too`},
		{"a variable", []string{"[[socket]]\npath = '/run/y'\nvariable = 'PATH'\n"}, `0, line 2: variable PATH is set already`},
		{"a stand-in's variable", []string{"[[socket]]\npath = '/run/y'\nvariable = 'X'\n"}, `0, line 2: variable X is set already`},
		{"a variable twice", []string{"[[socket]]\npath = '/run/y'\nvariable = 'V'\n[[socket]]\npath = '/run/z'\nvariable = 'V'\n"}, `0, line 5: variable V is set already`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var files []*File
			for i, text := range c.files {
				files = append(files, named(t, string(rune('0'+i)), text))
			}
			_, _, err := Merge(files, nil, given)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)):
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestMergeMany: what is bounded in a file is so in all of them.
func TestMergeMany(t *testing.T) {
	var files []*File
	for _, k := range []string{"a", "b"} {
		var b strings.Builder
		for i := range maxSockets {
			fmt.Fprintf(&b, "[[socket]]\npath = '/run/%s%d'\n", k, i)
		}
		files = append(files, named(t, k, b.String()))
	}
	const want = "scripts of stand-ins: more than 1000 programs, or 100 sockets in all files"
	if _, _, err := Merge(files[:1], files[1:], Given{}); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	if _, _, err := Merge(nil, files[:1], Given{}); err != nil {
		t.Error(err)
	}
}

// TestMergeImage: what the image says is only heard where nothing else is there: neither stand-ins, nor programs of the
// machine, nor what the builder says; and it sets no variables.
func TestMergeImage(t *testing.T) {
	given := Given{Sockets: []mock.Socket{{At: "/run/x"}}, HasProgram: func(name string) bool { return name == "sh" }}
	own := []*File{named(t, "own", programA+"[[socket]]\npath = '/run/y'\n")}
	image := []*File{named(t, "image", programA+replacing+"[[program]]\nname = 'useradd'\n"+replacing+"[[program]]\nname = 'sh'\n"+replacing+
		"[[program]]\nname = 'b'\n"+socketX+replacing+"[[socket]]\npath = '/run/y'\n[[socket]]\npath = '/run/z'\nvariable = 'BASH_ENV'\n")}
	set, notices, err := Merge(own, image, given)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`image: program "a" is ignored: own has it, too`,
		`image: program "useradd" is ignored: an image can't take the place of a stand-in`,
		`image: program "sh" is ignored: an image can't take the place of a program of this machine; if you trust it, bring the file with --mock`,
		`image: socket "/run/x" is ignored: an image can't take the place of a stand-in`,
		`image: socket "/run/y" is ignored: own has it, too`,
		`image: variable BASH_ENV of socket "/run/z" is not set: an image can set none`,
	}
	if !slices.Equal(notices, want) {
		t.Errorf("%q", notices)
	}
	programs := set.Programs()
	if len(programs) != 2 || programs["a"].Mock != "own" || programs["b"].Mock != "image" {
		t.Errorf("%+v", programs)
	}
	var sockets []string
	for _, k := range set.Sockets(given.Sockets, nil) {
		sockets = append(sockets, k.At+" "+k.Variable)
	}
	if want := []string{"/run/x ", "/run/y ", "/run/z "}; !slices.Equal(sockets, want) {
		t.Errorf("%q", sockets)
	}
}
