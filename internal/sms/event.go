package sms

import (
	"context"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
)

// Post is what somebody posted to the address that a provider was given for what
// it has to tell.
type Post struct {
	URL         string // that address, as the provider was given it, with the query of this post
	ContentType string
	Header      func(name string) string // the first value, "" for none
	Body        []byte
	// Aside gives back what others wait for while the provider is asked something, and
	// returns what ends that; nil where nobody waits.
	Aside func() (back func())
}

// Wait is Aside where there is one.
func (p Post) Wait() (back func()) {
	if p.Aside == nil {
		return func() {}
	}
	return p.Aside()
}

// EventKind is what an Event tells.
type EventKind uint8

const (
	// Progress: the text is on its way, or nobody knows where. It is the zero kind,
	// since it changes nothing.
	Progress EventKind = iota
	// Delivered: the phone has it, as the provider has it from the network.
	Delivered
	// Failed: the phone will not have it.
	Failed
	// Incoming: a text came in from a phone.
	Incoming
)

func (k EventKind) String() string {
	switch k {
	case Delivered:
		return "delivered"
	case Failed:
		return "failed"
	case Incoming:
		return "incoming"
	default:
		return "progress"
	}
}

// Event is what a provider tells of a text that it took, or of one that came in.
// Providers repeat themselves, and tell things in any order.
type Event struct {
	Kind       EventKind
	ID         string    // Message.ID; empty where the provider does not carry it
	ProviderID string    // Receipt.ProviderID; of an incoming text the provider's id of that
	At         time.Time // when it happened, zero where the provider does not say
	Code       string    // the provider's own code of the failure, such as "30003"
	Segments   int       // as they were billed; 0 if it does not say
	Micros     int64     // the price in millionths of a US dollar; 0 if it does not say

	From phone.Number // of an incoming text; zero for one that is from no phone, such as a short code
	Body string       // of an incoming text
}

// ErrForged is what a Caller says of a post whose signature is missing, wrong or too
// old. It changes nothing.
type ErrForged struct{ Why string }

func (e *ErrForged) Error() string { return "the post is not the provider's: " + e.Why }

// Caller is a Sender whose provider posts what becomes of texts, and texts that come
// in.
type Caller interface {
	// ReadPost verifies a post and reads it. Its errors are *ErrForged, or a post that
	// the provider signed and that cannot be read. It may ask the provider something,
	// within p.Wait, since whoever posts can have it ask; where that fails, it is a
	// fault.Unavailable, and the post may come again.
	ReadPost(ctx context.Context, now time.Time, p Post) ([]Event, error)
	// Answer is the body of the answer to a post that was taken, with a text to send
	// back to the phone that one came in from, "" for none. A provider that takes no
	// such text in the answer gives nil.
	Answer(reply string) (contentType string, body []byte)
}

// Prober is a Sender that can say whether its provider would take texts, without
// sending one: the address is reached, and the credentials are good where that can
// be asked for nothing. Its errors hold no secret.
type Prober interface {
	Probe(ctx context.Context) error
}

// EvidenceSlices is how many slices of time evidence comes in, so that what changed is
// seen before the older of it is forgotten.
const EvidenceSlices = 6

// Evidence is what became of the texts of a slice of time by one provider to one
// country, all of them old enough to have been used.
type Evidence struct {
	Slice    int // 0 for the latest
	Provider string
	Country  string // ISO 3166, "" for none
	Known    bool   // to numbers that had signed in before: nobody pumps those
	Sent     int    // that the provider took
	Failed   int    // that it says did not arrive
	Told     int    // of which it said anything
	Used     int    // whose code was used
}

// Learner is a Sender that chooses by what became of texts. Each call tells of the
// last half hour and replaces what it was told before.
type Learner interface {
	Learn(now time.Time, recent []Evidence)
}
