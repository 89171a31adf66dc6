package userpool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// What providers tell of texts. It moves a text's line forward, and may have another
// provider send it; it never says that a code was right, and no budget gets anything
// back by it, for whoever owns a number also owns what its network tells.

const (
	// tellAgain is how long a word of a text waits that nobody has written down yet: the
	// provider was quicker than the commit, or than another node's.
	tellAgain = 2 * time.Second
	// maxEarly bounds those that wait; more are lost, as are those of a server that ends.
	maxEarly = 1024
	// elsewhereWithin is how long after its request a text that did not arrive is given
	// to another provider. Later its reader has asked again, or gone.
	elsewhereWithin = time.Minute
	// parkedFor is how long it is kept for that: longer, so that no node with another
	// clock drops what one has paid for again.
	parkedFor = elsewhereWithin + 10*time.Second
	// maxCode bounds what a provider calls a failure, and maxRef what it calls a text.
	maxCode, maxRef = 40, 200
)

// early is a word that came before its text was written down.
type early struct {
	provider string
	event    sms.Event
	due      time.Time
}

// TextEvent takes what the provider of that name tells: of a text that it took, or a
// text that came in. It returns the text to send back to the phone that one came in
// from, "" for none. A second event of the same is the first again; whatever comes
// late, out of order or of a text of which nothing is known changes nothing.
func (s *Service) TextEvent(ctx context.Context, provider string, e sms.Event) (reply string, err error) {
	switch e.Kind {
	case sms.Incoming:
		return s.TextIn(ctx, provider+"/"+e.ProviderID, e.From, e.Body)
	case sms.Delivered, sms.Failed:
	default:
		return "", nil
	}
	e.ID, e.ProviderID = plainRef(e.ID), plainRef(e.ProviderID)
	found, err := s.tellOf(ctx, provider, e)
	if err == nil && !found {
		select {
		case s.early <- early{provider, e, s.now().Add(tellAgain)}:
		default:
		}
	}
	return "", err
}

// runEarly takes the words that came early once more.
func (s *Service) runEarly(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-s.early:
			if wait := e.due.Sub(s.now()); wait > 0 {
				pause(ctx, wait)
			}
			if _, err := s.tellOf(ctx, e.provider, e.event); err != nil && ctx.Err() == nil {
				s.log.Error("what a provider told of a text is lost", "provider", e.provider, "error", err)
			}
		}
	}
}

// tellOf writes down what a provider tells of a text, and says whether it is one of ours.
func (s *Service) tellOf(ctx context.Context, provider string, e sms.Event) (found bool, err error) {
	at, code := s.now(), plainCode(e.Code)
	status := TextDelivered
	if e.Kind == sms.Failed {
		status = TextFailed
	}
	var text Text
	var changed bool
	err = s.store.Update(ctx, func(tx Tx) error {
		if text, found, err = textOf(ctx, tx, provider, e); err != nil || !found {
			return err
		}
		changed, err = tx.TellText(ctx, text.ID, status, code, max(e.Segments, 0), max(e.Micros, 0), at)
		if err == nil && changed && status == TextFailed {
			err = s.noteFailedText(ctx, tx, text, code, at)
		}
		return err
	})
	if err != nil || !found {
		return found, err
	}
	for _, o := range s.observers {
		o.Told(Telling{Provider: provider, Country: text.Country, Status: status, New: changed})
	}
	// Told again it is as it was, but for a server that was killed between the two.
	if status != TextFailed || !changed && text.Status != TextFailed {
		return true, nil
	}
	if changed {
		s.log.Warn("text did not arrive", "message", text.ID, "provider", provider, "country", text.Country, "code", code)
	}
	return true, s.sendElsewhere(ctx, text, at)
}

// textOf finds the text that the provider speaks of: by our id where it carries that,
// else by its own. No provider speaks of another's.
func textOf(ctx context.Context, tx Tx, provider string, e sms.Event) (t Text, found bool, err error) {
	if e.ID != "" {
		t, found, err = tx.Text(ctx, MessageID(e.ID))
	} else if e.ProviderID != "" {
		t, found, err = tx.TextByRef(ctx, provider, e.ProviderID)
	}
	ours := t.Provider == provider && (t.Ref == "" || e.ProviderID == "" || t.Ref == e.ProviderID)
	return t, found && ours, err
}

// sendElsewhere puts a text back into the outbox of which its provider says that it
// did not arrive, for another provider to send, if its code is still waited for, no
// other text of it is on its way, and the money is there. The outbox keeps such texts
// for a while where there is another provider.
func (s *Service) sendElsewhere(ctx context.Context, t Text, at time.Time) error {
	if t.Challenge == "" || !at.Before(t.QueuedAt.Add(elsewhereWithin)) {
		return nil
	}
	woken, noRoom := false, false
	err := s.store.Update(ctx, func(tx Tx) error {
		woken, noRoom = false, false
		ch, err := tx.Challenge(ctx, t.Challenge)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil || !ch.UsedAt.IsZero() { // which its texts may learn later
			return err
		}
		texts, err := tx.TextsOf(ctx, t.Challenge)
		if err != nil || len(texts) == 0 || texts[len(texts)-1].ID != t.ID {
			return err
		}
		if woken, err = tx.WakeMessage(ctx, t.ID, at); err != nil || !woken || s.limitsOff {
			return err
		}
		sent, err := tx.SentFor(ctx, t.Challenge)
		if err != nil || len(sent) == 0 {
			return err
		}
		room, err := s.guard.Again(ctx, tx, sent[len(sent)-1].Receipt, at)
		if err != nil {
			return fmt.Errorf("guard: %w", err)
		}
		if !room {
			noRoom = true
			return errNoMoney
		}
		return nil
	})
	switch {
	case noRoom:
		s.log.Warn("text not sent by another provider: a budget or a prefix has no room for it", "message", t.ID)
		return nil
	case err == nil && woken:
		s.wake()
	}
	return err
}

var errNoMoney = errors.New("a budget or a prefix has no room")

// chargeDoubled takes from the budgets what a text cost that more than one provider
// may have sent.
func (s *Service) chargeDoubled(ctx context.Context, tx Tx, m Message, times int, at time.Time) error {
	if times == 0 || m.Challenge == "" || s.limitsOff {
		return nil
	}
	sent, err := tx.SentFor(ctx, m.Challenge)
	if err != nil || len(sent) == 0 {
		return err
	}
	for range times {
		if err := s.guard.Charge(ctx, tx, sent[len(sent)-1].Receipt, at); err != nil {
			return fmt.Errorf("guard: %w", err)
		}
	}
	return nil
}

// stopped says whether the number of the request has asked for no texts, as far as that
// binds whoever asks: a device that signed in as its owner is his own word.
func (s *Service) stopped(ctx context.Context, tx Tx, r *codeRequest, requester string) (bool, error) {
	if r.to.Number.IsZero() || r.invented || requester != r.caller.requester() && r.byOwner() {
		return false, nil
	}
	return tx.OptedOut(ctx, s.party(r.to, requester).Number)
}

// errStopped is the refusal of a text to a number that has asked for none.
var errStopped = fault.New(fault.CodeDeliveryFailure, "This number has asked for no texts. It is texted again once it has texted START.")

// plainCode is what a provider calls a failure, as it may stand in logs and reports.
func plainCode(code string) string {
	kept := strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_.-", r)) {
			return r
		}
		return -1
	}, code)
	return kept[:min(len(kept), maxCode)]
}

// plainRef is what a provider calls a text, or "" where no provider would: PostgreSQL
// takes not every text, and with one the results of all others of the moment would be
// lost.
func plainRef(ref string) string {
	if len(ref) > maxRef || strings.ContainsFunc(ref, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return ref
}

// countryOf is the country of a number, "" for none.
func (s *Service) countryOf(to Contact) string {
	if to.Number.IsZero() {
		return ""
	}
	return s.guard.Line(to.Number).Route.Country
}
