package userpool

import (
	"context"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

// textTx keeps what became of texts, each for a while and then as sums of its day,
// and which numbers want none. It outlives the pools that it is of.
type textTx interface {
	// PutText stores texts. One whose id is there already is replaced if it may have
	// been sent, and left as it is if more is known of it; its UsedAt stays. A code can be
	// used before anybody writes that it was sent: on a store of one server PutText notes
	// that as UseTexts does.
	PutText(ctx context.Context, texts ...Text) error
	Text(ctx context.Context, id MessageID) (Text, bool, error)
	// TextByRef finds a text by the provider's id of it, the last of several.
	TextByRef(ctx context.Context, provider, ref string) (Text, bool, error)
	// TellText notes what a provider tells of a text, in one statement, if the status
	// is a later one than that which is known; false if not. Segments and price that
	// are not zero are noted whatever the status is.
	TellText(ctx context.Context, id MessageID, s TextStatus, code string, segments int, micros int64, at time.Time) (bool, error)
	// UseTexts notes that the codes were used, each at the last of its texts that may have
	// been sent, if none has it already. One whose challenge is there and not used is not. A
	// code of which no time is given was used if its challenge says so, or where that is gone,
	// the decision log. Before the Update returns, used is told of those texts.
	//
	// Where several servers have one store, a transaction that uses a code and one that puts
	// its text may not see each other. So each is followed by one that calls UseTexts: the
	// later of these sees both, and no use is missed unless one of them is: see credits.
	UseTexts(ctx context.Context, codes []UsedCode, used func(Text)) error
	// TextsOf returns the challenge's texts, oldest first.
	TextsOf(ctx context.Context, id ChallengeID) ([]Text, error)
	// TextEvidence sums up the texts that providers took from the one time until
	// before the other, by provider, country and whether the number was known, as of
	// one slice of time.
	TextEvidence(ctx context.Context, from, to time.Time) ([]sms.Evidence, error)
	// FoldTexts puts at most limit texts that were sent or given up before the time,
	// the oldest, into the sums of their days, and says how many.
	FoldTexts(ctx context.Context, before time.Time, limit int) (int, error)
	// TextCounts returns the sums of the days from the one until before the other,
	// midnights in UTC, in the order of their keys, texts that are not folded
	// included.
	TextCounts(ctx context.Context, from, to time.Time) ([]TextCount, error)
	// SweepTextDays deletes the sums of the days before the time, and says how many
	// rows went.
	SweepTextDays(ctx context.Context, before time.Time) (int, error)

	// OptOut notes that a number wants no texts; the first time stays.
	OptOut(ctx context.Context, numberKey string, at time.Time) error
	// OptIn ends that.
	OptIn(ctx context.Context, numberKey string) error
	OptedOut(ctx context.Context, numberKey string) (bool, error)
}

// TextGroup are texts of one day that are alike.
type TextGroup struct {
	Day      time.Time // midnight in UTC of when they were sent or given up
	Pool     PoolID
	Purpose  Purpose
	Country  string
	Provider string
	Wording  string
	Language string
}

// TextCount is what became of the texts of a group.
type TextCount struct {
	TextGroup
	TextSums
}

// TextSums are sums over texts.
type TextSums struct {
	Asked     int // that left the outbox, however they ended: the sum of the next five
	Sent      int // that a provider took, Delivered and Failed included
	Maybe     int
	Unsent    int
	Expired   int
	DryRun    int
	Delivered int
	Failed    int
	Used      int   // whose codes were used
	Segments  int   // of those that were or may have been sent
	Micros    int64 // their price, in millionths of a US dollar
	// UsedWithin says of how many codes the time from the request to the use fell into
	// each bucket: up to the bound of TextSeconds and above the one before; the last
	// has those that took longer.
	UsedWithin [len(TextSeconds) + 1]int
}

// TextSeconds are the bounds of buckets of the time to use.
var TextSeconds = [...]int{5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600}

// Add adds what other texts came to.
func (s *TextSums) Add(o TextSums) {
	s.Asked += o.Asked
	s.Sent += o.Sent
	s.Maybe += o.Maybe
	s.Unsent += o.Unsent
	s.Expired += o.Expired
	s.DryRun += o.DryRun
	s.Delivered += o.Delivered
	s.Failed += o.Failed
	s.Used += o.Used
	s.Segments += o.Segments
	s.Micros += o.Micros
	for i, n := range o.UsedWithin {
		s.UsedWithin[i] += n
	}
}
