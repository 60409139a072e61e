package rbsr

import (
	"errors"
	"fmt"

	"github.com/intersubjective/rapprochement/codec"
	"github.com/intersubjective/rapprochement/engine/reconcile"
)

// Errors of messages. All of them wrap reconcile.ErrPayload.
var (
	ErrTruncated = fmt.Errorf("%w: rbsr: it ends early", reconcile.ErrPayload)
	ErrVarint    = fmt.Errorf("%w: rbsr: a number of more than 64 bits", reconcile.ErrPayload)
	ErrVersion   = fmt.Errorf("%w: rbsr: a protocol version that is not 1", reconcile.ErrPayload)
	ErrMode      = fmt.Errorf("%w: rbsr: an unknown mode", reconcile.ErrPayload)
	ErrBound     = fmt.Errorf("%w: rbsr: a bound of more than 32 bytes, or out of order", reconcile.ErrPayload)
	ErrRange     = fmt.Errorf("%w: rbsr: an answer to a range that is not open", reconcile.ErrPayload)
	ErrCount     = fmt.Errorf("%w: rbsr: a count that cannot be", reconcile.ErrPayload)
	ErrDepth     = fmt.Errorf("%w: rbsr: ranges are divided for ever", reconcile.ErrPayload)
)

// Errors of the caller.
var (
	ErrFrameLimit = errors.New("rbsr: a frame limit below 4096")
	ErrRole       = errors.New("rbsr: initiated twice, or by the responder")
)

// reader takes a message apart. After its first error it yields zeros.
type reader struct {
	data []byte
	err  error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err, r.data = err, nil
	}
}

func (r *reader) byte() byte {
	if len(r.data) == 0 {
		r.fail(ErrTruncated)
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *reader) take(n int) []byte {
	if len(r.data) < n {
		r.fail(ErrTruncated)
		return nil
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

// id reads so many bytes of an id; the others are zero.
func (r *reader) id(prefix int) (id codec.ID) {
	copy(id[:], r.take(prefix))
	return id
}

// commonPrefix is the number of bytes that two ids begin with alike.
func commonPrefix(a, b *codec.ID) int {
	n := 0
	for n < len(a) && a[n] == b[n] {
		n++
	}
	return n
}
