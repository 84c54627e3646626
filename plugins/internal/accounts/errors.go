package accounts

import (
	"errors"
	"fmt"
)

// Exit statuses of the account tools, as their manual pages list them under EXIT VALUES. The same number means other
// things to other tools.
const (
	StatusPasswd   = 1  // can't update the password file
	StatusUsage    = 2  // invalid command syntax
	StatusArgument = 3  // invalid argument to option
	StatusIDInUse  = 4  // UID or GID already in use
	StatusNotFound = 6  // the user or group doesn't exist
	StatusPrimary  = 8  // the group is somebody's primary group
	StatusInUse    = 9  // name already in use
	StatusGroup    = 10 // can't update the group file
	StatusHome     = 12 // can't create, move or remove the home directory
	StatusNoShadow = 15 // there is no shadow database
	StatusSubUID   = 16 // can't update /etc/subuid
	StatusSubGID   = 18 // can't update /etc/subgid
)

// Error is why an edit was not made: the root is as it was, unless the text says otherwise.
type Error struct {
	// Status is what the tool of Debian's passwd package exits with.
	Status int
	// Text is what that tool says, without its name before it.
	Text string
	// Err is what is behind it; may be nil.
	Err error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return e.Text + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

func refuse(status int, format string, args ...any) error {
	return &Error{Status: status, Text: fmt.Sprintf(format, args...)}
}

// because is refuse with what is behind it. What is an Error already is passed on as it is.
func because(err error, status int, format string, args ...any) error {
	if _, ok := errors.AsType[*Error](err); ok || err == nil {
		return err
	}
	return &Error{status, fmt.Sprintf(format, args...), err}
}
