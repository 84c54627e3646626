package scripted

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/holo-build/holo-build/plugins/mock"
)

// Set are programs and sockets of several files.
type Set struct {
	programs map[string]*program
	sockets  map[string]*socket
}

// Given is what a build has beside files.
type Given struct {
	// Sockets are the stand-ins for daemons.
	Sockets []mock.Socket
	// HasProgram says that processes find a program of a name anyway.
	HasProgram func(name string) bool
	// HasVariable says that the environment of processes has a variable.
	HasVariable func(name string) bool
}

// Merge puts files together: the builder's own, and those of the image. What is there already is an error, unless the file
// says that it replaces it. An image can replace nothing, neither stand-ins nor programs nor what the builder's files say: its
// word must not change what the builder's programs do. What can't be of its files is told, one notice each.
func Merge(own, image []*File, g Given) (*Set, []string, error) {
	s := &Set{programs: map[string]*program{}, sockets: map[string]*socket{}}
	var errs []error
	for _, f := range own {
		for _, p := range f.programs {
			if old := s.programs[p.name]; !p.replace && (old != nil || mock.IsTool(p.name)) {
				errs = append(errs, taken(f, p.at, fmt.Sprintf("program %q", p.name), programFile(old)))
			}
			s.programs[p.name] = p
		}
		for _, k := range f.sockets {
			if old := s.sockets[k.path]; !k.replace && (old != nil || g.hasSocket(k.path)) {
				errs = append(errs, taken(f, k.at, fmt.Sprintf("socket %q", k.path), socketFile(old)))
			}
			s.sockets[k.path] = k
		}
	}
	variables := map[string]bool{}
	for _, path := range slices.Sorted(maps.Keys(s.sockets)) {
		k := s.sockets[path]
		if k.variable == "" {
			continue
		}
		if variables[k.variable] || g.hasVariable(k.variable) {
			errs = append(errs, fmt.Errorf("%s%s: variable %s is set already", k.file.Name, k.at, k.variable))
		}
		variables[k.variable] = true
	}
	notices := s.addImage(image, g)
	if len(s.programs) > maxPrograms || len(s.sockets) > maxSockets {
		errs = append(errs, fmt.Errorf("scripts of stand-ins: %w in all files", errMany))
	}
	return s, notices, errors.Join(errs...)
}

func programFile(p *program) *File {
	if p == nil {
		return nil
	}
	return p.file
}

func socketFile(k *socket) *File {
	if k == nil {
		return nil
	}
	return k.file
}

// taken is the error of a name that is a stand-in, or that another file has.
func taken(f *File, at, what string, old *File) error {
	by := "is a stand-in of holo-build"
	if old != nil {
		by = "is in " + old.Name + ", too"
	}
	return fmt.Errorf("%s%s: %s %s; say replace = true if this is to take its place", f.Name, at, what, by)
}

func (g Given) hasSocket(path string) bool {
	return slices.ContainsFunc(g.Sockets, func(k mock.Socket) bool { return k.At == path })
}

func (g Given) hasVariable(name string) bool {
	return slices.ContainsFunc(g.Sockets, func(k mock.Socket) bool { return k.Variable == name }) || g.HasVariable != nil && g.HasVariable(name)
}

// addImage adds what the image's files say, as far as it replaces nothing.
func (s *Set) addImage(files []*File, g Given) (notices []string) {
	ignored := func(f *File, what, why string) {
		notices = append(notices, fmt.Sprintf("%s: %s is ignored: %s", f.Name, what, why))
	}
	for _, f := range files {
		for _, p := range f.programs {
			what := fmt.Sprintf("program %q", p.name)
			switch {
			case mock.IsTool(p.name):
				ignored(f, what, "an image can't take the place of a stand-in")
			case s.programs[p.name] != nil:
				ignored(f, what, s.programs[p.name].file.Name+" has it, too")
			case g.HasProgram != nil && g.HasProgram(p.name):
				ignored(f, what, "an image can't take the place of a program of this machine; if you trust it, bring the file with --mock")
			default:
				s.programs[p.name] = p
			}
		}
		for _, k := range f.sockets {
			what := fmt.Sprintf("socket %q", k.path)
			switch {
			case g.hasSocket(k.path):
				ignored(f, what, "an image can't take the place of a stand-in")
			case s.sockets[k.path] != nil:
				ignored(f, what, s.sockets[k.path].file.Name+" has it, too")
			default:
				if k.variable != "" {
					notices = append(notices, fmt.Sprintf("%s: variable %s of %s is not set: an image can set none", f.Name, k.variable, what))
					k.variable, k.prefix = "", ""
				}
				s.sockets[k.path] = k
			}
		}
	}
	return notices
}

// Programs are the programs as tools.
func (s *Set) Programs() map[string]mock.Extra {
	out := map[string]mock.Extra{}
	for name, p := range s.programs {
		out[name] = p.extra()
	}
	return out
}

// Sockets are all sockets: those that are given, but for those that are replaced, and the set's. Record is told of what is
// sent to the set's.
func (s *Set) Sockets(given []mock.Socket, record func(mock.Call)) []mock.Socket {
	list := slices.DeleteFunc(slices.Clone(given), func(k mock.Socket) bool { return s.sockets[k.At] != nil })
	for _, path := range slices.Sorted(maps.Keys(s.sockets)) {
		list = append(list, s.sockets[path].standIn(record))
	}
	return list
}
