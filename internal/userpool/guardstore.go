package userpool

import (
	"context"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// guardTx keeps what the guard remembers beside its guard.State.
type guardTx interface {
	// Standings returns at most limit cells of the kind: with notOpen those that
	// stand otherwise than open, the worst first and of those the ones that changed
	// last, else all, in the order of their keys.
	Standings(ctx context.Context, kind guard.CellKind, notOpen bool, limit int) ([]KeyedCell, error)

	// InsertDecisions adds lines to the decision log; one whose id is there already
	// is left as it is. A line's ids must be in the order of time. It is kept as it
	// is, so the Party's Address must be a keyed hash as its Number is.
	InsertDecisions(ctx context.Context, lines []guard.Entry) error
	// Decisions returns a page of the log, in the order that it asks for.
	Decisions(ctx context.Context, p DecisionPage) ([]guard.Entry, error)
	// SentFor returns the lines of the challenge's texts whose codes are not used
	// and which were not found unsent, oldest first. They, and those of MarkUsed and
	// ClaimMatured, have no Levels.
	SentFor(ctx context.Context, id ChallengeID) ([]guard.Entry, error)
	// MarkUsed notes when the codes of the challenges' texts were used and returns the
	// lines that it has changed, as they now stand: each goes to one caller, and its first
	// time stays. A challenge that is there and not used has none.
	MarkUsed(ctx context.Context, codes []UsedCode) ([]guard.Entry, error)
	// MarkUnsent notes that a text surely was not sent. It is false if that was
	// known, its code is used, or there is no such line.
	MarkUnsent(ctx context.Context, id string) (bool, error)
	// ClaimMatured marks at most limit sent lines as matured, those that were sent
	// first and not after sentBefore, and returns them as they now stand, oldest
	// first: each line goes to one caller.
	ClaimMatured(ctx context.Context, sentBefore time.Time, limit int) ([]guard.Entry, error)

	// KnownNumber says whether the number has signed in, not before since. What it
	// goes by may be as much behind as TouchNumber was told to leave it.
	KnownNumber(ctx context.Context, numberKey string, since time.Time) (bool, error)
	// TouchNumber notes a sign-in of the number, in one statement, unless one at
	// or after before is noted already.
	TouchNumber(ctx context.Context, numberKey string, at, before time.Time) error
}

// UsedCode is a challenge whose code was given.
type UsedCode struct {
	Challenge ChallengeID
	At        time.Time // zero: if it was, its challenge says when; see UseTexts
}

// KeyedCell is a cell with its key.
type KeyedCell struct {
	Key  guard.Key
	Cell guard.Cell
}

// DecisionPage asks the store for lines of the decision log with ids between the
// two, both excluded. At most one of Number and RequestID is set, and picks lines.
type DecisionPage struct {
	Number       string // a number's keyed hash
	RequestID    string
	Above, Below string // ids; Below "" for no end
	Newest       bool   // newest first, else oldest first
	Limit        int
}
