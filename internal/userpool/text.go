package userpool

import "time"

// TextStatus is how far a text is known to have come.
type TextStatus string

// The statuses. Later ones of the list win over earlier ones, whatever comes first.
const (
	TextExpired   TextStatus = "expired"   // its code was over before anybody took it
	TextUnsent    TextStatus = "unsent"    // surely not sent
	TextDryRun    TextStatus = "dry_run"   // nothing was to be sent
	TextMaybe     TextStatus = "maybe"     // nobody knows whether it was sent
	TextSent      TextStatus = "sent"      // a provider took it
	TextFailed    TextStatus = "failed"    // the provider says that it did not arrive
	TextDelivered TextStatus = "delivered" // the provider says that it did
)

// MayBeSent says whether a provider has taken the text, for all that is known.
func (s TextStatus) MayBeSent() bool {
	return s == TextMaybe || s == TextSent || s == TextFailed || s == TextDelivered
}

// Text is what became of a text, from when it left the outbox. It holds no number and
// no words.
type Text struct {
	ID        MessageID
	PoolID    PoolID
	ClientID  ClientID
	Purpose   Purpose
	Challenge ChallengeID // "" for one without a code
	Country   string      // ISO 3166, "" for none
	Known     bool        // the number had signed in before
	Provider  string      // by name, "" where no route was chosen
	Ref       string      // the provider's id of it, "" for none
	Wording   string      // name of the words, "" for the pool's own
	Language  string      // BCP 47, "" where it is not known
	Segments  int         // that it takes, or was billed for
	Micros    int64       // its price in all, in millionths of a US dollar
	Status    TextStatus
	Code      string // the provider's, of the failure
	Attempts  int
	QueuedAt  time.Time
	SentAt    time.Time // or given up
	ToldAt    time.Time // when the provider told the status, zero for never
	UsedAt    time.Time // when its code was used; of several texts of one code the last counts
}
