package pack

import (
	"context"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/otp"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// Challenge is one texted code, without the code: that is derived from the id.
type Challenge struct {
	ID        string
	ExpiresAt time.Time
	MaxTries  int
	Tries     int
	Sends     int       // texts of this code
	SentAt    time.Time // the last of them
	Used      bool      // the code was given
}

// Live says whether an answer would still be looked at.
func (c Challenge) Live(now time.Time) bool {
	return now.Before(c.ExpiresAt) && !c.Used && c.Tries < c.MaxTries
}

// Store keeps challenges and counters. Every verb that decides something is one
// conditional write, so that of those who race one wins. A slot has one challenge,
// and no key or slot holds anything readable.
type Store interface {
	// Open returns the slot's challenge, which is fresh unless another one lives.
	Open(ctx context.Context, slot string, fresh Challenge, now time.Time) (Challenge, error)
	// Challenge returns what is in the slot, alive or not; the zero one if nothing is.
	Challenge(ctx context.Context, slot string) (Challenge, error)
	// ClaimSend gives the right to text the challenge's code once more to one of
	// those who saw the same c.
	ClaimSend(ctx context.Context, slot string, c Challenge, now time.Time) (bool, error)
	// ReturnSend takes back what was claimed on c, since nothing was sent.
	ReturnSend(ctx context.Context, slot string, c Challenge, now time.Time) error
	// Try counts one answer. It is false if the slot's challenge is not the one of
	// that id, or lives no more.
	Try(ctx context.Context, slot, id string, now time.Time) (Challenge, bool, error)
	// Use ends a challenge in whose life the answer came; one caller gets true.
	Use(ctx context.Context, slot, id string, now time.Time) (bool, error)

	// Note keeps that something happened at now, for at least the time given.
	Note(ctx context.Context, key string, now time.Time, life time.Duration) error
	// Noted returns when it did, the zero time if that is not known.
	Noted(ctx context.Context, key string) (time.Time, error)

	guard.Counters

	// Update runs fn with a Tx that keeps what fn does, and stores all of it, or
	// nothing where fn fails. fn may run several times, also on a Tx that does not
	// know everything yet: there is only pure code in it, and Tx.
	Update(ctx context.Context, now time.Time, fn func(Tx) error) error
}

// Tx is what is remembered, as it is for the time of one decision.
type Tx interface {
	guard.State

	// Note and Noted are the store's.
	Note(ctx context.Context, key string, now time.Time, life time.Duration) error
	Noted(ctx context.Context, key string) (time.Time, error)

	// Keep keeps the outcome of a text in a list, at least until then.
	Keep(list, id string, o guard.Outcome, until time.Time) error
	// Kept returns what is in the list, by id.
	Kept(list string) (map[string]guard.Outcome, error)
	// Drop takes out of the list what Kept returned; of those who do at once one
	// succeeds, and the others decide anew.
	Drop(list, id string) error
}

// Texter sends texts.
type Texter interface {
	sms.Sender
	// Pretend takes as long as Send does, so that how long an answer takes does
	// not tell whether a text was sent.
	Pretend(ctx context.Context)
}

// User is one of the pool, as far as a sign-up needs to know.
type User struct {
	Name        string
	Phone       string
	Unconfirmed bool // UserStatus UNCONFIRMED
	CreatedAt   time.Time
}

// Client is an app client of the pool, as far as it says who may sign in how.
type Client struct {
	ID    string
	Flows []string // ExplicitAuthFlows
	OAuth []string // AllowedOAuthFlows, where they are switched on
}

// Directory is the user pool.
type Directory interface {
	// ByPhone returns the users who have the number, verified or not.
	ByPhone(ctx context.Context, pool, number string) ([]User, error)
	// User returns the user as he is now; false if there is none.
	User(ctx context.Context, pool, name string) (User, bool, error)
	Delete(ctx context.Context, pool, name string) error

	// Clients returns all app clients of the pool.
	Clients(ctx context.Context, pool string) ([]Client, error)
	// SetPassword gives the user a permanent password.
	SetPassword(ctx context.Context, pool, name string, password otp.Code) error
	// VerifyPhone sets phone_number_verified.
	VerifyPhone(ctx context.Context, pool, name string) error
}
