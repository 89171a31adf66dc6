package userpool

import (
	"context"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
)

// codeMatch is what an answer to several live challenges was worth, and which of
// them it was right for.
type codeMatch struct {
	verdict   verdict
	challenge Challenge
	party     guard.Party // whom the try on it counted against
}

// match counts one try on each of the challenges and looks for the one whose
// code was given. The count stands even if none matches, so the caller must
// commit; a spent budget is an error, and must roll back. The challenge that
// matches is not yet used up: see settle.
func (s *Service) match(ctx context.Context, tx Tx, live []Challenge, answer string, c Caller, at time.Time) (codeMatch, error) {
	result := codeMatch{verdict: dead}
	counted := map[string]guard.Party{}
	if len(live) > 0 {
		of := Client{ID: c.client, PoolID: live[0].PoolID}
		live = provesFirst(s, c, of, live, func(ch Challenge) Contact { return ch.To })
	}
	for _, ch := range live {
		claimed, ok, err := tx.ClaimAttempt(ctx, ch.ID, at)
		if err != nil {
			return result, fmt.Errorf("claim attempt: %w", err)
		}
		if !ok {
			continue
		}
		party, before := counted[claimed.To.Text()]
		if !before {
			if party, c.proved, err = s.countTry(ctx, tx, claimed, c, at); err != nil {
				return result, err
			}
			counted[claimed.To.Text()] = party
		}
		match, err := s.matches(ctx, ch, answer, at)
		if err != nil {
			return result, err
		}
		if match {
			result = codeMatch{verdict: right, challenge: claimed, party: party}
		} else if result.verdict == dead {
			result.verdict = wrong
		}
	}
	if len(live) > 0 {
		answered(ctx, live[0].Purpose, result.verdict)
	}
	return result, nil
}

// refusal words a verdict that is not right, as sign-up, reset and attribute
// codes have it.
func (v verdict) refusal() *fault.Error {
	if v == dead {
		return errExpiredCode
	}
	return errWrongCode
}
