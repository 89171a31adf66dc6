package userpool

import (
	"context"
	"errors"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// What calls functions must do so once for each user action, whatever SDKs repeat: a
// repeat waits for the request that is under way, and finds its answer.

// recalled is the answer that was kept for an earlier request of the same user
// action, if it is there and still serves: nothing is counted, and no trigger
// called, a second time. A kept refusal is an error.
func recalled[T any](ctx context.Context, s *Service, c Caller, at time.Time, usable func(Tx, T) (bool, error)) (value T, found bool, err error) {
	key := c.repeatKey()
	if key == "" {
		return value, false, nil
	}
	var answer kept[T]
	err = s.store.View(ctx, func(tx Tx) error {
		found, err = recall(ctx, s, tx, key, at, usable, &answer)
		return err
	})
	if err != nil || !found {
		return value, false, err
	}
	Note(ctx, "repeat", true)
	if refusal := answer.refusal(); refusal != nil {
		refuse(ctx, reasonOf(refusal))
		return answer.Value, true, refusal
	}
	return answer.Value, true, nil
}

// underWay is a request of a user action that waits for triggers.
type underWay struct {
	done    chan struct{} // closed when it has ended
	waiting int           // repeats of it that wait for that
}

// maxRepeats is how many repeats of one request wait for its end. SDKs send what
// they get no answer to three times.
const maxRepeats = 8

// alone keeps two requests of one user action on this node apart, so that the
// second finds the answer of the first. It returns what ends that. Whoever waits
// stands aside, and holds nothing that others wait for.
func (s *Service) alone(ctx context.Context, c Caller) (end func(), err error) {
	key := c.repeatKey()
	if key == "" {
		return func() {}, nil
	}
	return s.apart(ctx, key)
}

// apart is alone for what the key names.
func (s *Service) apart(ctx context.Context, key string) (end func(), err error) {
	var back func()
	defer func() {
		if back != nil {
			back()
		}
	}()
	for {
		first, own, err := s.comes(key)
		if err != nil {
			return nil, err
		}
		if own {
			return func() { s.ends(key, first) }, nil
		}
		if back == nil {
			back = s.aside(ctx)
		}
		select {
		case <-first.done:
		case <-ctx.Done():
			s.mu.Lock()
			first.waiting--
			s.mu.Unlock()
			return nil, ctx.Err()
		}
	}
}

// comes finds the request of the user action that is under way. It is the
// caller's own where there was none.
func (s *Service) comes(key string) (first *underWay, own bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first = s.underWay[key]
	switch {
	case first == nil:
		first = &underWay{done: make(chan struct{})}
		s.underWay[key] = first
		return first, true, nil
	case first.waiting >= maxRepeats:
		return nil, false, fault.New(fault.TooManyRequests, "Too many requests")
	}
	first.waiting++
	return first, false, nil
}

func (s *Service) ends(key string, u *underWay) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.underWay, key)
	close(u.done)
}

// lasting is the context of a request that has used something up when it calls
// functions. It goes on, in its time, when its client is gone, so that a repeat
// finds its answer.
func lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	if until, ok := ctx.Deadline(); ok {
		return context.WithDeadline(context.WithoutCancel(ctx), until)
	}
	return context.WithTimeout(context.WithoutCancel(ctx), triggersWithin)
}

// noticed is usable for once, and notes whether a kept answer was taken.
func noticed[T any](again *bool, usable func(Tx, T) (bool, error)) func(Tx, T) (bool, error) {
	return func(tx Tx, value T) (ok bool, err error) {
		ok = true
		if usable != nil {
			ok, err = usable(tx, value)
		}
		*again = ok && err == nil
		return ok, err
	}
}

// tellOnce calls a function about what a request has come to, a user or a family of
// tokens, once for each user action. A repeat calls it where it is not known to have
// agreed, and then counts as a start: answers that are kept are given for nothing,
// and calls of functions are not.
func (s *Service) tellOnce(ctx context.Context, c Caller, again bool, outcome string, at time.Time, tell func(context.Context) error) error {
	key := c.repeatKey()
	if key == "" {
		return tell(ctx)
	}
	ctx, cancel := lasting(ctx)
	defer cancel()
	key = "told " + outcome + " " + key
	end, err := s.apart(ctx, key)
	if err != nil {
		return err
	}
	defer end()
	err = s.store.View(ctx, func(tx Tx) error {
		_, err := tx.Repeat(ctx, key, at)
		return err
	})
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	if again {
		if err := s.countStart(ctx, &c, at); err != nil {
			return err
		}
	}
	if err := tell(ctx); err != nil {
		return err
	}
	err = s.store.Update(ctx, func(tx Tx) error {
		return tx.PutRepeat(ctx, key, s.ring.Seal(sealRepeat, []byte(key), []byte("true")), s.after(at, repeatTTL))
	})
	if err != nil {
		s.log.WarnContext(ctx, "that a function was called is not kept; a repeat will call it again", "error", err)
	}
	return nil
}
