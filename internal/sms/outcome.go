package sms

import "errors"

// Outcome is what is known of a message whose Send returned an error.
type Outcome uint8

const (
	// MaybeSent: the provider may have taken it, and the money counts as spent.
	// Whoever asks again, the same sender or another, may text twice, and pays
	// twice. It is the zero Outcome, being the one that is never wrong.
	MaybeSent Outcome = iota
	// SurelyNotSent: the provider said no. Asking it the same again is of no use;
	// another sender may be tried.
	SurelyNotSent
	// NotYet: it was surely not sent, and the same sender may take it later: the
	// provider said so, or could not be reached.
	NotYet
	// RefusedForEver: this number takes no text from us by any try, such as one
	// that opted out or does not exist.
	RefusedForEver
)

func (o Outcome) String() string {
	switch o {
	case SurelyNotSent:
		return "surely not sent"
	case NotYet:
		return "not yet sent"
	case RefusedForEver:
		return "refused for ever"
	default:
		return "maybe sent"
	}
}

// MayRepeat says that the same sender may be asked again.
func (o Outcome) MayRepeat() bool { return o == MaybeSent || o == NotYet }

// Extent is how many other texts would fail as one did, as far as its provider says.
type Extent uint8

const (
	// ThisText: no other, such as one to a number that does not exist. It is the zero
	// Extent and holds too where nobody knows.
	ThisText Extent = iota
	// ThisCountry: all to the number's country, such as one that the account may not
	// text.
	ThisCountry
	// ThisAccount: all, such as with credentials that are wrong, or from an account that
	// is suspended or has spent its limit.
	ThisAccount
)

// SendError is a failed Send with what may be concluded from it. Cause is for
// the log and holds neither the body nor the number.
type SendError struct {
	Outcome Outcome
	Extent  Extent
	Code    string // the provider's own code of the error, such as "21610"; empty if it gave none
	Cause   error
}

func (e *SendError) Error() string {
	if e.Cause == nil {
		return e.Outcome.String()
	}
	return e.Outcome.String() + ": " + e.Cause.Error()
}

func (e *SendError) Unwrap() error { return e.Cause }

// ExtentOf returns what err says of other texts: ThisText unless a *SendError in its
// chain knows more.
func ExtentOf(err error) Extent {
	if e, ok := errors.AsType[*SendError](err); ok {
		return e.Extent
	}
	return ThisText
}

// OutcomeOf returns what err says of the message: MaybeSent unless a *SendError
// in its chain knows better. It must not be asked about a nil error.
func OutcomeOf(err error) Outcome {
	if e, ok := errors.AsType[*SendError](err); ok {
		return e.Outcome
	}
	return MaybeSent
}
