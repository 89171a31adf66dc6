package rehearse

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"iter"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// Entries reads a decision log that was written as a JSON object a line, sorted by
// time. A line that cannot be read is a *LineError.
func Entries(r io.Reader) iter.Seq2[guard.Entry, error] {
	return func(yield func(guard.Entry, error) bool) {
		lines := bufio.NewReaderSize(r, longestLine)
		var last guard.Entry
		for n := 1; ; n++ {
			text, err := lines.ReadSlice('\n')
			switch {
			case errors.Is(err, io.EOF) && len(text) == 0:
				return
			case errors.Is(err, bufio.ErrBufferFull):
				yield(guard.Entry{}, &LineError{n, "is longer than a line may be"})
				return
			case err != nil && !errors.Is(err, io.EOF):
				yield(guard.Entry{}, err)
				return
			}
			var e guard.Entry
			switch {
			case json.Unmarshal(text, &e) != nil || e.At.IsZero():
				err = &LineError{n, "is no entry of a decision log"}
			case e.At.Before(last.At):
				err = &LineError{n, "is earlier than the line before it"}
			default:
				err = nil
			}
			if last = e; !yield(e, err) || err != nil {
				return
			}
		}
	}
}
