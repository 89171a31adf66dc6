package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	registrationColumns = `id, pool_id, client_id, name, sub, requester, attributes, verifier,
		existing_id, created_at, expires_at, srp_identity`

	sqlInsertRegistration = `insert into registrations (` + registrationColumns + `, place)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict do nothing`
	sqlRegistrations = `select ` + registrationColumns + ` from registrations
		where pool_id = $1 and name = $2 and (expires_at = 0 or expires_at > $3)
		order by created_at desc, id desc`
	sqlRegistrationBySub = `select ` + registrationColumns + ` from registrations
		where pool_id = $1 and sub = $2 and (expires_at = 0 or expires_at > $3)
		order by created_at desc, id desc limit 1`
	sqlRegistration       = `select ` + registrationColumns + ` from registrations where id = $1`
	sqlNamedRegistrations = `select ` + registrationColumns + ` from registrations where pool_id = $1 and name = $2`
	sqlDeleteRegistration = `delete from registrations where id = $1`

	sqlDeleteRegistrationMessages = `delete from messages where challenge_id <> '' and challenge_id in (
		select id from challenges where registration_id = $1 and registration_id <> '')`
	sqlDeleteRegistrationChallenges = `delete from challenges where registration_id = $1 and registration_id <> ''`
)

func scanRegistration(r row) (g userpool.Registration, err error) {
	err = r.Scan(&g.ID, &g.PoolID, &g.ClientID, &g.Name, &g.Sub, &g.Requester, decoded{&g.Attributes},
		&g.Verifier, &g.Existing, moment{&g.CreatedAt}, moment{&g.ExpiresAt}, &g.SRPIdentity)
	return g, err
}

// InsertRegistration conflicts with others of the same name, which are counted.
func (t *tx) InsertRegistration(ctx context.Context, r userpool.Registration) error {
	name := "sign-ups/" + hashName(r.PoolID, r.Name)
	if err := t.touch(ctx, sqlTouchName, name, millis(r.CreatedAt.Add(forgetAfter))); err != nil {
		return err
	}
	err := t.insert(ctx, sqlInsertRegistration, r.ID, r.PoolID, r.ClientID, r.Name, r.Sub, r.Requester,
		dict(r.Attributes), r.Verifier, r.Existing, millis(r.CreatedAt), millis(r.ExpiresAt), r.SRPIdentity,
		placeOfRegistration(r))
	if err != nil {
		return err
	}
	return t.indexRegistration(ctx, r)
}

// Registrations includes those that never expire (zero ExpiresAt).
func (t *tx) Registrations(ctx context.Context, pool userpool.PoolID, name string, now time.Time) ([]userpool.Registration, error) {
	return many(ctx, t, scanRegistration, sqlRegistrations, pool, name, millis(now))
}

func (t *tx) Registration(ctx context.Context, id userpool.RegistrationID) (userpool.Registration, error) {
	return one(ctx, t, scanRegistration, sqlRegistration, id)
}

// RegistrationBySub returns the newest where several were told the same sub.
func (t *tx) RegistrationBySub(ctx context.Context, pool userpool.PoolID, sub userpool.UserID, now time.Time) (userpool.Registration, error) {
	return one(ctx, t, scanRegistration, sqlRegistrationBySub, pool, sub, millis(now))
}

// DeleteRegistration takes its challenges, their unsent texts, and its sessions
// with it.
func (t *tx) DeleteRegistration(ctx context.Context, id userpool.RegistrationID) error {
	r, err := t.Registration(ctx, id)
	if errors.Is(err, userpool.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return t.endRegistration(ctx, r)
}

func (t *tx) DeleteRegistrations(ctx context.Context, pool userpool.PoolID, name string) error {
	all, err := many(ctx, t, scanRegistration, sqlNamedRegistrations, pool, name)
	if err != nil {
		return err
	}
	for _, r := range all {
		if err := t.endRegistration(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) endRegistration(ctx context.Context, r userpool.Registration) error {
	return cmp.Or( // after a failed statement the rest is refused
		t.run(ctx, sqlDeleteRegistrationMessages, r.ID),
		t.run(ctx, sqlDeleteRegistrationChallenges, r.ID),
		t.DeleteSessions(ctx, r.PoolID, string(r.ID)),
		t.run(ctx, sqlDeleteRegistration, r.ID))
}
