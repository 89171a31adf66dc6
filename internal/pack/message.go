package pack

import (
	"context"
	"errors"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

type (
	messageEvent   = trigger.Event[trigger.CustomMessageRequest, trigger.CustomMessageResponse]
	confirmedEvent = trigger.Event[trigger.PostConfirmationRequest, trigger.None]
)

// customMessage words Cognito's own texts, which are Cognito's codes, and has the guard
// decide on them as on ours. What fails has counted nothing, so that Cognito, which
// asks again where it got no answer in time, is counted once. The event does not say
// whether a text or an e-mail goes out, so whoever has a number is taken to be texted;
// e-mails keep their words, and so does an invitation, which is no code.
func (p *Pack) customMessage(ctx context.Context, e messageEvent, now time.Time) (trigger.CustomMessageResponse, error) {
	number, err := phone.Parse(e.Request.UserAttributes["phone_number"])
	if err != nil {
		return e.Response, nil
	}
	if e.TriggerSource == trigger.CustomMessageAdminCreateUser { // an administrator decided to send it
		return e.Response, p.store.Note(ctx, p.lastTextKey(number), now, sentRecently)
	}
	if e.Request.CodeParameter == "" {
		return e.Response, errors.New("the event names no code parameter")
	}
	who := p.texted(e, number)
	if err := p.mayText(who); err != nil {
		return e.Response, err
	}
	_, err = p.decide(ctx, question{
		who: who, list: p.loan(who.pool, who.user, number), proof: proofOf(e.Request.ClientMetadata),
		also: func(tx Tx) error { return tx.Note(ctx, p.lastTextKey(number), now, sentRecently) },
	}, now)
	if err != nil {
		return e.Response, err
	}
	text := p.settings.render(e.Request.CodeParameter)
	e.Response.SMSMessage = &text
	p.log.InfoContext(ctx, "text by Cognito", "source", string(e.TriggerSource), "to", number, "country", country(number), "pool", who.pool)
	return e.Response, nil
}

// sentRecently is how long after a text a half-finished sign-up is left alone.
const sentRecently = 10 * time.Minute

func (p *Pack) lastTextKey(n phone.Number) string { return p.hidden("last text", n.E164()) }

// lastText is when Cognito last texted the number.
func (p *Pack) lastText(ctx context.Context, n phone.Number) (time.Time, error) {
	return p.store.Noted(ctx, p.lastTextKey(n))
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
		p.answered(ctx, number, p.loan(e.UserPoolID, e.UserName, number), nil, now)
	}
	return trigger.None{}, nil
}

// texted is to whom a text with Cognito's own code goes. Where the user is about to
// change his number the event has the new one beside what is true of the old one.
func (p *Pack) texted(e messageEvent, n phone.Number) target {
	t := target{pool: e.UserPoolID, client: e.CallerContext.ClientID, user: e.UserName, number: n, typed: true}
	switch e.TriggerSource {
	case trigger.CustomMessageAuthentication, trigger.CustomMessageForgotPassword:
		t.proved = proved(e.Request.UserAttributes)
	}
	return t
}

// loan is the list of the texts with Cognito's own codes that a user has not answered.
// With the user alone, somebody could have texts for one number credited by signing in
// after he moved to another.
func (p *Pack) loan(pool, user string, n phone.Number) string {
	return "owed/" + p.hidden("owed", pool, user, n.E164())
}

// signedIn credits the texts with Cognito's own code to a user who is in now: that
// is all that Cognito tells of a code that was right. Nothing of it may stop him. Only
// a proven number has answered anything.
func (p *Pack) signedIn(ctx context.Context, e afterEvent, now time.Time) {
	number, err := phone.Parse(e.Request.UserAttributes["phone_number"])
	if err != nil || e.Request.UserAttributes["phone_number_verified"] != "true" {
		return
	}
	p.answered(ctx, number, p.loan(e.UserPoolID, e.UserName, number), nil, now)
}
