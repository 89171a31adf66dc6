package userpool

import (
	"context"
	"time"

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

// TextReceived takes a text that a user sent us, as step-ups by text-us ask. The id
// is its sender's: a second text of the same id is the first again. Nothing says
// whether anybody waits for the code in it, which is nobody's business but of whom
// it was given to.
func (s *Service) TextReceived(ctx context.Context, id string, from phone.Number, body string) error {
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
