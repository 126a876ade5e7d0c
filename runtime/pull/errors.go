package pull

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrAbsent: the cache does not hold it and nothing was asked to fetch it.
	ErrAbsent = errors.New("not in the cache")
	// ErrDamaged: the cache holds it, but its files are not the ones that were sealed.
	ErrDamaged = errors.New("damaged in the cache")
	// ErrChecksum: what was fetched is not what is pinned. It has been thrown away.
	ErrChecksum = errors.New("checksum mismatch")
	// ErrNoRoom: the cache's disk is full, or too full to begin.
	ErrNoRoom = errors.New("no room on disk")
	// ErrUnsupported: no prebuilt engine exists for this platform and device.
	ErrUnsupported = errors.New("no prebuilt engine")
	// ErrNoModel: the reference names no model that can be found.
	ErrNoModel = errors.New("no such model")
	// ErrNotGGUF: the file is there, and is not a GGUF model.
	ErrNotGGUF = errors.New("not a GGUF file")
)

// ChecksumError is the detail of an ErrChecksum.
type ChecksumError struct {
	File        string
	Want, Found string // SHA-256 in hexadecimal
	Bytes       int64  // size of what was found
}

func (e *ChecksumError) Error() string {
	return fmt.Sprintf("%s: %v: expected sha256 %s, found %s (%d bytes); it was not kept",
		e.File, ErrChecksum, e.Want, e.Found, e.Bytes)
}

func (e *ChecksumError) Unwrap() error { return ErrChecksum }

// SourcesError says that every way to come by an artefact failed, and how.
type SourcesError struct {
	What   string
	Failed []error // one per source, in the order tried
	Advice string  // what the user can do by hand
}

func (e *SourcesError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cannot get %s:", e.What)
	for _, err := range e.Failed {
		fmt.Fprintf(&b, "\n  - %v", err)
	}
	if e.Advice != "" {
		fmt.Fprintf(&b, "\n%s", e.Advice)
	}
	return b.String()
}

func (e *SourcesError) Unwrap() []error { return e.Failed }
