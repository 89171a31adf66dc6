package sqlstore

import (
	"strconv"
	"strings"
)

// batchMost is how many rows one statement of a batch is given.
const batchMost = 16

// batch is a statement that is given several rows: one text for each number of
// them, so that what is prepared on a connection stays bounded.
type batch [batchMost]string

// newBatch makes the texts. row says what one row looks like: {1} is its first
// argument, of per in all. They come after the arguments that all rows share, $1 to
// $shared.
func newBatch(head, row, tail string, shared, per int) (b batch) {
	var rows []string
	for n := range b {
		text := row
		for i := range per {
			place := "$" + strconv.Itoa(shared+n*per+i+1)
			text = strings.ReplaceAll(text, "{"+strconv.Itoa(i+1)+"}", place)
		}
		rows = append(rows, text)
		b[n] = head + strings.Join(rows, ", ") + tail
	}
	return b
}

// text is the statement for so many rows.
func (b *batch) text(rows int) string { return b[rows-1] }
