package userpool

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Most devices are never seen again, since their clients drop the key. So a sign-in
// from a new device writes no row: the key itself says when it was given, and to whom.
// The device has a row once its client confirms it, or comes back and signs in again.
//
// The key is a UUID of version 8 (RFC 9562, section 5.8): the seconds since 1970 in 32
// bits, 28 bits of chance, so that two sign-ins of one second have two keys, and 62 of a
// keyed hash of both, the pool and the user. Its key is that of all stable hashes: the
// same on every server of the store, whatever becomes of master keys, and in a backup.

// What a key is made of.
const (
	keyGiven  = 4 // bytes of the time
	keyHeader = 8 // bytes before the hash
)

// newDeviceKey makes a key as Cognito's are: the region of the pool's id, and a UUID.
func (s *Service) newDeviceKey(pool PoolID, user UserID, at time.Time) string {
	var header [keyHeader]byte
	rand.Read(header[keyGiven:])
	binary.BigEndian.PutUint32(header[:], uint32(at.Unix()))
	return s.deviceKey(pool, user, header)
}

// rowedDeviceKey makes one that says nothing, and is good with its row alone.
func rowedDeviceKey(pool PoolID) string { return keyRegion(pool) + uuid.NewString() }

func keyRegion(pool PoolID) string {
	region, _, _ := strings.Cut(string(pool), "_")
	return region[:min(len(region), maxKeyRegion)] + "_"
}

func (s *Service) deviceKey(pool PoolID, user UserID, header [keyHeader]byte) string {
	var u uuid.UUID
	copy(u[:], header[:])
	u[6] = 0x80 | u[6]&0x0f
	copy(u[keyHeader:], s.stable(stableDeviceKey, string(pool), string(user), string(u[:keyHeader])))
	u[8] = 0x80 | u[8]&0x3f
	return keyRegion(pool) + u.String()
}

// deviceKeyGiven is when the key was given to the user; false for every key that was not,
// or that has a row or is nothing.
func (s *Service) deviceKeyGiven(pool PoolID, user UserID, key string) (time.Time, bool) {
	_, text, _ := strings.Cut(key, "_")
	u, err := uuid.Parse(text)
	if err != nil {
		return time.Time{}, false
	}
	want := s.deviceKey(pool, user, [keyHeader]byte(u[:keyHeader]))
	if subtle.ConstantTimeCompare([]byte(want), []byte(key)) != 1 {
		return time.Time{}, false
	}
	return time.Unix(int64(binary.BigEndian.Uint32(u[:])), 0).UTC(), true
}

// device finds a device of the user's by its key, ErrNotFound for every key that is none.
// One that has no row is as its row was to be when the key was given, for deviceIdle, and
// kept is false. It tells nobody who has an account: the key must be that very user's.
func (s *Service) device(ctx context.Context, tx Tx, pool PoolID, user UserID, key string, at time.Time) (d Device, kept bool, err error) {
	if key = clipKey(key); key == "" {
		return Device{}, false, ErrNotFound
	}
	if d, err = tx.Device(ctx, pool, user, key); !errors.Is(err, ErrNotFound) {
		return d, err == nil, err
	}
	given, ok := s.deviceKeyGiven(pool, user, key)
	if !ok || !at.Before(given.Add(deviceIdle)) {
		return Device{}, false, ErrNotFound
	}
	f, err := tx.ForgottenDevices(ctx, pool, user)
	if err != nil {
		return Device{}, false, fmt.Errorf("forgotten devices: %w", err)
	}
	// What was forgotten after the backup a restored store does not know.
	restored, err := restoredAt(ctx, tx)
	if err != nil {
		return Device{}, false, err
	}
	p, err := tx.Pool(ctx, pool)
	if err != nil {
		return Device{}, false, fmt.Errorf("pool of a device: %w", err)
	}
	// And one that was deleted, and brought over once more under its id, what was before that.
	since := p.CreatedAt.Truncate(time.Second) // keys know whole seconds
	if f.has(key, given) || given.Before(restored) || given.Before(since) {
		return Device{}, false, ErrNotFound
	}
	return Device{
		PoolID: pool, UserID: user, Key: key, GroupKey: s.deviceGroup(pool),
		CreatedAt: given, ModifiedAt: given, AuthenticatedAt: given,
	}, false, nil
}

// ForgottenDevices are keys of a user that were given and are nobody's any more. Without
// them a key would be good again once its row is gone. They are bounded as rows are: of
// too many the one that was given first goes, and with it all that were given before it.
type ForgottenDevices struct {
	UpTo time.Time // keys without a row that were given until then; zero for none
	Keys []string  // and these
}

// maxForgotten is so high that whoever is signed in, and would have a user's other devices
// without rows forgotten, has to sign in and forget more often than would push out rows.
const maxForgotten = maxDevices

func (f ForgottenDevices) has(key string, given time.Time) bool {
	return !given.After(f.UpTo) || slices.Contains(f.Keys, key)
}

// endKeys notes that the keys, whose rows are gone, are nobody's.
func (s *Service) endKeys(ctx context.Context, tx Tx, pool PoolID, user UserID, keys []string, at time.Time) error {
	mayComeBack := func(key string, upTo time.Time) bool {
		given, ok := s.deviceKeyGiven(pool, user, key)
		return ok && at.Before(given.Add(deviceIdle)) && given.After(upTo)
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return !mayComeBack(key, time.Time{}) })
	if len(keys) == 0 {
		return nil
	}
	f, err := tx.ForgottenDevices(ctx, pool, user)
	if err != nil {
		return fmt.Errorf("forgotten devices: %w", err)
	}
	f.Keys = slices.DeleteFunc(append(f.Keys, keys...), func(key string) bool { return !mayComeBack(key, f.UpTo) })
	slices.Sort(f.Keys) // which is the order of their times
	f.Keys = slices.Compact(f.Keys)
	if n := len(f.Keys) - maxForgotten; n > 0 {
		f.UpTo, _ = s.deviceKeyGiven(pool, user, f.Keys[n-1])
		f.Keys = f.Keys[n:]
	}
	return tx.PutForgottenDevices(ctx, pool, user, f)
}

// forgetDevices ends all of the user's devices that were given their keys until then.
func forgetDevices(ctx context.Context, tx Tx, u User, until time.Time) error {
	if err := tx.DeleteDevices(ctx, u.PoolID, u.ID); err != nil || u.SignedInAt.IsZero() {
		return err // who never signed in was given no key
	}
	return tx.PutForgottenDevices(ctx, u.PoolID, u.ID, ForgottenDevices{UpTo: until})
}
