package userpool

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// A pool's custom sender delivers codes in the place of the server's senders. It
// gets them encrypted, never in the clear, and from the outbox, so that no request
// waits for it. Notices hold no code, have no source on Cognito, and go the usual
// way.

// customTriesOfSender is how often a function is called that fails, or of which
// nobody knows: as often as AWS Lambda calls one that nobody waits for.
const customTriesOfSender = 3

// customSender is the trigger that delivers messages to the contact.
func customSender(to Contact) trigger.Name {
	if to.Email.IsZero() {
		return trigger.CustomSMSSender
	}
	return trigger.CustomEmailSender
}

// sentByFunction says whether a function of the pool's delivers what is sent for
// the purpose to the contact.
func (p Pool) sentByFunction(purpose Purpose, to Contact) bool {
	return purpose.plain() != PurposeNotice && p.Settings.Triggers.has(customSender(to))
}

var errNoEncrypter = fault.New(fault.CodeDeliveryFailure,
	"Codes cannot be sent: the pool has a custom sender, and this server has no KMS to encrypt codes for it. Its triggers file names one under kms.")

// letter is what a custom sender is told of a message besides its code. A message
// keeps it sealed, since apps may put what they like into ClientMetadata.
type letter struct {
	Source     trigger.Source     `json:"s"`
	UserName   string             `json:"n"`
	Attributes trigger.Attributes `json:"a"`
	Metadata   trigger.Texts      `json:"m,omitempty"`
}

// sealLetter puts the letter into a message of the user, if a function of the
// pool's is to deliver it. source is the one that CustomMessage would have.
func (s *Service) sealLetter(m Message, p Pool, source trigger.Source, u User, metadata map[string]string) (Message, error) {
	if !p.sentByFunction(m.Purpose, m.To) {
		return m, nil
	}
	plain, err := json.Marshal(letter{
		Source: source.For(customSender(m.To)), UserName: u.Username, Attributes: u.eventAttributes(p), Metadata: metadata,
	})
	if err != nil {
		return m, fmt.Errorf("letter to a custom sender: %w", err)
	}
	m.Letter = s.ring.Seal(sealLetters, []byte(m.ID), plain)
	return m, nil
}

// deliverer finds the pool of a message with a letter, and whether its function is
// still to deliver it.
func (s *Service) deliverer(ctx context.Context, m Message) (p Pool, byFunction bool, err error) {
	if m.Letter == "" {
		return Pool{}, false, nil
	}
	err = s.store.View(ctx, func(tx Tx) (err error) {
		p, err = tx.Pool(ctx, m.PoolID)
		return err
	})
	return p, err == nil && p.sentByFunction(m.Purpose, m.To), err
}

// handOverToFunction calls the pool's custom sender with the encrypted secret.
// What it answers does not matter.
func (s *Service) handOverToFunction(ctx context.Context, p Pool, m Message, secret string) error {
	plain, err := s.ring.Open(sealLetters, []byte(m.ID), m.Letter)
	if err != nil {
		return &sms.SendError{Outcome: sms.SurelyNotSent, Cause: err}
	}
	var l letter
	if err := json.Unmarshal(plain, &l); err != nil {
		return &sms.SendError{Outcome: sms.SurelyNotSent, Cause: fmt.Errorf("letter to a custom sender: %w", err)}
	}
	if s.encrypter == nil {
		return &sms.SendError{Outcome: sms.NotYet, Cause: errNoEncrypter} // another node may have one
	}
	if m.Challenge == "" {
		secret = escapePassword.Replace(secret)
	}
	code, err := s.encrypter.Encrypt(ctx, p.Settings.Triggers.KMSKey, p.ID, secret)
	if err != nil {
		return &sms.SendError{Outcome: sms.NotYet, Cause: err}
	}
	request := trigger.CustomSenderRequest{
		Type: trigger.SMSSenderRequest, Code: base64.StdEncoding.EncodeToString(code),
		ClientMetadata: l.Metadata, UserAttributes: l.Attributes,
	}
	name := customSender(m.To)
	if name == trigger.CustomEmailSender {
		request.Type = trigger.EmailSenderRequest
	}
	event, err := eventOf(occasion{pool: p, client: m.ClientID, userName: l.UserName}, l.Source, request, trigger.None{})
	if err != nil {
		return &sms.SendError{Outcome: sms.SurelyNotSent, Cause: err}
	}
	return s.deliver(ctx, p, m, name, event)
}

// escapePassword does to a temporary password what Cognito does (developer guide,
// Custom sender Lambda triggers).
var escapePassword = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

// deliver calls the function once; the outbox tries again. All tries have one id.
func (s *Service) deliver(ctx context.Context, p Pool, m Message, name trigger.Name, event []byte) error {
	arn := p.Settings.Triggers.Functions[name]
	if !s.calls.enter(arn) {
		return &sms.SendError{Outcome: sms.NotYet, Cause: fmt.Errorf("%d calls of the function are under way", maxInFlight)}
	}
	defer s.calls.leave(arn)
	ctx, end := s.calling(trigger.WithInvocation(ctx, string(m.ID)), TriggerCall{Pool: p.ID, Trigger: name, Attempt: m.Attempts})
	_, err := s.triggers.Invoke(ctx, arn, event)
	if err != nil && ctx.Err() != nil {
		err = &trigger.InvokeError{Fault: trigger.TimedOut, Cause: fmt.Errorf("no answer within %v", sendTimeout)}
	}
	end(err)
	return deliveryOf(m, err)
}

// deliveryOf says what is known of a message after its function was called. One
// that failed may have sent it before, so it is not asked for ever.
func deliveryOf(m Message, err error) error {
	failed, ok := errors.AsType[*trigger.InvokeError](err)
	switch {
	case err == nil, ok && failed.Fault == trigger.Unreadable: // it ran, and its answer does not matter
		return nil
	case ok && failed.Fault == trigger.Misconfigured:
		return &sms.SendError{Outcome: sms.SurelyNotSent, Cause: err}
	case ok && failed.Fault == trigger.Throttled:
		return &sms.SendError{Outcome: sms.NotYet, Cause: err}
	}
	if _, threw := errors.AsType[*trigger.FunctionError](err); threw {
		err = errors.New(forLog(err).String())
	}
	if m.Attempts >= customTriesOfSender {
		return &sms.SendError{Outcome: sms.SurelyNotSent, Cause: fmt.Errorf("given up after %d tries: %w", m.Attempts, err)}
	}
	return &sms.SendError{Outcome: sms.MaybeSent, Cause: err}
}
