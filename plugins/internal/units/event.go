package units

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Op is what an [Event] tells of.
type Op int

// The operations, and what became of them.
const (
	// Linked is a symlink that was made, Path -> Target.
	Linked Op = iota
	// Unlinked is a symlink that was removed, or replaced by the one that comes next.
	Unlinked

	// Passed is a unit that was passed over: it is masked, or was only brought along and can't be enabled, Err says why.
	Passed
	// Dangling is a dependency that was added to a unit which does not exist.
	Dangling
	// Broken is something that could not be done, Err says why. The rest was done all the same.
	Broken
)

// Event is one thing that an operation has done, or could not do.
type Event struct {
	Op Op
	// Unit is the name of the unit that it is about.
	Unit string
	// Path is an absolute path in the root, and Target the text of the symlink there; of Dangling, Target is the unit
	// that does not exist.
	Path, Target string
	Err          error
}

// Report is what became of an operation, in the order in which it happened.
type Report struct {
	Events []Event
	// Installable says that a unit that was to be enabled has something in its [Install] section.
	Installable bool
}

// Err joins the errors of what could not be done; nil if all was.
func (r Report) Err() error {
	var errs []error
	for _, e := range r.Events {
		if e.Op == Broken {
			errs = append(errs, e.Err)
		}
	}
	return errors.Join(errs...)
}

// Without is the report without what could not be done for one reason.
func (r Report) Without(reason error) Report {
	r.Events = slices.DeleteFunc(slices.Clone(r.Events), func(e Event) bool { return e.Op == Broken && errors.Is(e.Err, reason) })
	return r
}

// Changed reports whether a link was made or removed.
func (r Report) Changed() bool {
	for _, e := range r.Events {
		if e.Op == Linked || e.Op == Unlinked {
			return true
		}
	}
	return false
}

func (r *Report) add(e Event) { r.Events = append(r.Events, e) }

func (r *Report) fail(unit string, err error) { r.add(Event{Op: Broken, Unit: unit, Err: err}) }

// Text is the event in the words of systemctl; verb is what was asked of it: "enable".
func (e Event) Text(verb string) string {
	switch e.Op {
	case Linked:
		return fmt.Sprintf("Created symlink %s -> %s.", e.Path, e.Target)
	case Unlinked:
		return fmt.Sprintf("Removed %q.", e.Path)
	case Passed:
		if e.Path == "" {
			return fmt.Sprintf("Failed to %s auxiliary unit %s, ignoring.", verb, e.Unit)
		}
		return fmt.Sprintf("Unit %s is masked, ignoring.", e.Path)
	case Dangling:
		return fmt.Sprintf("Unit %s is added as a dependency to a non-existent unit %s.", e.Path, e.Target)
	}
	text := strings.ReplaceAll(e.Err.Error(), "\n", "; ")
	return fmt.Sprintf("Failed to %s unit, %s.", verb, text)
}

// The questions that are asked of an error with errors.Is.
var (
	// ErrNotFound is a unit that does not exist.
	ErrNotFound = errors.New("does not exist")
	// ErrMasked is a unit that is masked: it is a symlink to /dev/null, or an empty file.
	ErrMasked = errors.New("is masked")
	// ErrGenerated is a unit that a generator has made, or that was made at run time.
	ErrGenerated = errors.New("is transient or generated")
	// ErrLinked is a name that a symlink in the configuration gives to another unit, or a loop of symlinks.
	ErrLinked = errors.New("refusing to operate on linked unit file")
	// ErrName is a name that no unit can have.
	ErrName = errors.New("invalid unit name")
	// ErrExists is a file where a symlink should be.
	ErrExists = errors.New("already exists")

	// errNoInstance is a template without a default instance that is to be the dependency of a unit that is none.
	errNoInstance = errors.New("it lacks an instance")
)

// UnitError is an error about one unit.
type UnitError struct {
	// Unit is its name, or the absolute path of its file.
	Unit string
	Err  error
}

func (e *UnitError) Error() string {
	switch e.Err {
	case ErrLinked:
		return fmt.Sprintf("%v %s", e.Err, e.Unit)
	case ErrNotFound, ErrMasked, ErrGenerated:
		return fmt.Sprintf("unit %s %v", e.Unit, e.Err)
	case ErrName:
		return fmt.Sprintf("%v %.300q", e.Err, e.Unit)
	}
	return fmt.Sprintf("file %q: %v", e.Unit, e.Err)
}

func (e *UnitError) Unwrap() error { return e.Err }

// ExistsError is something in the place of a symlink; it is ErrExists.
type ExistsError struct {
	Path string
	// Target is where it leads if it is a symlink, too.
	Target string
}

func (e *ExistsError) Error() string {
	if e.Target == "" {
		return fmt.Sprintf("file %q already exists", e.Path)
	}
	return fmt.Sprintf("file %q already exists and is a symlink to %q", e.Path, e.Target)
}

// Is makes it ErrExists.
func (e *ExistsError) Is(target error) bool { return target == ErrExists }

// InstallError is an entry of an [Install] section that can't be followed.
type InstallError struct {
	Unit string
	// Text says what is wrong.
	Text string
	err  error
}

func (e *InstallError) Error() string { return e.Text }

func (e *InstallError) Unwrap() error { return e.err }
