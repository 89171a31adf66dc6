package userpool

import (
	"context"
	"time"

	"github.com/bellhop-auth/bellhop/internal/country"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/stepup"
)

// A number's texts to us in an hour; more are dropped. Of one code the first is
// enough.
var (
	numberTextsIn = guard.Limit{Max: 20, Window: time.Hour}
	codeTextsIn   = guard.Limit{Max: 1000, Window: stepup.TextLife}
)

// textInOnce is how long a text is known by its id: longer than its signature is
// good for.
const textInOnce = 15 * time.Minute

// How often a number is answered when it asks for help, and how often all are. Answers
// cost as texts do, and anybody may have many numbers, or write another's on a text.
var (
	numberHelps    = guard.Limit{Max: 3, Window: time.Hour}
	numberDayHelps = guard.Limit{Max: 5, Window: 24 * time.Hour}
	allHelps       = guard.Limit{Max: 100, Window: time.Hour}
)

// stopOnce is how long a STOP or START is known by its id: who has recorded one must
// not be able to say it again when it has been taken back.
const stopOnce = 400 * 24 * time.Hour

// TextIn takes a text that a user sent us: STOP, START or HELP alone, or the code that
// step-ups by text-us ask for. The id is its sender's: a second text of the same id is
// the first again. Nothing says whether anybody waits for the code in it, which is
// nobody's business but of whom it was given to. It returns the text to send back, ""
// for none.
func (s *Service) TextIn(ctx context.Context, id string, from phone.Number, body string) (reply string, err error) {
	if from.IsZero() { // a short code, or a name: nobody who signs in
		return "", nil
	}
	switch word := country.OptOutWord(s.countryOf(Contact{Number: from}), body); word {
	case country.Stop, country.Start:
		return "", s.optOut(ctx, id, from, word == country.Stop)
	case country.Help:
		return s.help(ctx, id, from)
	}
	return "", s.textReceived(ctx, id, from, body)
}

// optOut notes that the number wants no texts, or wants them again.
func (s *Service) optOut(ctx context.Context, id string, from phone.Number, out bool) error {
	at := s.now()
	number := s.party(Contact{Number: from}, "").Number
	return s.store.Update(ctx, func(tx Tx) error {
		fresh, err := tx.UseNonce(ctx, "stop "+hashHandle(id), s.after(at, stopOnce))
		if err != nil || !fresh {
			return err
		}
		if out {
			return tx.OptOut(ctx, number, at)
		}
		return tx.OptIn(ctx, number)
	})
}

// help is the operator's answer to HELP, some times an hour for each number that may be
// texted at all.
func (s *Service) help(ctx context.Context, id string, from phone.Number) (reply string, err error) {
	if s.helpText == "" || s.guard.Admits(from) != nil {
		return "", nil
	}
	at := s.now()
	number := s.party(Contact{Number: from}, "").Number
	err = s.store.Update(ctx, func(tx Tx) error {
		reply = ""
		fresh, err := tx.UseNonce(ctx, "help "+hashHandle(id), s.after(at, textInOnce))
		if err != nil || !fresh {
			return err
		}
		for _, l := range []struct {
			key string
			guard.Limit
		}{{"help/" + number, numberHelps}, {"help/day/" + number, numberDayHelps}, {"help", allHelps}} {
			room, err := tx.Spend(ctx, l.key, l.Limit, at)
			if err != nil || !room.OK {
				return err
			}
		}
		reply = s.helpText
		return nil
	})
	return reply, err
}

func (s *Service) textReceived(ctx context.Context, id string, from phone.Number, body string) error {
	code, ok := stepup.ReadText(body)
	if !ok {
		return nil
	}
	at := s.now()
	number := s.party(Contact{Number: from}, "").Number
	return s.store.Update(ctx, func(tx Tx) error {
		fresh, err := tx.UseNonce(ctx, "text in "+hashHandle(id), s.after(at, textInOnce))
		if err != nil || !fresh {
			return err
		}
		room, err := tx.Spend(ctx, "text-us/from/"+number, numberTextsIn, at)
		if err != nil || !room.OK {
			return err
		}
		_, err = tx.Spend(ctx, stepup.TextKey(code, number), codeTextsIn, at)
		return err
	})
}
