package links

import "fmt"

// ParamError is a parameter outside its range.
type ParamError struct {
	Field         string
	Value, Lo, Hi int64
}

func (e *ParamError) Error() string {
	return fmt.Sprintf("links: %s is %d, want %d to %d", e.Field, e.Value, e.Lo, e.Hi)
}

// ParseError is a place in a file of latencies that is not as it should be. Line and Column count from 1; Column is that
// of the matrix, not of the text. Line is 0 when the file as a whole is wrong.
type ParseError struct {
	Line, Column int
	Want, Got    string
}

func (e *ParseError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("links: want %s, got %s", e.Want, e.Got)
	}
	return fmt.Sprintf("links: line %d, column %d: want %s, got %s", e.Line, e.Column, e.Want, e.Got)
}

func within(field string, value, lo, hi int64) error {
	if value < lo || value > hi {
		return &ParamError{Field: field, Value: value, Lo: lo, Hi: hi}
	}
	return nil
}

func delay(field string, value int64) error { return within(field, value, 0, MaxDelay) }

// first is the first error, if any.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
