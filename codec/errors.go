package codec

import "fmt"

// A FormatError says what is wrong with bytes from outside and where.
type FormatError struct {
	What   string // the thing being read: "record header", "event put"
	Field  string // the field or rule that was violated
	Offset int    // byte offset from the start of the thing
	Detail string // what was found or expected
}

func (e *FormatError) Error() string {
	s := "codec: " + e.What
	if e.Field != "" {
		s += ": " + e.Field
	}
	return fmt.Sprintf("%s at byte %d: %s", s, e.Offset, e.Detail)
}

// within names the struct field or list element around the field at fault.
func (e *FormatError) within(outer string) {
	if e.Field != "" && e.Field[0] != '[' {
		outer += "."
	}
	e.Field = outer + e.Field
}

func formatErr(what, field string, offset int, detail string, args ...any) *FormatError {
	return &FormatError{What: what, Field: field, Offset: offset, Detail: fmt.Sprintf(detail, args...)}
}
