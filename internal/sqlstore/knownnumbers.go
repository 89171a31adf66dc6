package sqlstore

import (
	"context"
	"time"
)

const (
	sqlKnownNumber = `select signed_in_at from known_numbers where number_key = $1 and signed_in_at >= $2`
	sqlTouchNumber = `insert into known_numbers (number_key, signed_in_at) values ($1, $2)
		on conflict (number_key) do update set signed_in_at = excluded.signed_in_at
		where known_numbers.signed_in_at < $3 and known_numbers.signed_in_at < excluded.signed_in_at`
)

func (t *tx) KnownNumber(ctx context.Context, numberKey string, since time.Time) (bool, error) {
	_, found, err := maybe(ctx, t, scanMoment, sqlKnownNumber, numberKey, millis(since))
	return found, err
}

func (t *tx) TouchNumber(ctx context.Context, numberKey string, at, before time.Time) error {
	return t.run(ctx, sqlTouchNumber, numberKey, millis(at), millis(before))
}
