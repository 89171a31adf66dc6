package pack

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/otp"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// Whoever signs up may give a password with a number that is another's, and Cognito
// keeps it when the number's holder confirms the account by a code. With auto-sign-in
// it is therefore overwritten by one that nobody knows, as soon as the account is
// confirmed. Cognito confirms by ConfirmSignUp, which PostConfirmation follows, and by
// the right code of an SMS_OTP sign-in, of which only PreAuthentication (the user is
// UNCONFIRMED) and PostAuthentication (he no longer is) can tell: the first marks the
// user, and whichever trigger next sees him confirmed overwrites.

type (
	beforeEvent = trigger.Event[trigger.PreAuthenticationRequest, trigger.None]
	afterEvent  = trigger.Event[trigger.PostAuthenticationRequest, trigger.None]
)

// unproved is how long a user stays marked whose password may be a stranger's. It is
// a counter since that has an end, and can be cleared.
var unproved = guard.Limit{Max: 1, Window: 30 * day}

func (p *Pack) unprovedKey(pool, name string) string {
	return "unproved/" + p.hidden("unproved", pool, name)
}

// overwrites says whether passwords of sign-ups end with the confirmation. Those of
// auto-confirm end with the first right code.
func (p *Pack) overwrites() bool {
	return p.settings.SignUp == AutoSignIn && !p.settings.KeepPassword
}

// confirmed ends the password of a sign-up that ConfirmSignUp has just completed. If
// that fails the user is confirmed nevertheless, so that he is marked for the next
// sign-in.
func (p *Pack) confirmed(ctx context.Context, e confirmedEvent, now time.Time) error {
	if !p.overwrites() {
		return nil
	}
	err := p.endPassword(ctx, e.UserPoolID, e.UserName)
	if err != nil {
		ctx, cancel := afterwards(ctx)
		defer cancel()
		if err := p.mark(ctx, e.UserPoolID, e.UserName, now); err != nil {
			p.log.ErrorContext(ctx, "a confirmed user has the password of the sign-up", "sub", e.Request.UserAttributes["sub"], "pool", e.UserPoolID, "error", err)
		}
	}
	return err
}

func (p *Pack) mark(ctx context.Context, pool, name string, now time.Time) error {
	_, err := p.store.Spend(ctx, p.unprovedKey(pool, name), unproved, now)
	return err
}

// endPassword overwrites and takes the mark away, in this order.
func (p *Pack) endPassword(ctx context.Context, pool, name string) error {
	if err := p.overwritePassword(ctx, pool, name); err != nil {
		return err
	}
	return p.store.Clear(ctx, p.unprovedKey(pool, name))
}

// preAuthentication marks who is not confirmed yet. Of who is, the password is
// overwritten before Cognito looks at the one that is given.
func (p *Pack) preAuthentication(ctx context.Context, e beforeEvent, now time.Time) (trigger.None, error) {
	switch {
	case !p.overwrites():
		return trigger.None{}, nil
	case e.Request.UserNotFound: // looked up as others are, which takes as long
		_, err := p.store.Count(ctx, p.unprovedKey(e.UserPoolID, e.UserName), now)
		return trigger.None{}, err
	case e.Request.UserAttributes["cognito:user_status"] == "UNCONFIRMED":
		return trigger.None{}, p.mark(ctx, e.UserPoolID, e.UserName, now)
	}
	return trigger.None{}, p.overwriteMarked(ctx, e.UserPoolID, e.UserName, now)
}

// postAuthentication is before the tokens: without its consent there are none.
func (p *Pack) postAuthentication(ctx context.Context, e afterEvent, now time.Time) (trigger.None, error) {
	if p.overwrites() {
		if err := p.overwriteMarked(ctx, e.UserPoolID, e.UserName, now); err != nil {
			return trigger.None{}, err
		}
	}
	p.signedIn(ctx, e, now)
	return trigger.None{}, nil
}

func (p *Pack) overwriteMarked(ctx context.Context, pool, name string, now time.Time) error {
	n, err := p.store.Count(ctx, p.unprovedKey(pool, name), now)
	if err != nil || n == 0 {
		return err
	}
	return p.endPassword(ctx, pool, name)
}

// passwordLength is of passwords that nobody shall know.
const passwordLength = 64

// overwritePassword gives the user a password that nobody knows.
func (p *Pack) overwritePassword(ctx context.Context, pool, name string) error {
	var key [MinKey]byte
	rand.Read(key[:]) // does not fail
	unknown := otp.DerivePassword(key[:], name, passwordLength)
	if err := p.directory.SetPassword(ctx, pool, name, unknown); err != nil {
		return fault.Wrap(fault.Unavailable, fmt.Errorf("overwrite the sign-up's password: %w", err), "The account cannot be completed now")
	}
	return nil
}
