package userpool

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// A pool's CustomMessage function words its messages. That one is due, and to whom
// it goes, turns out inside the transaction that puts it in the outbox, where no
// function may be called. So that transaction is rolled back, the function is
// asked, and the transaction runs again with the words. Nothing is asked about what
// is not sent: inside the resend gap, beyond a limit, or to nobody.

// What stands in a function's words for what is filled in later, and how long they
// may be (developer guide, custom message trigger, and the service model).
const (
	codeParameter     = "{####}"
	linkParameter     = "{##Click Here##}"
	usernameParameter = "{username}"

	maxSMSWords, maxMailWords, maxSubject = 140, 20000, 140
)

// words are a message's, as a function gave them; "" leaves the pool's own.
type words struct{ sms, mail, subject string }

// wordedByFunction says whether a function of the pool's words what is sent for the
// purpose to the contact. One that delivers messages words them itself.
func (p Pool) wordedByFunction(purpose Purpose, to Contact) bool {
	return p.Settings.Triggers.has(trigger.CustomMessage) && !p.sentByFunction(purpose, to)
}

// wording are the words of what one request sends.
type wording struct {
	caller   Caller            // of the request, as what counts it needs to know him
	metadata map[string]string // ClientMetadata
	apart    bool              // the request is kept apart from its repeats already
	said     map[wish]words
}

// wish is what words were asked for.
type wish struct {
	subject string
	to      Contact
}

// maxWishes is how often one request may ask: for a number, for an address, and
// for what others changed meanwhile.
const maxWishes = 4

// unworded ends a transaction that was about to send a message without the words
// of the pool's function.
type unworded struct{ want codeRequest }

func (*unworded) Error() string { return "the message has no words yet" }

// words are those of the message, none where the pool has no function for them.
func (r *codeRequest) words() (words, error) {
	if r.wording == nil || r.decoy || !r.pool.wordedByFunction(r.purpose, r.to) {
		return words{}, nil
	}
	said, ok := r.wording.said[wish{r.subject, r.to}]
	if !ok {
		return words{}, &unworded{*r}
	}
	return said, nil
}

// metadata is the ClientMetadata that functions are told with the message.
func (r *codeRequest) metadata() map[string]string {
	if r.wording == nil {
		return nil
	}
	return r.wording.metadata
}

// worded runs fn, which runs the transaction that sends, and asks for the words
// that it lacks. What fn is given is the context that it must use from then on.
func worded[T any](ctx context.Context, s *Service, w *wording, at time.Time, fn func(context.Context) (T, error)) (T, error) {
	var zero T
	for {
		value, err := fn(ctx)
		lacking, ok := errors.AsType[*unworded](err)
		if !ok {
			return value, err
		}
		if len(w.said) == maxWishes {
			return zero, fault.Wrap(fault.Unavailable, err, "The server is busy.")
		}
		long, cancel := patient(ctx)
		defer cancel()
		ctx = long
		if !w.apart {
			end, err := s.alone(ctx, w.caller)
			if err != nil {
				return zero, err
			}
			defer end()
			w.apart = true
			if w.caller.Body != nil {
				continue // the answer of a repeat may be there by now
			}
		}
		if err := s.askWords(ctx, w, &lacking.want, at); err != nil {
			return zero, err
		}
	}
}

func (s *Service) askWords(ctx context.Context, w *wording, want *codeRequest, at time.Time) error {
	if err := s.countStart(ctx, &w.caller, at); err != nil {
		return err
	}
	o := occasion{want.pool, want.client.ID, want.user.Username}
	said, err := s.wordMessage(ctx, o, want.source, want.user, want.to, w.metadata)
	if err != nil {
		return err
	}
	if w.said == nil {
		w.said = map[wish]words{}
	}
	w.said[wish{want.subject, want.to}] = said
	return nil
}

// countWorded counts a request that may have a function word its message. It does
// so whether or not there is anybody to send one to, since a limit must not tell.
func (s *Service) countWorded(ctx context.Context, tx Tx, want *codeRequest) error {
	if !want.pool.Settings.Triggers.has(trigger.CustomMessage) {
		return nil
	}
	return s.spendStart(ctx, tx, want.wording.caller, want.at)
}

// wordMessage asks the pool's function for the words of a message to the contact.
// What it says for the other medium is not looked at.
func (s *Service) wordMessage(ctx context.Context, o occasion, source trigger.Source, u User, to Contact, metadata map[string]string) (words, error) {
	request := trigger.CustomMessageRequest{
		UserAttributes: u.eventAttributes(o.pool), CodeParameter: codeParameter, LinkParameter: linkParameter, ClientMetadata: metadata,
	}
	if source == trigger.CustomMessageAdminCreateUser {
		request.UsernameParameter = new(usernameParameter)
	}
	said, err := ask(ctx, s, o, source, request, trigger.CustomMessageResponse{})
	if err != nil {
		return words{}, err
	}
	w := words{sms: orNone(said.SMSMessage), mail: orNone(said.EmailMessage), subject: orNone(said.EmailSubject)}
	if why := w.unfit(to, request.UsernameParameter != nil); why != "" {
		return words{}, s.unusable(ctx, o.pool, trigger.CustomMessage, why)
	}
	return w, nil
}

func orNone(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// unfit says why the words cannot be sent to the contact, "" if they can.
func (w words) unfit(to Contact, named bool) string {
	if to.Email.IsZero() {
		switch {
		case w.sms == "":
		case utf8.RuneCountInString(w.sms) > maxSMSWords:
			return "smsMessage is too long"
		case !strings.Contains(w.sms, codeParameter):
			return "smsMessage does not contain the code parameter"
		case named && !strings.Contains(w.sms, usernameParameter):
			return "smsMessage does not contain the username parameter"
		}
		return ""
	}
	switch {
	case utf8.RuneCountInString(w.mail) > maxMailWords:
		return "emailMessage is too long"
	case w.mail != "" && !strings.Contains(w.mail, codeParameter):
		return "emailMessage does not contain the code parameter"
	case utf8.RuneCountInString(w.subject) > maxSubject:
		return "emailSubject is too long"
	case strings.ContainsFunc(w.subject, unicode.IsControl):
		return "emailSubject is not one line of text"
	}
	return ""
}
