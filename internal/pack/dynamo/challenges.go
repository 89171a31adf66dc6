package dynamo

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/bellhop-auth/bellhop/internal/pack"
)

// What a challenge that lives, or that does not, looks like in a condition.
const (
	lives = "cid = :id AND expires_at > :now AND is_used = :no AND tries < max_tries"
	over  = "attribute_not_exists(pk) OR expires_at <= :now OR is_used = :yes OR tries >= max_tries"
)

// maxRaces is how often a decision is taken anew because others took it meanwhile.
const maxRaces = 10

var errRaces = errors.New("too many changed it at the same time")

// Open implements pack.Store.
func (s *Store) Open(ctx context.Context, slot string, fresh pack.Challenge, now time.Time) (pack.Challenge, error) {
	in := key(slot, kindChallenge)
	in["cid"], in["expires_at"], in["ttl"] = text(fresh.ID), moment(fresh.ExpiresAt), ttl(fresh.ExpiresAt)
	in["max_tries"], in["tries"], in["is_used"] = number(int64(fresh.MaxTries)), number(0), flag(false)
	in["sends"], in["sent_at"] = number(0), number(0)
	for range maxRaces {
		opened, err := s.put(ctx, in, over, item{":now": moment(now), ":yes": flag(true)})
		if err != nil {
			return pack.Challenge{}, wrap("open challenge", err)
		}
		if opened {
			return fresh, nil
		}
		found, err := s.Challenge(ctx, slot)
		if err != nil || found.Live(now) {
			return found, err
		}
	}
	return pack.Challenge{}, wrap("open challenge", errRaces)
}

// Challenge implements pack.Store.
func (s *Store) Challenge(ctx context.Context, slot string) (pack.Challenge, error) {
	in, err := s.get(ctx, slot, kindChallenge)
	if err != nil || in == nil {
		return pack.Challenge{}, wrap("read challenge", err)
	}
	return challenge(in)
}

func challenge(in item) (pack.Challenge, error) {
	r := reader{in: in}
	c := pack.Challenge{
		ID: r.text("cid"), ExpiresAt: r.moment("expires_at"), MaxTries: int(r.number("max_tries")),
		Tries: int(r.number("tries")), Sends: int(r.number("sends")), Used: r.flag("is_used"),
	}
	if at := r.number("sent_at"); at != 0 {
		c.SentAt = time.UnixMilli(at)
	}
	return c, wrap("read challenge", r.err)
}

// sentAt is what the table has for the time of the last text.
func sentAt(c pack.Challenge) int64 {
	if c.SentAt.IsZero() {
		return 0
	}
	return c.SentAt.UnixMilli()
}

// ClaimSend implements pack.Store. Who claimed stands with it: the SDK repeats what
// it got no answer to, and whoever finds his own claim has it.
func (s *Store) ClaimSend(ctx context.Context, slot string, c pack.Challenge, now time.Time) (bool, error) {
	_, ok, err := s.update(ctx, change{
		pk: slot, kind: kindChallenge,
		update:    "SET sends = :next, sent_at = :now, claimed_by = :me",
		condition: "claimed_by = :me OR (" + lives + " AND sends = :seen)",
		values: item{
			":id": text(c.ID), ":now": moment(now), ":no": flag(false), ":me": text(rand.Text()),
			":seen": number(int64(c.Sends)), ":next": number(int64(c.Sends + 1)),
		},
	})
	return ok, wrap("claim a text", err)
}

// ReturnSend implements pack.Store.
func (s *Store) ReturnSend(ctx context.Context, slot string, c pack.Challenge, now time.Time) error {
	_, _, err := s.update(ctx, change{
		pk: slot, kind: kindChallenge,
		update:    "SET sends = :before, sent_at = :then",
		condition: "cid = :id AND sends = :claimed AND sent_at = :now",
		values: item{
			":id": text(c.ID), ":now": moment(now), ":then": number(sentAt(c)),
			":before": number(int64(c.Sends)), ":claimed": number(int64(c.Sends + 1)),
		},
	})
	return wrap("give a text back", err)
}

// Try implements pack.Store.
func (s *Store) Try(ctx context.Context, slot, id string, now time.Time) (pack.Challenge, bool, error) {
	in, ok, err := s.update(ctx, change{
		pk: slot, kind: kindChallenge,
		update:    "SET tries = tries + :one",
		condition: lives,
		values:    item{":id": text(id), ":now": moment(now), ":no": flag(false), ":one": number(1)},
	})
	if err != nil || !ok {
		return pack.Challenge{}, false, wrap("count a try", err)
	}
	c, err := challenge(in)
	return c, err == nil, err
}

// Use implements pack.Store. The tries are counted before, so that the last of
// them may be the right one. Who used it stands with it, as at ClaimSend.
func (s *Store) Use(ctx context.Context, slot, id string, now time.Time) (bool, error) {
	_, ok, err := s.update(ctx, change{
		pk: slot, kind: kindChallenge,
		update:    "SET is_used = :yes, used_by = :me",
		condition: "used_by = :me OR (cid = :id AND expires_at > :now AND is_used = :no)",
		values: item{
			":id": text(id), ":now": moment(now), ":no": flag(false), ":yes": flag(true), ":me": text(rand.Text()),
		},
	})
	return ok, wrap("use challenge", err)
}
