package userpool

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// repeatTTL is how long the answer to a request is kept for its repeats: SDKs
// and Amplify 6 send what failed, or what they got no answer to, three times.
const repeatTTL = time.Minute

// kept is an answer as the store keeps it, sealed: a value, or a refusal that
// was counted.
type kept[T any] struct {
	Value   T             `json:"v"`
	Refused bool          `json:"r,omitempty"`
	Kind    fault.Kind    `json:"k,omitempty"`
	Message string        `json:"m,omitempty"`
	After   time.Duration `json:"a,omitempty"`
}

func (k kept[T]) refusal() *fault.Error {
	if !k.Refused {
		return nil
	}
	return &fault.Error{Kind: k.Kind, Message: k.Message, RetryAfter: k.After}
}

// guessable is the caller of a request that somebody else behind the same
// address could make word for word, or guess his way to: an InitiateAuth or a
// resend that holds a number, a ConfirmSignUp that holds a number and six digits. Its answer
// is kept only under the SDK's invocation, which nobody else knows; without one
// a neighbour would be handed the Session of the first.
func (c Caller) guessable() Caller {
	if c.Invocation == "" {
		c.Body = nil
	}
	return c
}

// repeatKey names a user action: the SDK's invocation where it says so, else an
// identical request from the same address block. Without a body hash there is
// no repeat. It begins with the time of the Session that is answered, for the reason
// that a Session's own key does.
func (c Caller) repeatKey() string {
	if c.Body == nil {
		return ""
	}
	who := "invocation " + c.Invocation
	if c.Invocation == "" {
		who = "address " + c.requester()
	}
	sum := sha256.Sum256([]byte(who + "\n" + c.Body()))
	return c.begun + hex.EncodeToString(sum[:])
}

// once runs fn in an Update and keeps its answer, so that a repeat of the same
// user action gets the first answer again: uncounted, unsent, nothing opened.
// fn returns a value, or a refusal that is to be committed (a wrong try that
// counts), or an error that rolls everything back. usable, where not nil, says
// whether a kept value still serves; if not, the request counts as a new one.
func once[T any](ctx context.Context, s *Service, c Caller, at time.Time,
	usable func(Tx, T) (bool, error), fn func(Tx) (T, *fault.Error, error),
) (T, error) {
	return onceAhead(ctx, s, c, at, nil, usable, fn)
}

// onceAhead is once for an fn of which is known what it reads first.
func onceAhead[T any](ctx context.Context, s *Service, c Caller, at time.Time, ahead func(Tx),
	usable func(Tx, T) (bool, error), fn func(Tx) (T, *fault.Error, error),
) (T, error) {
	key := c.repeatKey()
	var answer kept[T]
	err := s.store.Update(ctx, func(tx Tx) error {
		if ahead != nil {
			tx.Ahead(ctx, ahead)
		}
		if key != "" {
			found, err := recall(ctx, s, tx, key, at, usable, &answer)
			if err != nil {
				return err
			}
			if found {
				Note(ctx, "repeat", true)
				if refusal := answer.refusal(); refusal != nil {
					refuse(ctx, reasonOf(refusal))
				}
				return nil
			}
		}
		answer = kept[T]{}
		value, refusal, err := fn(tx)
		if err != nil {
			return err
		}
		answer.Value = value
		if refusal != nil {
			refuse(ctx, reasonOf(refusal))
			answer = kept[T]{Refused: true, Kind: refusal.Kind, Message: refusal.Message, After: refusal.RetryAfter}
		}
		if key == "" || (refusal != nil && refusal.Kind == fault.UsernameExists) {
			return nil // a name may be free again in a moment
		}
		plain, err := json.Marshal(answer)
		if err != nil {
			return fmt.Errorf("keep answer: %w", err)
		}
		return tx.PutRepeat(ctx, key, s.ring.Seal(sealRepeat, []byte(key), plain), s.after(at, repeatTTL))
	})
	if err != nil {
		var zero T
		return zero, err
	}
	if refusal := answer.refusal(); refusal != nil {
		return answer.Value, refusal
	}
	return answer.Value, nil
}

// recall reads the answer kept under the key into answer, if it still serves.
func recall[T any](ctx context.Context, s *Service, tx Tx, key string, at time.Time,
	usable func(Tx, T) (bool, error), answer *kept[T],
) (bool, error) {
	sealed, err := tx.Repeat(ctx, key, at)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	plain, err := s.ring.Open(sealRepeat, []byte(key), sealed)
	if err != nil {
		return false, fmt.Errorf("open kept answer: %w", err)
	}
	*answer = kept[T]{}
	if err := json.Unmarshal(plain, answer); err != nil {
		return false, nil // another version's, which no repeat is worth an error for
	}
	if answer.Refused || usable == nil {
		return true, nil
	}
	return usable(tx, answer.Value)
}
