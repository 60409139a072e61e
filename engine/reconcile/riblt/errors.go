package riblt

import (
	"errors"
	"fmt"
)

// Reasons found inside a FormatError, or returned alone where there is no
// byte to point at. Test with errors.Is.
var (
	// ErrParam: the caller passed a size, width or limit outside its range.
	ErrParam = errors.New("parameter out of range")
	// ErrLimit: more cells than the limit allows.
	ErrLimit = errors.New("too many cells")
	// ErrTruncated: the input ends too early.
	ErrTruncated = errors.New("truncated")
	// ErrTrailing: bytes follow the last cell.
	ErrTrailing = errors.New("trailing bytes")
	// ErrVarint: a varint is overlong or not the shortest form.
	ErrVarint = errors.New("malformed varint")
	// ErrCell: a cell that no set of the stated size has.
	ErrCell = errors.New("impossible cell")
	// ErrVersion: an unknown persistent format.
	ErrVersion = errors.New("unknown format version")
	// ErrStale: the symbols given to Grow are not the set of the sketch.
	ErrStale = errors.New("sketch and set disagree")
	// ErrSource: the local source returned the wrong number of cells.
	ErrSource = errors.New("local source out of step")
)

// FormatError says where and why bytes were refused.
type FormatError struct {
	Offset int   // byte offset of the offending field from the start of the input
	Reason error // one of the sentinels of this package
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("riblt: %v at byte %d", e.Reason, e.Offset)
}

func (e *FormatError) Unwrap() error { return e.Reason }

func refuse(offset int, reason error) error {
	return &FormatError{Offset: offset, Reason: reason}
}

func misuse(reason error, format string, args ...any) error {
	return fmt.Errorf("riblt: %w: %s", reason, fmt.Sprintf(format, args...))
}
