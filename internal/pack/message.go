package pack

import (
	"context"
	"errors"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

type (
	messageEvent   = trigger.Event[trigger.CustomMessageRequest, trigger.CustomMessageResponse]
	confirmedEvent = trigger.Event[trigger.PostConfirmationRequest, trigger.None]
)

// customMessage words Cognito's own texts, which are Cognito's codes, and counts
// them as ours are. The event does not say whether a text or an e-mail goes out,
// so whoever has a number is taken to be texted; e-mails keep their words, and so
// does an invitation, which is no code.
func (p *Pack) customMessage(ctx context.Context, e messageEvent, now time.Time) (trigger.CustomMessageResponse, error) {
	number, err := phone.Parse(e.Request.UserAttributes["phone_number"])
	if err != nil {
		return e.Response, nil
	}
	who := target{pool: e.UserPoolID, client: e.CallerContext.ClientID, number: number, typed: true}
	if e.TriggerSource == trigger.CustomMessageAdminCreateUser { // an administrator decided to send it
		return e.Response, p.note(ctx, number, now)
	}
	if err := p.mayText(who); err != nil {
		return e.Response, err
	}
	if err := p.spendText(ctx, who, now); err != nil {
		return e.Response, err
	}
	if err := p.note(ctx, number, now); err != nil {
		return e.Response, err
	}
	if e.TriggerSource == trigger.CustomMessageAuthentication {
		if _, err := p.store.Spend(ctx, "owed/"+p.loan(e.UserPoolID, e.UserName, number), owed, now); err != nil {
			return e.Response, err
		}
	}
	if e.Request.CodeParameter == "" {
		return e.Response, errors.New("the event names no code parameter")
	}
	text := p.settings.render(e.Request.CodeParameter)
	e.Response.SMSMessage = &text
	p.log.InfoContext(ctx, "text by Cognito", "source", string(e.TriggerSource), "to", number, "country", country(number), "pool", who.pool)
	return e.Response, nil
}

// sentRecently is how long after a text a half-finished sign-up is left alone.
const sentRecently = 10 * time.Minute

// note keeps that Cognito texted the number.
func (p *Pack) note(ctx context.Context, n phone.Number, now time.Time) error {
	return p.store.Note(ctx, p.hidden("last text", n.E164()), now, sentRecently)
}

// lastText is when it did.
func (p *Pack) lastText(ctx context.Context, n phone.Number) (time.Time, error) {
	return p.store.Noted(ctx, p.hidden("last text", n.E164()))
}

// postConfirmation has the password of the sign-up overwritten, and gives back the
// text whose code has just confirmed somebody; that may not stop him.
func (p *Pack) postConfirmation(ctx context.Context, e confirmedEvent, now time.Time) (trigger.None, error) {
	if e.TriggerSource == trigger.PostConfirmationConfirmSignUp {
		if err := p.confirmed(ctx, e, now); err != nil {
			return trigger.None{}, err
		}
	}
	number, err := phone.Parse(e.Request.UserAttributes["phone_number"])
	if err == nil && e.Request.UserAttributes["phone_number_verified"] == "true" {
		p.answered(ctx, target{pool: e.UserPoolID, number: number, typed: true}, 1, now)
	}
	return trigger.None{}, nil
}

// owed bounds what is kept of texts with Cognito's own code to sign in, and for how
// long: the code lives no longer than the sign-in, a quarter of an hour at most.
var owed = guard.Limit{Max: 100, Window: time.Hour}

// loan is whose texts they are. With the user alone, somebody could have texts for one
// number given back by signing in after he moved to another.
func (p *Pack) loan(pool, user string, n phone.Number) string {
	return p.hidden("owed", pool, user, n.E164())
}

// signedIn gives back the texts with Cognito's own code to a user who is in now: that
// is all that Cognito tells of a code that was right. Each is given back once, and
// nothing of it may stop him. Only a proven number has answered anything.
func (p *Pack) signedIn(ctx context.Context, e afterEvent, now time.Time) {
	number, err := phone.Parse(e.Request.UserAttributes["phone_number"])
	if err != nil || e.Request.UserAttributes["phone_number_verified"] != "true" {
		return
	}
	loan := p.loan(e.UserPoolID, e.UserName, number)
	n, err := p.store.Count(ctx, "owed/"+loan, now)
	returned := 0
	for err == nil && returned < n {
		var turn guard.Spent
		turn, err = p.store.Spend(ctx, "returned/"+loan, guard.Limit{Max: n, Window: owed.Window}, now)
		if !turn.OK {
			break
		}
		returned++
	}
	if err != nil {
		p.log.WarnContext(ctx, "a text was not given back", "error", err)
	}
	p.answered(ctx, target{pool: e.UserPoolID, number: number, typed: true}, returned, now)
}
