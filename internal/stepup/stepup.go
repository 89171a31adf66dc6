// Package stepup asks for more proof before a text is sent, and judges what comes
// back: the demand that a client is answered, the ways by which it may be met, and
// the proof that the same request then carries. It calls nobody: evidence that
// somebody else must judge goes to a Verifier, single use and the texts that came
// in are kept by a Memory. What a proof is worth is the guard's business.
package stepup

import (
	"errors"
	"time"
)

// Kind names a way to more proof, as the wire and the settings spell it.
type Kind string

// The kinds.
const (
	Attestation Kind = "attestation"   // the app store's word for the app and the device
	TextUs      Kind = "text-us"       // the user texts a code to us
	Turnstile   Kind = "turnstile"     // captchas, by a provider's verification API
	HCaptcha    Kind = "hcaptcha"      //
	ReCAPTCHA   Kind = "recaptcha"     //
	Work        Kind = "proof-of-work" // the client's processor works a while
)

// Kinds returns all kinds, what costs an attacker most first.
func Kinds() []Kind { return []Kind{Attestation, TextUs, Turnstile, HCaptcha, ReCAPTCHA, Work} }

// The lives of a demand. It is met within Life, and within TextLife by a text, which
// a person types and a carrier carries.
const (
	Life     = 2 * time.Minute
	TextLife = 10 * time.Minute
)

// Life is how long a demand may be met by the kind.
func (k Kind) Life() time.Duration {
	if k == TextUs {
		return TextLife
	}
	return Life
}

// Who is whom a demand is made of: what meets it is no proof for anybody else.
type Who struct {
	Pool, Client string
	NumberKey    string // a keyed hash of the number that is to be texted
	// Address is where the request came from, as wide as a phone wanders within
	// minutes: see AddressClass.
	Address string
}

// Why a proof is none. Each makes a new demand of the client.
var (
	// ErrMalformed: what was sent cannot be read as a proof.
	ErrMalformed = errors.New("step-up: not a proof")
	// ErrForged: the demand was not made here, or was changed.
	ErrForged = errors.New("step-up: not a demand of this server")
	// ErrExpired: the demand was made here, too long ago.
	ErrExpired = errors.New("step-up: the demand has expired")
	// ErrOtherNumber, ErrOtherClient, ErrOtherAddress: it was made of somebody else.
	ErrOtherNumber  = errors.New("step-up: the demand was made of another number")
	ErrOtherClient  = errors.New("step-up: the demand was made of another app client")
	ErrOtherAddress = errors.New("step-up: the demand was made of another address")
	// ErrReplayed: the demand was met before.
	ErrReplayed = errors.New("step-up: the demand was met before")
	// ErrNotOffered: the server does not take that kind of proof.
	ErrNotOffered = errors.New("step-up: no such way is offered")
	// ErrWrong: the answer does not meet the demand.
	ErrWrong = errors.New("step-up: the answer does not meet the demand")
	// ErrSpent: the evidence was good once, and its judge has seen it before.
	ErrSpent = errors.New("step-up: the evidence was used before, or is too old")
	// ErrNotYet: the text has not come in.
	ErrNotYet = errors.New("step-up: no text has come in yet")
	// ErrDown: who judges such evidence does not answer, or not sensibly. It wraps
	// what a Verifier says of it.
	ErrDown = errors.New("step-up: the evidence cannot be verified now")
)

// blamed are those that nobody who means it well comes to: what a Desk's demands
// and a patient client make is none of them. A demand outlives its client's
// patience, a phone changes its network, a provider fails.
var blamed = []error{ErrMalformed, ErrForged, ErrOtherNumber, ErrOtherClient, ErrReplayed, ErrNotOffered, ErrWrong}

// Blames says whether an error of Check or Use counts against the sender.
func Blames(err error) bool {
	for _, e := range blamed {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Faulty says whether an error of Check or Use is one of a proof: then the client
// is asked for another. All other errors are the server's own.
func Faulty(err error) bool {
	for _, e := range []error{ErrExpired, ErrOtherAddress, ErrSpent, ErrNotYet, ErrDown} {
		if errors.Is(err, e) {
			return true
		}
	}
	return Blames(err)
}
