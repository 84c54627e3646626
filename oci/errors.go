package oci

import (
	"errors"
	"fmt"
)

// Questions that callers ask of an error with errors.Is.
var (
	// ErrReference is a source or destination that cannot be meant: wrong use, not a failure.
	ErrReference = errors.New("unacceptable reference")
	// ErrDigest is content that is not what its digest and size promise. The answer is a [*BlobError].
	ErrDigest = errors.New("content does not match its digest")
	// ErrPlatform is an image that is not there for the platform asked for, or an index when none was asked for. The
	// answer is a [*PlatformError].
	ErrPlatform = errors.New("no image for the platform")
	// ErrDocument is an index, manifest, configuration or archive listing that is malformed, contradicts itself or
	// can be read in two ways.
	ErrDocument = errors.New("malformed document")
	// ErrMediaType is a document or layer of a kind that is not known here.
	ErrMediaType = errors.New("unknown media type")
	// ErrChanged is a source that was not the same when it was read a second time.
	ErrChanged = errors.New("source changed while it was read")
)

// BlobError says which content is not what was promised.
type BlobError struct {
	// Blob names the content in the reader's words: "layer sha256:...", "configuration sha256:...".
	Blob string
	// Wanted and Got are two digests, or two sizes in bytes.
	Wanted, Got string
}

func (e *BlobError) Error() string {
	return fmt.Sprintf("%s: wanted %s, got %s", e.Blob, e.Wanted, e.Got)
}

// Is makes every BlobError match ErrDigest.
func (e *BlobError) Is(target error) bool { return target == ErrDigest }

// PlatformError says which platform was asked for and which there are.
type PlatformError struct {
	// Wanted is empty if none was asked for.
	Wanted string
	// Have lists the platforms in the order of the index, as it has them: any text.
	Have []string
}

func (e *PlatformError) Error() string {
	have := "it has " + listed(e.Have, word)
	if len(e.Have) == 0 {
		have = "it has none"
	}
	if e.Wanted == "" {
		return "the index holds images for several platforms, name one with --platform: " + have
	}
	return fmt.Sprintf("no single image for platform %s: %s", word(e.Wanted), have)
}

// Is makes every PlatformError match ErrPlatform.
func (e *PlatformError) Is(target error) bool { return target == ErrPlatform }

// referenceError is an error that matches ErrReference without saying so: what is wrong is in the text already.
type referenceError struct{ error }

func (e referenceError) Unwrap() error { return e.error }

func (e referenceError) Is(target error) bool { return target == ErrReference }

// misused is fmt.Errorf for wrong use.
func misused(format string, args ...any) error { return referenceError{fmt.Errorf(format, args...)} }
